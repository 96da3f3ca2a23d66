"""Makes added_tokens.json: added tokens in texts, by transformers and llama.cpp.

The vocabulary is Mistral's first, with "<|im_end|>" and "<|im_start|>" added as ids
32,000 and 32,001, special or not. transformers reads it as a folder with
tokenizer.model, with and without "legacy" and "add_prefix_space"; llama.cpp as a GGUF
file, with and without add_space_prefix. In an environment with transformers 5.24.0,
sentencepiece and gguf, and this project's folder as the working directory:

    npm install --ignore-scripts node-llama-cpp@3.22.1      (in some folder)
    python -m tests.oracles.make_added_tokens_oracle VOCABULARY THAT_FOLDER

VOCABULARY is tokenizer.model.v1 of mistral-common (tests/mistral_vocabularies.py).
"""

import json
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.oracles.make_tokenizer_oracle import SCRIPT

ADDED = {32_000: "<|im_end|>", 32_001: "<|im_start|>"}
TEXTS = [
    "<|im_start|>user\nHi<|im_end|>\n",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "Hi<|im_end|>",
    "Hi",
    "<|im_end|><|im_start|>",
    "\n<|im_end|>\n",
    "a<|im_start|>b<|im_start|>c",
    "two words<|im_end|>two words",
    "<|im_end|>é 你好\n\nx",
    "<|im_start",
    "<s>Hi</s>Hi",
]
FOLDERS = {
    "special": {"special": True},
    "not special": {"special": False},
    "not legacy": {"special": False, "legacy": False},
    "no prefix": {"special": False, "add_prefix_space": False},
    "no prefix, not legacy": {
        "special": False,
        "add_prefix_space": False,
        "legacy": False,
    },
}
FILES = {"user-defined": (4, True), "control": (3, True), "no prefix": (4, False)}


def settings_of(special: bool, **changes: Any) -> dict[str, Any]:
    """A tokenizer_config.json."""
    own = {0: "<unk>", 1: "<s>", 2: "</s>"}
    return {
        "tokenizer_class": "LlamaTokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "legacy": True,
        "added_tokens_decoder": {
            str(id_): {
                "content": text,
                "special": special or id_ in own,
                "normalized": False,
                "lstrip": False,
                "rstrip": False,
                "single_word": False,
            }
            for id_, text in (own | ADDED).items()
        },
        **changes,
    }


def _transformers(vocabulary: Path, settings: dict[str, Any]) -> list[list[int]]:
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(vocabulary, folder / "tokenizer.model")
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        config = {"model_type": "llama", "vocab_size": 32_002}
        (folder / "config.json").write_text(json.dumps(config))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]


def _write_gguf(path: Path, vocabulary: Path, kind: int, prefix: bool) -> None:
    import gguf
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(vocabulary))
    ids = range(pieces.get_piece_size())
    kinds = [
        2 if pieces.is_unknown(i)
        else 3 if pieces.is_control(i)
        else 6 if pieces.is_byte(i)
        else 1
        for i in ids
    ]  # fmt: skip
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*map(pieces.id_to_piece, ids), *ADDED.values()])
    writer.add_token_scores([*map(pieces.get_score, ids), -1000.0, -1000.0])
    writer.add_token_types([*kinds, kind, kind])
    writer.add_add_space_prefix(prefix)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def _llama_cpp(vocabulary: Path, folder: Path, kind: int, prefix: bool) -> Any:
    _write_gguf(folder / "vocabulary.gguf", vocabulary, kind, prefix)
    (folder / "texts.json").write_text(json.dumps(TEXTS))
    (folder / "tokenize.mjs").write_text(SCRIPT)
    model = str((folder / "vocabulary.gguf").absolute())
    command = ["node", "tokenize.mjs", model, "texts.json"]
    subprocess.run(command, cwd=folder, check=True)
    return json.loads((folder / "answers.json").read_text())


def main(vocabulary: Path, folder: Path) -> None:
    stored: dict[str, Any] = {"made_by": "tests/oracles/make_added_tokens_oracle.py"}
    stored |= {name: version(name) for name in ("transformers", "tokenizers")}
    stored["transformers says"] = {
        name: _transformers(vocabulary, settings_of(**settings))
        for name, settings in FOLDERS.items()
    }
    stored["llama.cpp says"] = {}
    for name, (kind, prefix) in FILES.items():
        answers = _llama_cpp(vocabulary, folder, kind, prefix)
        stored |= {key: answers[key] for key in ("node_llama_cpp", "llama_cpp")}
        stored["llama.cpp says"][name] = answers["special_ids"]
    target = Path(__file__).with_name("added_tokens.json")
    text = json.dumps(stored, indent=1)
    target.write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
