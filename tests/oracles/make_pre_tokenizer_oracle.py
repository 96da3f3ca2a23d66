"""Makes pre_tokenizers.npz: how llama.cpp cuts words, for each name that we know.

The vocabulary is always Tekken's; only the name of the pre-tokenizer changes. In this
project's environment, with its folder as the working directory:

    npm install --ignore-scripts node-llama-cpp@3.22.1      (in some folder)
    python -m tests.oracles.make_pre_tokenizer_oracle THAT_FOLDER
"""

import json
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np

from playground.presets.gguf.tokenizer import OTHER_NAMES
from playground.presets.huggingface.tekken_json import TekkenJSON, parse_tekken_json
from playground.tokenizers.word_patterns import PRE_TOKENIZERS
from tests.mistral_vocabularies import mistral_vocabulary
from tests.oracles.make_tokenizer_oracle import SCRIPT
from tests.oracles.tokenizer_texts import varied_texts

NAMES = (*PRE_TOKENIZERS, *OTHER_NAMES)


def _write_vocabulary(path: Path, name: str, tekken: TekkenJSON) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list(tekken.tokens)
    special = tekken.num_special_tokens
    writer.add_token_types([3] * special + [1] * (len(tekken.tokens) - special))
    writer.add_token_merges([" ".join(pair) for pair in tekken.merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def main(folder: Path) -> None:
    texts = varied_texts()
    tekken = parse_tekken_json(json.loads(mistral_vocabulary("tekken").read_text()))
    (folder / "texts.json").write_text(json.dumps(texts))
    (folder / "tokenize.mjs").write_text(SCRIPT)
    stored, about = {}, {"made_by": "tests/oracles/make_pre_tokenizer_oracle.py"}
    for name in NAMES:
        model = folder / "vocabulary.gguf"
        _write_vocabulary(model, name, tekken)
        command = ["node", "tokenize.mjs", str(model.absolute()), "texts.json"]
        subprocess.run(command, cwd=folder, check=True)
        answers = json.loads((folder / "answers.json").read_text())
        about |= {key: answers[key] for key in ("node_llama_cpp", "llama_cpp")}
        about[f"{name} adds the start token"] = answers["adds_start_token"]
        lengths, ids = list(map(len, answers["ids"])), np.concatenate(answers["ids"])
        if name in OTHER_NAMES:
            assert np.array_equal(ids, stored[f"{OTHER_NAMES[name]}/ids"])
            continue
        stored[f"{name}/lengths"] = np.array(lengths, np.uint16)
        stored[f"{name}/ids"] = ids.astype(np.uint32)
    stored["about"] = np.array(json.dumps(about))
    np.savez_compressed(Path(__file__).with_name("pre_tokenizers.npz"), **stored)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
