"""Ask keras-hub to read what `write_keras_preset` wrote, for every tiny case.

No test can do that, as keras-hub is no dependency. In an environment with keras-hub and
this project's requirements, from the repository root

    python -m tests.oracles.check_keras_hub_reads

It stops at the first case in which keras-hub's logits differ from those of the same
weights assigned to keras-hub's model by hand, or its tokens from SentencePiece's.
"""

import tempfile
from pathlib import Path

import numpy as np
import sentencepiece

from playground.presets.keras import write_keras_preset
from playground.tokenizers import MistralTokenizer
from tests.oracles.stored import TinyCase, tiny_case, tiny_names

PROTO = Path(__file__).with_name("folders") / "huggingface" / "tokenizer.model"
TEXT = "low lower newest"


def main() -> None:
    for name in tiny_names():
        case = tiny_case(name)
        with tempfile.TemporaryDirectory() as folder:
            tokenizer = MistralTokenizer(PROTO)
            write_keras_preset(
                Path(folder), case.config, case.weights.items(), tokenizer
            )
            difference = read(Path(folder), case)
        print(f"{name:26} {difference:.1e}")
        assert difference < 1e-5


def read(folder: Path, case: TinyCase) -> float:
    """The largest difference between logits. `peer_models` sets Keras's backend."""
    from tests.oracles.peer_models import keras_hub_model  # isort: skip
    from keras_hub.models import MistralCausalLM

    model = MistralCausalLM.from_preset(str(folder), dtype="float32")
    expected_ids = sentencepiece.SentencePieceProcessor(model_file=str(PROTO))
    tokens = np.asarray(model.preprocessor.tokenizer(TEXT)).tolist()
    assert tokens == expected_ids.encode(TEXT)
    inputs = {
        "token_ids": case.token_ids,
        "padding_mask": case.padding_mask.astype("int32"),
    }
    by_hand = keras_hub_model(case.weights, case.config)
    return float(np.abs(np.asarray(model(inputs)) - np.asarray(by_hand(inputs))).max())


if __name__ == "__main__":
    main()
