"""What a program may ask about a text, answered in plain values for JSON.

Each function takes a model, checked settings and what the caller sent, which may be
anything. Raises ValueError in words fit to show. Arguments after these two, and the
docstrings, are what callers of the API see.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import takewhile
from operator import add
from typing import Any

from playground.controls import Control
from playground.engine import Request
from playground.models import MistralCausalLM, explain
from playground.models.chat_format import uses_chat_format
from playground.models.interpretability.predictions import text_numbers
from playground.models.interpretability.text_reading import check_text
from playground.models.prompting import draw_seed, make_request
from playground.samplers import SamplerValues
from playground.samplers.choice import is_search, sampler_of
from playground.session import MAX_PROMPT_CHARACTERS
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer
from playground.views.amounts import bits, tokens
from playground.views.labels import labels
from playground.views.sampler_lab import LabStage, sampler_lab_view
from playground.views.window import window_of
from playground.views.window_ruler import HOW, ruler_view

Answer = dict[str, Any]

TOP_N = Control(
    name="top_n",
    label="Candidates",
    help="How many of the likeliest tokens are listed.",
    kind="integer",
    group="Sampler",
    default=10,
    minimum=1,
    maximum=100,
)


def tokenize(model: MistralCausalLM, _: GenerationSettings, text: str) -> Answer:
    """The tokens as which the model reads a text, its start token included.

    Gives `token_ids`, `tokens` (what each is called, spaces visible) and `bytes` (what
    each adds to the text, in hexadecimal; nothing for special tokens).
    """
    ids = _ids(model, text=text)
    tokenizer = _tokenizer(model)
    return {
        "token_ids": ids,
        "tokens": list(labels(tokenizer, ids)),
        "bytes": [each.hex(" ") for each in _bytes(tokenizer, ids)],
    }


def candidates(
    model: MistralCausalLM,
    settings: GenerationSettings,
    prompt: str,
    text: str = "",
    top_n: int = TOP_N.default,
) -> Answer:
    """What may come next after a prompt and the text so far.

    Gives `candidates`, each with its probability under the model (`before`) and under
    the sampler (`after`); `stages`, what each one left of all tokens and the
    probability that the model gives to these; `drawn`, the token that `seed` draws.
    """
    if fault := TOP_N.fault(top_n):
        raise ValueError(fault)
    prompt = _prompt(model, prompt, settings)
    before, ids = _ids(model, prompt=prompt), _ids(model, prompt=prompt, text=text)
    request = _request(model, ids, settings)
    if is_search(settings) or not isinstance(request.sampler, SamplerValues):
        raise ValueError(
            "A search looks further than one token, so there are no candidates to "
            "list. Choose another sampler."
        )
    tokenizer = _tokenizer(model)
    view = sampler_lab_view(
        tokenizer,
        explain(model, ids, request.sliding_window).logits(-1),
        request.sampler,
        seed=request.seed,
        draw=max(0, len(ids) - len(before)),
        text_ids=ids,
        shown=top_n,
    )
    first, last = view.stages[0].probabilities, view.stages[-1].probabilities
    return {
        "candidates": _rows(
            ("token_id", "token", "before", "after"),
            view.token_ids,
            view.labels,
            first.tolist(),
            last.tolist(),
        ),
        "stages": [
            {"stage": each.stage, "tokens": each.tokens, "probability": _share(each)}
            for each in view.stages
        ],
        "drawn": view.pick_label,
        "seed": view.seed,
        "words": view.words(),
    }


def window(model: MistralCausalLM, settings: GenerationSettings, text: str) -> Answer:
    """What the last token of a text sees under a sliding window.

    Gives the window's size (null: none) and the model's layers; of the text's tokens
    how many are seen `directly`, only `through_layers` and `not_at_all`; the same in
    words; and the ruler, a row for each token.
    """
    ids = _ids(model, text=text)
    request = _request(model, ids, settings)
    seen = window_of(model.backbone, request.sliding_window)
    named = labels(_tokenizer(model), ids)
    view = ruler_view(named, len(ids), seen)
    table, zones = view.table(), view.zones.tolist()
    counts = {name.replace(" ", "_"): zones.count(n) for n, name in enumerate(HOW)}
    return {
        "sliding_window": seen.size,
        "num_layers": seen.num_layers,
        "num_tokens": len(ids),
        **counts,
        "words": view.words(),
        "columns": list(table.columns),
        "rows": [list(row) for row in table.rows],
    }


def score(
    model: MistralCausalLM,
    settings: GenerationSettings,
    prompt: str,
    continuation: str,
) -> Answer:
    """How well the model predicts a text that you give, after a prompt.

    Gives `tokens`, each with its `surprisal` and the `entropy` of what it came from (in
    nats) and its `rank` (1 for the likeliest); their number, bytes and `surprisal`
    together; and `bits_per_byte`, which does not depend on the tokens. Where a token
    holds the end of the prompt and the beginning of the continuation, it counts.
    Nothing predicts the first token of a text: without a prompt or a start token it is
    in `not_counted`, and neither among the tokens nor in the numbers, as `words` say.
    """
    prompt = _prompt(model, prompt, settings)
    before = _ids(model, prompt=prompt)
    ids = _ids(model, prompt=prompt, continuation=continuation)
    begins = _count_equal(before, ids)
    first = max(1, begins)
    left_out = ids[begins:first]
    if not ids[first:]:
        raise ValueError(
            "There is no token to be scored: `continuation` needs text, and something "
            "before its first token."
        )
    request, tokenizer = _request(model, ids, settings), _tokenizer(model)
    found = text_numbers(explain(model, ids, request.sliding_window))
    numbers = (found.surprisal, found.rank, found.entropy)
    nats = float(found.surprisal[first - 1 :].sum(dtype=float))
    num_bytes = sum(map(len, _bytes(tokenizer, ids)[first:]))
    return {
        "tokens": _rows(
            ("token_id", "token", "surprisal", "rank", "entropy"),
            ids[first:],
            labels(tokenizer, ids[first:]),
            *(each[first - 1 :].tolist() for each in numbers),
        ),
        "not_counted": _rows(
            ("token_id", "token"),
            left_out,
            labels(tokenizer, left_out),
        ),
        "words": _scored(labels(tokenizer, left_out), len(ids) - first),
        "num_tokens": len(ids) - first,
        "num_bytes": num_bytes,
        "surprisal": nats,
        "bits_per_byte": bits(nats) / num_bytes if num_bytes else None,
    }


def _scored(not_counted: Sequence[str], num_counted: int) -> str:
    counted = f"{tokens(num_counted)} counted."
    if not not_counted:
        return counted
    return (
        f"{counted} The first one, {not_counted[0]}, is not: nothing comes before it, "
        "as this model has no start token. Give a prompt to count it."
    )


def _count_equal(some: Sequence[int], others: Sequence[int]) -> int:
    """How many ids are the same from the start."""
    pairs = zip(some, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _rows(names: Sequence[str], *columns: Iterable[Any]) -> list[Answer]:
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _tokenizer(model: MistralCausalLM) -> Tokenizer:
    tokenizer: Tokenizer = model.text_preprocessor.tokenizer
    return tokenizer


def _prompt(model: MistralCausalLM, prompt: str, settings: GenerationSettings) -> str:
    """As the model reads it, in its chat template if that is wanted."""
    _check("prompt", prompt)
    if not uses_chat_format(model, settings.chat):
        return prompt
    return model.text_preprocessor.chat_prompt(prompt)


def _ids(model: MistralCausalLM, **texts: str) -> list[int]:
    """The tokens of some texts as one, each checked under its name."""
    for name, text in texts.items():
        _check(name, text)
    text, *more = texts.values()  # a chat prompt knows what was typed after it
    return model.text_preprocessor.prompt_ids(reduce(add, more, text))


def _check(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise ValueError(f"`{name}` must be text, got {type(text).__name__}.")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise ValueError(
            f"`{name}` has {len(text):,} characters; at most "
            f"{MAX_PROMPT_CHARACTERS:,} are read. Shorten it."
        )


def _request(
    model: MistralCausalLM, ids: Sequence[int], settings: GenerationSettings
) -> Request:
    """What a run of one token would be, for its checks of text, window and tokens."""
    tokenizer, backbone = _tokenizer(model), model.backbone
    request = make_request(
        backbone,
        tokenizer,
        ids,
        sampler=sampler_of(settings, tokenizer.stop_token_ids),
        seed=draw_seed() if settings.seed is None else settings.seed,
        max_length=None,
        max_new_tokens=1,
        stop_token_ids=None,
        sliding_window=settings.sliding_window,
    )
    check_text(ids, None, backbone.vocabulary_size, backbone.context_length)
    return request


def _share(stage: LabStage) -> float:
    return min(1.0, stage.kept)  # float32's sum of all may end a little above


def _bytes(tokenizer: Tokenizer, ids: Sequence[int]) -> list[bytes]:
    """What each token adds to the text."""
    special = tokenizer.special_token_ids
    begins = next((n for n, each in enumerate(ids) if each not in special), None)
    return [
        tokenizer.token_bytes(each, at_start=n == begins) for n, each in enumerate(ids)
    ]
