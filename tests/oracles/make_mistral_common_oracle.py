"""Makes mistral_common.npz: what Mistral's own code says of texts and of chats.

Texts with Tekken, Mistral's byte-level BPE; chats with all vocabularies. In an
environment of its own, with this project's folder as the working directory:

    pip install 'mistral-common[sentencepiece]==1.13.1'
    python -m tests.oracles.make_mistral_common_oracle
"""

import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracles.tokenizer_texts import varied_texts

_PACKAGES = ("mistral-common", "tiktoken", "sentencepiece")
CHATS = [
    ["hi"],
    ["Hello, who are you?", "I'm a model.", "Fine!"],
    ["  two spaces", "\nA line\n", "1"],
    ["é 你好", "👍", "ok", "y\tz", "last one"],
    ["def f():\n    return 1", "    x = 2", "'quoted'"],
]


def random_ids() -> list[list[int]]:
    """The same ids each time: any, and many of the special ones and the bytes."""
    draw = random.Random(5)
    pools = [range(131_072), range(990, 1300), [0, 1, 2, 3, 1200, 1300]]
    return [draw.choices(draw.choice(pools), k=draw.randint(0, 12)) for _ in range(400)]


def _chat_ids(tokenizer: Any, contents: list[str]) -> list[int]:
    from mistral_common.protocol.instruct import messages, request

    kinds = [messages.UserMessage, messages.AssistantMessage]
    said = [kinds[turn % 2](content=text) for turn, text in enumerate(contents)]
    asked = request.ChatCompletionRequest(messages=said)
    return tokenizer.encode_chat_completion(asked).tokens


def main() -> None:
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    tokenizers = {
        "v1": MistralTokenizer.v1(),
        "v2": MistralTokenizer.v2(),
        "v3": MistralTokenizer.v3(),
        "tekken": MistralTokenizer.v3(is_tekken=True),
    }
    tekken = tokenizers["tekken"].instruct_tokenizer.tokenizer
    texts = varied_texts()
    ids = [tekken.encode(text, bos=False, eos=False) for text in texts]
    assert [tekken.decode(row) for row in ids] == texts
    about = {"made_by": "tests/oracles/make_mistral_common_oracle.py"}
    about |= {name: version(name) for name in _PACKAGES}
    words = {
        "about": about,
        "chats": {
            name: [_chat_ids(tokenizer, contents) for contents in CHATS]
            for name, tokenizer in tokenizers.items()
        },
        "decoded": [tekken.decode(row) for row in random_ids()],
    }
    np.savez_compressed(
        Path(__file__).with_name("mistral_common.npz"),
        words=np.frombuffer(json.dumps(words).encode(), np.uint8),
        lengths=np.array([len(row) for row in ids], np.uint16),
        ids=np.concatenate(ids).astype(np.uint32),
    )


if __name__ == "__main__":
    main()
