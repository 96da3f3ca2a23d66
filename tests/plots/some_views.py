"""A small view of each kind, with labels of one's own; no model."""

import numpy as np

from playground.views.attention import AttentionView, LayerView, strongest
from playground.views.band_mask import band_mask_view
from playground.views.head_finder import HeadFinderView
from playground.views.head_groups import HeadGroupsView
from playground.views.key_similarity import KeySimilarityView
from playground.views.logit_lens import LogitLensView
from playground.views.mass_cut import MassCutView
from playground.views.memory import CacheSize, MemoryView
from playground.views.reach import reach_view
from playground.views.ring import ring_view
from playground.views.rollout import RolloutView
from playground.views.salience import SalienceView
from playground.views.text_units import even_units, tokens_as_units
from playground.views.view import View
from playground.views.what_if import WhatIfView
from playground.views.window import Window
from playground.views.window_ruler import ruler_view

PLAIN = tuple(f"␣t{i}" for i in range(8))
HOSTILE = ("$x$", "\x00\n\u202e", "q" * 500, "العربية", "🦜漢", "\\$", "", "a\u0301%{}")
WINDOW = Window(size=3, num_layers=2, own=4)
LAYERS, HEADS = 2, 4


def shares(*shape: int) -> np.ndarray:
    """Rows that sum to 1."""
    drawn = np.random.default_rng(0).random(shape)
    return (drawn / drawn.sum(axis=-1, keepdims=True)).astype(np.float32)


def causal(size: int) -> np.ndarray:
    """Attention [size, size] with nothing above the diagonal."""
    seen = np.tril(shares(size, size))
    return seen / seen.sum(axis=1, keepdims=True)


def attention(labels: tuple[str, ...], dense: bool = True) -> AttentionView:
    weights = causal(len(labels))
    return AttentionView(
        layer=1,
        head=2,
        units=tokens_as_units(labels),
        sliding_window=5,
        prompt_length=6,
        weights=weights if dense else None,
        looks_at=strongest(weights, 3),
        looked_at_by=strongest(weights.T, 3),
        strongest_link=(2, 1, 0.25),
    )


def finder() -> HeadFinderView:
    numbers = [shares(LAYERS, HEADS) for _ in range(6)]
    numbers[1][:] = np.nan
    fields = ("previous_token", "induction", "first_token", "itself", "entropy")
    return HeadFinderView(
        layers=(0, 1),
        num_tokens=8,
        sliding_window=8,
        num_repeats=0,
        even_entropy=1.5,
        even_distance=2.5,
        mean_distance=numbers[5],
        **dict(zip(fields, numbers, strict=False)),
    )


def lens(labels: tuple[str, ...]) -> LogitLensView:
    layers, n = 3, 2
    top = np.arange(layers * n * 2, dtype=np.int32).reshape(layers, n, 2)
    rank = np.full((layers, n), 2, np.int32)
    rank[2, 1] = 1
    numbers = shares(layers, n)
    return LogitLensView(
        layers=(-1, 0, 1),
        positions=(4, 5),
        labels=labels[4:6],
        top_tokens=top,
        top_labels=(((labels[2], "b"), (labels[3], "d")),) * layers,
        top_probabilities=shares(layers, n, 2),
        target_tokens=np.array([1, 2], np.int32),
        target_labels=labels[:2],
        target_rank=rank,
        target_probability=numbers,
        entropy=numbers,
        divergence=numbers,
    )


def what_if(labels: tuple[str, ...]) -> WhatIfView:
    return WhatIfView(
        windows=(2, 4, 8),
        own=4,
        labels=labels,
        surprisal=np.outer([3, 2, 2.5], np.ones(7)).astype(np.float32),
        divergence=np.outer([0.5, 0, 0.25], np.ones(8)).astype(np.float32),
        greedy={2: (1, 5), 4: (1, 2)},
    )


def salience(labels: tuple[str, ...]) -> SalienceView:
    nats = np.array([0.5, -0.25, 0, 1, 0, 0, -2, 0.125], np.float32)
    return SalienceView(
        position=7,
        token_id=3,
        token_label=labels[1],
        labels=labels,
        sliding_window=5,
        logprob=-1.0,
        gradient_times_input=nats,
        gradient_norm=np.abs(nats),
    )


def memory() -> MemoryView:
    sizes = [("This run's ring", 4_000_000), ("A slot for each token", 10_000_000)]
    return MemoryView(
        num_tokens=9,
        sizes=tuple(
            CacheSize(what=what, slots=4, heads=2, dtype="float32", num_bytes=size)
            for what, size in sizes
        ),
    )


def all_views(labels: tuple[str, ...]) -> dict[str, View]:
    """One of each kind that is about 8 tokens, the first 6 of them the prompt."""
    stretches = even_units(8, 4)
    return {
        "ruler": ruler_view(labels, 6, WINDOW),
        "band_mask": band_mask_view(labels, 6, WINDOW, shorter=2),
        "reach": reach_view(labels, WINDOW),
        "ring": ring_view(labels, 6, 3, lambda *_: 5, chunks=(2, 3)),
        "memory": memory(),
        "attention": attention(labels),
        "links": attention(labels, dense=False),
        "layer": LayerView(
            layer=0,
            units=stretches,
            sliding_window=8,
            weights=np.stack([causal(4)] * HEADS),
            distance=np.arange(HEADS, dtype=np.float32),
        ),
        "head_groups": HeadGroupsView(
            layer=0,
            num_key_value_heads=2,
            num_tokens=8,
            sliding_window=8,
            num_queries=7,
            likeness=np.maximum(shares(HEADS, HEADS), np.eye(HEADS, dtype=np.float32)),
        ),
        "head_finder": finder(),
        "mass_cut": MassCutView(
            layers=(0, 1),
            labels=labels,
            sliding_window=3,
            mass=np.broadcast_to(
                np.maximum(np.arange(8) - 2, 0) / 10, (LAYERS, HEADS, 8)
            ).astype(np.float32),
        ),
        "rollout": RolloutView(
            position=7, labels=labels, sliding_window=5, shares=shares(LAYERS, 8)
        ),
        "logit_lens": lens(labels),
        "what_if": what_if(labels),
        "salience": salience(labels),
        "keys": KeySimilarityView(
            layer=0, head=1, kind="keys", labels=labels, cosine=shares(8, 8) * 2 - 1
        ),
    }
