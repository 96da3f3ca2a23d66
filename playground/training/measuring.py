"""Measures a trained model and writes its card."""

import json
from pathlib import Path

from playground.models import MistralCausalLM
from playground.training.corpus import Corpus
from playground.training.evaluation import Score, score_model, score_trigram
from playground.training.model_card import (
    EXCERPT,
    Measured,
    draw_samples,
    model_card,
)
from playground.training.run import LOG_FILE

EXCERPT_CHARACTERS = 2000
_BEFORE_EXCERPT = 20_000
WINDOWS = (8, 16, 32, 64, 128, None)


def measure(preset: str, corpus: Corpus, against: str | None = None) -> Measured:
    """All that a model's card says of it; takes minutes.

    Args:
        preset: What `from_preset` takes; the tokens are its own.
        corpus: Its held-out works are scored, a trigram learns from the others.
        against: Another model.

    Raises LoadError.
    """
    model = MistralCausalLM.from_preset(preset)
    peer = MistralCausalLM.from_preset(against) if against else None
    texts = corpus.held_out
    shortest = min(texts, key=lambda name: len(texts[name]))
    part = {EXCERPT: excerpt(texts[shortest])}
    tokenizer = model.text_preprocessor.tokenizer
    return Measured(
        scores=score_model(model, {**texts, **part}),
        trigram=score_trigram(tokenizer, corpus.training, {**texts, **part}),
        peer=score_model(peer, {**texts, **part}) if peer else {},
        peer_name=_name(peer, against),
        windows={
            window: _with_window(preset, window, texts[shortest]) for window in WINDOWS
        },
        part_of=shortest,
        samples=draw_samples(model),
    )


def _name(peer: MistralCausalLM | None, preset: str | None) -> str:
    if peer is not None and peer.backbone.sliding_window is None:
        return "without a window"
    return Path(preset or "").name


def excerpt(work: str) -> str:
    """A piece from the middle, short enough for the tests to hold."""
    start = max(0, min(_BEFORE_EXCERPT, len(work) - EXCERPT_CHARACTERS))
    return work[start : start + EXCERPT_CHARACTERS]


def _with_window(preset: str, window: int | None, text: str) -> Score:
    model = MistralCausalLM.from_preset(preset, sliding_window=window)
    return score_model(model, {"": text})[""]


def write_card(folder: Path, measured: Measured) -> None:
    """README.md in the folder that `train` wrote."""
    log = json.loads((folder / LOG_FILE).read_text())
    (folder / "README.md").write_text(model_card(folder.name, log, measured))
