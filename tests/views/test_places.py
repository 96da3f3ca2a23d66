"""Places that are not there are refused by name, in every view that takes one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from playground.engine import Beam, Beams, Candidate, StageCount, TokenRecord
from playground.models.places import place, places, whole
from playground.samplers import SamplerValues
from playground.views.attention import attention_view, layer_view
from playground.views.band_mask import band_mask_view
from playground.views.beam_tree import beam_tree_view
from playground.views.candidates import candidates_view
from playground.views.contrastive import contrastive_view
from playground.views.head_finder import head_finder_view, repeated_tokens
from playground.views.head_groups import head_groups_view
from playground.views.logit_lens import logit_lens_view
from playground.views.mass_cut import mass_cut_view
from playground.views.memory import memory_view
from playground.views.reach import reach_view
from playground.views.ring import ring_view
from playground.views.rollout import rollout_view
from playground.views.sampler_lab import sampler_lab_view
from playground.views.sampler_table import sampler_table_view
from playground.views.text_units import even_units, tokens_as_units
from playground.views.what_if import windows_to_try
from playground.views.window import Window, window_of
from playground.views.window_ruler import ruler_view
from tests.views.scripted_explained import random_weights, scripted
from tests.views.small_vocabulary import small_vocabulary

SMALL = small_vocabulary()
LAYERS, HEADS, TOKENS = 3, 4, 7
NAMES = tuple("abcdefg")
TEXT = scripted(
    random_weights(0, LAYERS, HEADS, TOKENS),
    lens_logits=np.zeros((LAYERS + 1, TOKENS, 20)),
)
WINDOW = Window(size=5, num_layers=LAYERS)
NOTHING = (
    True,
    False,
    1.0,
    math.nan,
    "1",
    b"1",
    np.True_,
    np.float32(1),
    [1],
    object(),
)
RECORD = TokenRecord(
    logprob=-1.0,
    chain_logprob=-1.0,
    rank=1,
    entropy=1.0,
    choices=2.7,
    stages=(StageCount("model", 20, 1.0),),
    top=(),
)
BEAMS = [Beams(index=0, beams=(Beam((4,), -1.0),), pruned=(), tokens_per_second=1.0)]
LOGITS = np.zeros(20, np.float32)


class Backbone:
    num_layers, num_query_heads, num_key_value_heads, head_dim = 2, 4, 2, 8
    compute_dtype, widest_window, layer_windows = "float32", 5, [5, 5]


def of_many(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function of several places asked with one of them wrong."""
    return lambda **given: function(**{**given, name: (0, given[name])})


