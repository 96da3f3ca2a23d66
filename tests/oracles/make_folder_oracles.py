"""Make `folders/`: two tiny checkpoints as their own libraries save them.

Run it again only to change them. In the environment of `make_tiny_oracle.py`, with
sentencepiece, from the repository root

    python tests/oracles/make_folder_oracles.py

`folders/huggingface` is what transformers writes (`save_pretrained`, in shards),
`folders/keras_hub` what keras-hub writes (`save_to_preset`). Both hold the weights of
the case `wide_heads_window_8` in `tiny.npz`, whose logits are there, and one
SentencePiece model of 61 tokens.
"""

import io
import json
import shutil
from pathlib import Path

import sentencepiece
from peer_models import keras_hub_model, provenance, transformers_model
from stored import tiny_case

CASE = "wide_heads_window_8"
FOLDERS = Path(__file__).with_name("folders")
WORDS = ["low lower lowest", "new newer newest", "wide wider widest", "x y z 123"]


def tokenizer_proto(vocabulary_size: int) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS * 3),
        model_writer=model,
        vocab_size=vocabulary_size,
        model_type="bpe",
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def main() -> None:
    case = tiny_case(CASE)
    proto = tokenizer_proto(case.config["vocabulary_size"])
    shutil.rmtree(FOLDERS, ignore_errors=True)
    model = transformers_model(case.weights, case.config)
    model.save_pretrained(FOLDERS / "huggingface", max_shard_size="40KB")
    (FOLDERS / "huggingface" / "tokenizer.model").write_bytes(proto)
    save_with_keras_hub(case, proto, FOLDERS / "keras_hub")
    about = provenance() | {"case": CASE}
    (FOLDERS / "about.json").write_text(json.dumps(about, indent=1) + "\n")


def save_with_keras_hub(case, proto: bytes, folder: Path) -> None:
    from keras_hub.models import (
        MistralCausalLM,
        MistralCausalLMPreprocessor,
        MistralTokenizer,
    )

    backbone = keras_hub_model(case.weights, case.config).backbone
    preprocessor = MistralCausalLMPreprocessor(
        MistralTokenizer(proto), sequence_length=24
    )
    MistralCausalLM(backbone, preprocessor).save_to_preset(str(folder))


if __name__ == "__main__":
    main()
