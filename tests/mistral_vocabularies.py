"""Mistral's own vocabularies, out of the package mistral-common.

They are fetched from its wheel, once, as the default model is. The package itself is
not installed: it needs an older NumPy than we have, and no code of it is used.
"""

from pathlib import Path

from playground.presets.catalog import WheelMember
from playground.presets.downloads.package import fetch

REQUIREMENT = "mistral-common==1.13.1"
# Name -> (file, size in bytes, SHA-256).
_FILES = {
    "v1": (
        "tokenizer.model.v1",
        493_443,
        "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
    ),
    "v2": (
        "mistral_instruct_tokenizer_240216.model.v2",
        587_404,
        "37f00374dea48658ee8f5d0f21895b9bc55cb0103939607c8185bfd1c6ca1f89",
    ),
    "v3": (
        "mistral_instruct_tokenizer_240323.model.v3",
        587_591,
        "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33",
    ),
    "tekken": (
        "tekken_240718.json",
        14_801_223,
        "eccd1665d2e477697c33cb7f0daa6f6dfefc57a0a6bceb66d4be52952f827516",
    ),
}


def mistral_vocabulary(name: str) -> Path:
    """The file of "v1", "v2", "v3" (SentencePiece) or "tekken"."""
    file, num_bytes, sha256 = _FILES[name]
    source = WheelMember(
        requirement=REQUIREMENT,
        package_sha256="98b4d0755b8d90bf4691fa8f1b70cb3b4a8cd4dc1653c4ed08ef3d1c7d2c29af",
        package_bytes=6_589_302,
        member=f"mistral_common/data/{file}",
        sha256=sha256,
        num_bytes=num_bytes,
    )
    return fetch(source, lambda *_: None)