UNITS = {"units": tokens_as_units(NAMES)}
HEAD = {"explained": TEXT, "layer": 0, "head": 0, "prompt_length": 2, **UNITS}
LAB = {"tokenizer": SMALL, "logits": LOGITS, "values": SamplerValues(), "seed": 0}
MEMORY = {
    "backbone": Backbone,
    "num_tokens": 5,
    "num_slots": 8,
    "window": 5,
    "chunk": 2,
}
RING = {"labels": NAMES, "num_prompt": 3, "window": 3, "slots_for": lambda *_: 8}
MASK = {"labels": NAMES, "num_prompt": 3, "window": WINDOW}
LENS = {"explained": TEXT, "tokenizer": SMALL, "positions": [0]}
ALL = {"explained": TEXT, "labels": NAMES}
REPEATED = {"vocabulary_size": 5, "length": 3, "times": 2}
COMPARED = {"tokenizer": SMALL, "candidates": [Candidate(4, 0.5, 0.1, 0.2)], "alpha": 1}
# What takes a place, the rest of its arguments, the place's name, its first and last.
TAKE = [
    (attention_view, HEAD, "layer", 0, LAYERS - 1),
    (attention_view, HEAD, "head", 0, HEADS - 1),
    (attention_view, HEAD, "prompt_length", 0, TOKENS),
    (attention_view, HEAD, "most_links", 1, None),
    (layer_view, {"explained": TEXT}, "layer", 0, LAYERS - 1),
    (layer_view, {"explained": TEXT, "layer": 0}, "size", 1, None),
    (head_groups_view, {"explained": TEXT}, "layer", 0, LAYERS - 1),
    (of_many(head_finder_view, "layers"), {"explained": TEXT}, "layers", 0, LAYERS - 1),
    (of_many(mass_cut_view, "layers"), ALL, "layers", 0, LAYERS - 1),
    (of_many(logit_lens_view, "positions"), LENS, "positions", 0, TOKENS - 1),
    (logit_lens_view, LENS, "most_tokens", 1, None),
    (rollout_view, ALL, "position", 0, TOKENS - 1),
    (reach_view, {"labels": NAMES, "window": WINDOW}, "position", 0, TOKENS - 1),
    (ruler_view, {"labels": NAMES, "window": WINDOW}, "num_prompt", 0, TOKENS),
    (band_mask_view, MASK, "num_prompt", 0, TOKENS),
    (band_mask_view, MASK, "shorter", 1, 5),
    (band_mask_view, MASK, "max_blocks", 1, None),
    (ring_view, RING, "num_prompt", 1, TOKENS),
    (ring_view, RING, "window", 1, None),
    (ring_view, RING, "max_moments", 1, None),
    *((memory_view, MEMORY, name, 1, None) for name in list(MEMORY)[1:]),
    (beam_tree_view, {"tokenizer": SMALL, "events": BEAMS}, "steps", 1, None),
    (
        candidates_view,
        {"tokenizer": SMALL, "record": RECORD, "token_id": 4},
        "index",
        0,
        None,
    ),
    (contrastive_view, {**COMPARED, "token_id": 4}, "index", 0, None),
    (contrastive_view, COMPARED, "token_id", 4, 4),
    (sampler_lab_view, LAB, "draw", 0, None),
    (sampler_lab_view, LAB, "seed", 0, 2**32 - 1),
    (sampler_lab_view, LAB, "shown", 1, None),
    (sampler_table_view, LAB, "draw", 0, None),
    (sampler_table_view, LAB, "seed", 0, 2**32 - 1),
    *((repeated_tokens, REPEATED, name, 1, None) for name in REPEATED),
    (windows_to_try, {"own": 3}, "num_tokens", 1, None),
    (windows_to_try, {"num_tokens": 3}, "own", 1, None),
    (even_units, {"num_tokens": 3}, "most", 1, None),
    (
        lambda sliding_window: window_of(Backbone, sliding_window),
        {},
        "sliding_window",
        1,
        None,
    ),
]


@pytest.mark.parametrize(("function", "rest", "name", "low", "high"), TAKE)
def test_a_view_takes_what_is_there_and_refuses_the_rest_by_name(
    function: Callable[..., Any],
    rest: dict[str, Any],
    name: str,
    low: int,
    high: int | None,
) -> None:
    least, most = {**rest, name: low}, {**rest, name: low + 2 if high is None else high}
    for given in (least, most):
        function(**given)
        function(**{**given, name: np.int64(given[name])})
    wrong = [low - 1, *([] if high is None else [high + 1, 10**12]), *NOTHING]
    for value in [*wrong, *([] if name in MAY_BE_NONE else [None])]:
        words = rf"`{name}` must be|{OTHERWISE.get(name, '^$')}"
        with pytest.raises(ValueError, match=words):
            function(**{**rest, name: value})


MAY_BE_NONE = ("position", "shorter", "sliding_window")
OTHERWISE = {"num_prompt": "with a prompt", "token_id": "is none of the 1 candidates"}


def test_a_place_counts_from_the_end_only_where_it_is_asked_to() -> None:
    assert [place("p", n, 3, from_end=True) for n in range(-3, 3)] == [0, 1, 2, 0, 1, 2]
    assert place("p", np.uint8(2), 3) == 2
    assert type(place("p", np.uint8(2), 3)) is int
    with pytest.raises(ValueError, match=r"^`p` must be from 0 to 2, got -1.$"):
        place("p", -1, 3)
    words = r"^`p` must be from 0 to 2, or from the end with -1 to -3, got -4.$"
    with pytest.raises(ValueError, match=words):
        place("p", -4, 3, from_end=True)
    with pytest.raises(ValueError, match=r"^`p` names one of none, got 0.$"):
        place("p", 0, 0)


def test_numbers_are_whole_and_in_bounds() -> None:
    assert [whole("n", 2, 0), whole("n", 2, 0, 2), whole("n", np.int8(-1), -1)]
    words = r"^`n` must be a whole number, at least 1, got True.$"
    with pytest.raises(ValueError, match=words):
        whole("n", True, 1)
    with pytest.raises(ValueError, match=r"^`n` must be from 1 to 2,000, got 2,001.$"):
        whole("n", 2001, 1, 2000)
    assert places("n", (0, np.int64(2)), 3) == [0, 2]
    for nothing in ((), 3, None):
        with pytest.raises(ValueError, match="`n` must be one or more whole numbers"):
            places("n", nothing, 3)
