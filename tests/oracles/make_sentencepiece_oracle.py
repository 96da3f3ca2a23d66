"""Makes sentencepiece.npz: what keras-hub's MistralTokenizer makes of 2,365 texts.

The vocabularies are Mistral's own, v1, v2 and v3, from the package mistral-common (see
tests/mistral_vocabularies.py). In an environment with keras-hub 0.32.0, keras 3.15.1,
jax and tensorflow-text 2.21.1, and this project's folder as the working directory:

    pip download --no-deps mistral-common==1.13.1
    unzip mistral_common-1.13.1-py3-none-any.whl 'mistral_common/data/*'
    python -m tests.oracles.make_sentencepiece_oracle mistral_common/data

keras-hub has two ways to tokenize, in Python and inside tf.data. The first is stored;
the second must say the same.
"""

import json
import os
import random
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracles.tokenizer_texts import varied_texts

FILES = {
    "v1": "tokenizer.model.v1",
    "v2": "mistral_instruct_tokenizer_240216.model.v2",
    "v3": "mistral_instruct_tokenizer_240323.model.v3",
}
_PACKAGES = ("keras-hub", "keras", "sentencepiece", "tensorflow-text")


def random_ids(vocabulary_size: int) -> list[list[int]]:
    """The same ids each time: any, and many of the special ones and the bytes."""
    draw = random.Random(4)
    pools = [range(vocabulary_size), range(300), range(1100), [0, 1, 2, 3, 29_000]]
    return [draw.choices(draw.choice(pools), k=draw.randint(0, 12)) for _ in range(400)]


def answers(path: Path, texts: list[str]) -> dict[str, Any]:
    """keras-hub's ids of each text, and its text of those and of random ids."""
    import keras_hub
    import tensorflow as tf

    proto = path.read_bytes()
    tokenizer = keras_hub.models.MistralTokenizer(proto)
    ids = [[int(id_) for id_ in row] for row in tokenizer(texts)]
    graph = tf.data.Dataset.from_tensor_slices(texts).map(tokenizer)
    in_graph = [row.tolist() for row in graph.as_numpy_iterator()]
    different = [t for t, a, b in zip(texts, ids, in_graph, strict=True) if a != b]
    print(path.name, "differ inside tf.data:", different)
    several = [*ids, *random_ids(tokenizer.vocabulary_size())]
    decoded = [str(tokenizer.detokenize(row)) if row else "" for row in several]
    return {"ids": ids, "decoded": decoded}


def main(folder: Path) -> None:
    texts = varied_texts()
    about = {"made_by": "tests/oracles/make_sentencepiece_oracle.py"}
    about |= {name: version(name) for name in _PACKAGES}
    stored = {"about": np.array(json.dumps(about))}
    stored["texts"] = np.frombuffer(json.dumps(texts).encode(), np.uint8)
    for name, file in FILES.items():
        found = answers(folder / file, texts)
        # Most texts come back as they were.
        rows = zip(texts + [None] * 400, found["decoded"], strict=True)
        decoded = json.dumps([None if said == text else said for text, said in rows])
        stored |= {
            f"{name}/lengths": np.array([len(row) for row in found["ids"]], np.uint16),
            f"{name}/ids": np.concatenate(found["ids"]).astype(np.uint16),
            f"{name}/decoded": np.frombuffer(decoded.encode(), np.uint8),
        }
    np.savez_compressed(Path(__file__).with_name("sentencepiece.npz"), **stored)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    main(Path(sys.argv[1]))
