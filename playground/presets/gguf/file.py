"""Reads a GGUF file: metadata at once, tensors one by one.

The layout is ggml's (docs/gguf.md there), versions 2 and 3, little endian:

    "GGUF" version:u32 num_tensors:u64 num_pairs:u64
    pairs:   key:string type:u32 value
    tensors: name:string num_dims:u32 dims:u64[] type:u32 offset:u64
    padding to `general.alignment`, then the data; offsets count from here

A file is somebody else's: every count, length and offset is compared with the file's
size before anything is allocated for it. The `gguf` package's own reader makes an array
of each string's bytes and takes 4 s for a vocabulary of 49,152; this one takes 0.1 s.
"""

import math
import mmap
import struct
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize
from numpy.typing import NDArray

from playground.presets.errors import LoadError, shown

# The types that `dequantize` can turn into numbers without a second tensor.
# fmt: off
READABLE_TYPES = frozenset([
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K",
    "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS",
    "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4",
])
# fmt: on

_MAGIC = b"GGUF"
_MAX_KEY_BYTES = 65_535  # the format's own bound
_MAX_DIMENSIONS = 4
# (Smallest bytes of) a key, its type and a value; a name, one dimension and the rest.
_MIN_PAIR_BYTES = 8 + 4 + 1
_MIN_TENSOR_BYTES = 8 + 4 + 4 + 8
_STRING, _ARRAY, _BOOL = 8, 9, 7
# Value types, by the format's number. NumPy reads the same letters.
_NUMBERS = {
    number: struct.Struct("<" + letter)
    for number, letter in zip(
        (0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIifBQqd", strict=True
    )
}
_U32, _U64 = _NUMBERS[4], _NUMBERS[10]
_ELEMENTS_AT_ONCE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """Where a tensor lies, and in which file.

    `shape` is NumPy's order: the last dimension is adjacent.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    type: GGMLQuantizationType
    offset: int
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class GGUFFile:
    """An opened file: what its header says. Nothing of its tensors is in memory.

    `metadata` has the single values, `arrays` the lists: texts as a list, numbers in
    NumPy's form.
    """

    path: Path
    metadata: dict[str, str | int | float | bool]
    arrays: dict[str, list[str] | NDArray[Any]]
    tensors: dict[str, TensorInfo]

    def read(self, name: str) -> NDArray[np.float32]:
        """The tensor's values. Raises LoadError if the file has become shorter."""
        info = self.tensors[name]
        try:
            raw = np.fromfile(info.file, np.uint8, info.num_bytes, offset=info.offset)
        except OSError as error:
            raise LoadError(f"{info.file.name}: {error}") from error
        if raw.size != info.num_bytes:
            raise LoadError(
                f"{info.file.name}: the file changed while it was loading (tensor "
                f"{name!r} is cut off). Load it again."
            )
        values = _values(raw, info.type)
        if values is None:
            raise LoadError(
                f"{info.file.name} is damaged: tensor {name!r} has values that are no "
                "finite numbers. Download or convert it again."
            )
        return values.reshape(info.shape)


def is_gguf(path: Path) -> bool:
    """Whether a file begins as GGUF files do, whatever it is called."""
    try:
        with path.open("rb") as file:
            return file.read(4) == _MAGIC
    except OSError:
        return False


def open_gguf(path: Path) -> GGUFFile:
    """Reads the header of one GGUF file and checks that its tensors lie inside it.

    Raises:
        LoadError: Not a file, not GGUF, another version, or damaged; says where.
    """
    if not path.is_file():
        raise LoadError(f"There is no file {str(path)!r}. Check the path.")
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                raise LoadError(f"{path.name} is empty. Download it again.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Header(path, data).parse()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise LoadError(f"Cannot read {str(path)!r}: {why}.") from error


def _values(
    raw: NDArray[np.uint8], type_: GGMLQuantizationType
) -> NDArray[np.float32] | None:
    """The numbers in some whole blocks of a quantized type, flat; None if not finite.

    `dequantize` works on 16 rows at a time in Python. Rows are a matter of view here,
    so one is made to hold `_ELEMENTS_AT_ONCE` numbers: half the time for this
    project's default model, and no large temporary arrays.
    """
    block, block_bytes = GGML_QUANT_SIZES[type_]
    values = np.empty(raw.size // block_bytes * block, np.float32)
    bytes_at_once = _ELEMENTS_AT_ONCE // block * block_bytes
    done = 0
    for first in range(0, raw.size, bytes_at_once):
        piece = raw[np.newaxis, first : first + bytes_at_once]
        with np.errstate(all="ignore"):
            numbers = dequantize(piece, type_)[0]
        if not np.isfinite(numbers).all():
            return None
        values[done : done + numbers.size] = numbers
        done += numbers.size
    return values


class _Header:
    """One walk through the header; `_at` is the position in bytes."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._size = len(data)
        self._at = 0
        self._metadata: dict[str, str | int | float | bool] = {}
        self._arrays: dict[str, list[str] | NDArray[Any]] = {}

    def parse(self) -> GGUFFile:
        num_tensors, num_pairs = self._start()
        for _ in range(num_pairs):
            self._pair()
        alignment = self._alignment()
        places = self._tensor_infos(num_tensors)
        start = -(-self._at // alignment) * alignment
        tensors = {info.name: self._placed(info, start, alignment) for info in places}
        self._refuse_overlaps(tensors)
        return GGUFFile(
            path=self._path,
            metadata=self._metadata,
            arrays=self._arrays,
            tensors=tensors,
        )

    def _start(self) -> tuple[int, int]:
        if self._data[:4] != _MAGIC:
            raise LoadError(
                f"{self._path.name} is not a GGUF file: it starts with "
                f"{self._data[:4]!r} instead of {_MAGIC!r}. Choose a .gguf model file."
            )
        self._at = 4
        version = self._number(_U32, "the version")
        if version not in (2, 3):
            raise LoadError(
                f"{self._path.name} is GGUF version {version}; 2 and 3 (little endian) "
                "are supported. Convert it again with a current llama.cpp."
            )
        num_tensors = self._number(_U64, "the number of tensors")
        num_pairs = self._number(_U64, "the number of metadata pairs")
        self._require(num_pairs * _MIN_PAIR_BYTES, f"{num_pairs} metadata pairs")
        self._require(num_tensors * _MIN_TENSOR_BYTES, f"{num_tensors} tensors")
        return num_tensors, num_pairs

    def _pair(self) -> None:
        key = self._string("a metadata key", _MAX_KEY_BYTES)
        if key in self._metadata or key in self._arrays:
            self._fail(f"the metadata key {shown(key)} comes twice")
        type_ = self._number(_U32, f"the type of {shown(key)}")
        if type_ == _ARRAY:
            self._arrays[key] = self._array(key)
        elif type_ == _STRING:
            self._metadata[key] = self._string(shown(key))
        else:
            value = self._number(self._number_type(type_, key), shown(key))
            self._metadata[key] = bool(value) if type_ == _BOOL else value

    def _array(self, key: str) -> list[str] | NDArray[Any]:
        type_ = self._number(_U32, f"the element type of {shown(key)}")
        count = self._number(_U64, f"the length of {shown(key)}")
        if type_ == _STRING:
            self._require(count * 8, f"{count} strings of {shown(key)}")
            return [self._string(shown(key)) for _ in range(count)]
        if type_ == _ARRAY:
            self._fail(f"{shown(key)} is an array of arrays, which is not supported")
        dtype = np.dtype(self._number_type(type_, key).format)
        raw = self._take(count * dtype.itemsize, f"{count} numbers of {shown(key)}")
        numbers = np.frombuffer(raw, dtype)
        return numbers.astype(bool) if type_ == _BOOL else numbers

    def _tensor_infos(self, count: int) -> list[TensorInfo]:
        infos = [self._tensor_info() for _ in range(count)]
        seen: set[str] = set()
        for info in infos:
            if info.name in seen:
                self._fail(f"the tensor {shown(info.name)} comes twice")
            seen.add(info.name)
        return infos

    def _tensor_info(self) -> TensorInfo:
        name = self._string("a tensor's name", _MAX_KEY_BYTES)
        num_dims = self._number(_U32, f"the number of dimensions of {shown(name)}")
        if not 1 <= num_dims <= _MAX_DIMENSIONS:
            self._fail(f"tensor {shown(name)} has {num_dims} dimensions, not 1 to 4")
        sizes = [
            self._number(_U64, f"the shape of {shown(name)}") for _ in range(num_dims)
        ]
        type_ = self._number(_U32, f"the type of {shown(name)}")
        offset = self._number(_U64, f"the offset of {shown(name)}")
        shape = tuple(reversed(sizes))
        known = self._tensor_type(name, type_)
        num_bytes = self._num_bytes(name, shape, known)
        return TensorInfo(
            file=self._path,
            name=name,
            shape=shape,
            type=known,
            offset=offset,
            num_bytes=num_bytes,
        )

    def _tensor_type(self, name: str, type_: int) -> GGMLQuantizationType:
        known = {member.value: member for member in GGMLQuantizationType}.get(type_)
        if known is None or known.name not in READABLE_TYPES:
            label = f"number {type_}" if known is None else known.name
            raise LoadError(
                f"{self._path.name}: tensor {shown(name)} has the type {label}, "
                "which is not supported. Supported: "
                f"{', '.join(sorted(READABLE_TYPES))}."
            )
        return known

    def _num_bytes(
        self, name: str, shape: tuple[int, ...], type_: GGMLQuantizationType
    ) -> int:
        block, block_bytes = GGML_QUANT_SIZES[type_]
        if min(shape) < 1 or shape[-1] % block:
            self._fail(
                f"tensor {shown(name)} of type {type_.name} has the shape "
                f"{list(shape)}; sizes must be at least 1, and the last a multiple of "
                f"{block}"
            )
        return math.prod(shape) // block * block_bytes

    def _alignment(self) -> int:
        alignment = self._metadata.get("general.alignment", 32)
        if alignment not in {1 << bits for bits in range(17)}:
            self._fail(f"general.alignment is {alignment}, not a power of two <= 65536")
        return int(alignment)

    def _placed(self, info: TensorInfo, start: int, alignment: int) -> TensorInfo:
        """The same tensor with its offset from the start of the file."""
        end = start + info.offset + info.num_bytes
        if info.offset % alignment or end > self._size:
            self._fail(
                f"tensor {shown(info.name)} lies at bytes {start + info.offset} to "
                f"{end}, and the file has {self._size} (alignment {alignment})"
            )
        return replace(info, offset=start + info.offset)

    def _refuse_overlaps(self, tensors: dict[str, TensorInfo]) -> None:
        """Each byte belongs to one tensor: a small file cannot be a huge model."""
        in_order = sorted(tensors.values(), key=lambda info: info.offset)
        for left, right in pairwise(in_order):
            if left.offset + left.num_bytes > right.offset:
                self._fail(
                    f"tensors {shown(left.name)} and {shown(right.name)} overlap"
                )

    def _string(self, what: str, longest: int | None = None) -> str:
        length = self._number(_U64, f"the length of {what}")
        if longest is not None and length > longest:
            self._fail(f"{what} has {length} bytes, more than {longest}")
        raw = self._take(length, what)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self._fail(f"{what} is not UTF-8")

    def _number(self, type_: struct.Struct, what: str) -> Any:
        if self._at + type_.size > self._size:
            self._require(type_.size, what)
        (value,) = type_.unpack_from(self._data, self._at)
        self._at += type_.size
        return value

    def _number_type(self, type_: int, key: str) -> struct.Struct:
        if type_ not in _NUMBERS:
            self._fail(f"{shown(key)} has the unknown type {type_}")
        return _NUMBERS[type_]

    def _take(self, num_bytes: int, what: str) -> bytes:
        self._require(num_bytes, what)
        raw = self._data[self._at : self._at + num_bytes]
        self._at += num_bytes
        return raw

    def _require(self, num_bytes: int, what: str) -> None:
        left = self._size - self._at
        if num_bytes > left:
            self._fail(f"{what} would need {num_bytes} bytes, and {left} are left")

    def _fail(self, what: str) -> NoReturn:
        raise LoadError(
            f"{self._path.name} is damaged or cut off, at byte {self._at}: {what}. "
            "Download or convert it again."
        )
