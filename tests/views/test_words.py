"""The words of pictures say what their numbers say: on random inputs."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine import Finished, StageCount, TokenRecord
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.amounts import percent, rough_percent
from playground.views.attention import attention_view, layer_view
from playground.views.band_mask import band_mask_view
from playground.views.candidates import candidates_view
from playground.views.comparison import comparison_view
from playground.views.head_finder import head_finder_view
from playground.views.head_groups import head_groups_view
from playground.views.mass_cut import mass_cut_view
from playground.views.memory import CacheSize, MemoryView
from playground.views.reach import reach_view
from playground.views.ring import ring_view
from playground.views.rollout import rollout_view
from playground.views.text_units import tokens_as_units
from playground.views.token_spans import token_spans_view
from playground.views.window import Window
from playground.views.window_ruler import ruler_view
from tests.views.scripted_explained import random_weights, scripted
from tests.views.small_vocabulary import byte, small_vocabulary

SMALL = small_vocabulary()
A_ONE = re.compile(
    r"(?<![\d.,])1 (?:\w+ )?(?:token|head|layer|sampler|slot|candidate|chunk)s\b"
    r"|(?<![\d.,])1 were\b"
)
"""One of something in the plural."""
SIZES = {
    "seed": st.integers(0, 10**6),
    "heads": st.integers(1, 4),
    "length": st.integers(1, 9),
    "window": st.integers(1, 10),
}


def names(length: int) -> tuple[str, ...]:
    return tuple("abcdefghij"[:length])


def told(view: Any) -> str:
    words: str = view.words()
    assert not A_ONE.search(words), words
    assert "nan" not in words, words
    return words


@settings(max_examples=60)
@given(**SIZES)
def test_heads_and_links_are_those_of_the_numbers(
    seed: int, heads: int, length: int, window: int
) -> None:
    full = random_weights(seed, 1, heads, length)
    if seed % 3 == 0:
        full = np.repeat(full[:, :1], heads, axis=1)  # ties
    explained = scripted(full, window)
    weights = explained.windowed[0]
    back = (weights * explained.distance).sum(axis=(1, 2)) / length
    words = told(layer_view(explained, 0))
    if found := re.search(r"Head (\d) stays nearest.* head (\d) looks furthest", words):
        near, far = map(int, found.groups())
        assert back[near] <= back.min() + 1e-6
        assert back[far] >= back.max() - 1e-6
        assert f"look {back[near]:.2f} and {back[far]:.2f} tokens" in words
        own = np.einsum("quu->qu", weights).mean(axis=1)
        assert f"with {percent(float(np.float32(own[near])))} on the token" in words
    else:
        assert np.ptp(back) < 1e-6
    view = attention_view(explained, 0, 0, tokens_as_units(names(length)), 1, 1)
    others = weights[0].copy()
    others[:, 0] = 0
    np.fill_diagonal(others, 0)
    words = told(view)
    if found := re.search(r"token (\d) “\w” gives (\S+) .* to token (\d)", words):
        query, share, key = found.groups()
        assert others[int(query), int(key)] == others.max()
        assert share == percent(float(np.float32(others.max())))
    else:
        assert others.max() == 0
    told(head_groups_view(explained, 0))
    told(head_finder_view(explained, [0]))
    cut = mass_cut_view(explained, [0], names(length))
    words = told(cut)
    if found := re.search(
        r"Head (\d) of layer 0 loses most, (\S+);.*token (\d)", words
    ):
        head, share, token = found.groups()
        assert cut.by_head[0, int(head)] == cut.by_head.max()
        assert share == percent(float(cut.by_head.max()))
        assert cut.by_position[int(token)] == cut.by_position.max()
    view_of_all = rollout_view(explained, length - 1, names(length))
    words = told(view_of_all)
    last = view_of_all.shares[-1]
    assert f"is {percent(float(last[-1]))} itself" in words
    if found := re.search(r"and (\S+) token (\d)", words):
        assert last[int(found[2])] == last[:-1].max()


@settings(max_examples=60)
@given(
    length=st.integers(1, 12),
    prompt=st.integers(1, 12),
    window=st.none() | st.integers(1, 13),
    layers=st.integers(1, 3),
)
def test_windows_count_what_they_say(
    length: int, prompt: int, window: int | None, layers: int
) -> None:
    prompt, seen = min(prompt, length), Window(size=window, num_layers=layers, own=1)
    mask = band_mask_view(tuple("a" * length), prompt, seen)
    share = rough_percent(mask.seen.sum() / mask.full.sum())
    assert f"{mask.seen.sum():,} are seen ({share})" in told(mask)
    told(reach_view(tuple("a" * length), seen))
    ruler = ruler_view(tuple("a" * length), prompt, seen)
    words = told(ruler)
    if found := re.search(r"sees (\d+) tokens? directly", words):
        assert int(found[1]) == (ruler.zones == 2).sum()
    ring = ring_view(
        tuple("a" * length),
        prompt,
        window or length,
        lambda end, size: min(max(end, 1), size + 1),
        chunks=(1, 2),
    )
    words = told(ring)
    if found := re.search(r"(\d+) (?:was|were) overwritten", words):
        assert int(found[1]) == length - (ring.now >= 0).sum()


def record(rank: int, surprisal: float, entropy: float) -> TokenRecord:
    return TokenRecord(
        logprob=-surprisal,
        chain_logprob=-surprisal,
        rank=rank,
        entropy=entropy,
        choices=1.0,
        stages=(StageCount("model", rank, 1.0), StageCount("top_k", 1, 0.5)),
        top=(),
    )


RECORDS = st.lists(
    st.builds(
        record,
        rank=st.integers(1, 50_000),
        surprisal=st.floats(0, 30),
        entropy=st.floats(0, 12),
    ),
    min_size=1,
    max_size=6,
)


@given(records=RECORDS, score=st.sampled_from(["surprisal", "entropy", "rank"]))
def test_the_fullest_token_has_the_largest_number(
    records: list[TokenRecord], score: str
) -> None:
    """Also beyond the scale, where all of them are equally full."""
    ids = [byte(letter) for letter in "abcdef"[: len(records)]]
    run = Transcript(
        settings=GenerationSettings(), seed=1, token_ids=ids, records=list(records)
    )
    view = token_spans_view(SMALL, run, score=score)
    found = re.search(r"The fullest is (\w), with (\S+)\.$", told(view))
    assert found is not None
    numbers = [span.scores[score] for span in view.spans]
    said = numbers["abcdef".index(found[1])]
    assert said == max(numbers)
    assert "e+" not in found[2]
    assert abs(float(found[2].replace(",", "")) - said) <= 0.01 * said + 1e-9
    told(candidates_view(SMALL, records[0], ids[0]))


def answer(*token_ids: int, prompt: str = "a", seed: int = 1, over: bool = True) -> Any:
    settings = GenerationSettings(sampler="top_p", seed=seed)
    run = Transcript(
        settings=settings, seed=seed, prompt_text=prompt, token_ids=list(token_ids)
    )
    run.finished = Finished(reason="length") if over else None
    return run


def test_a_comparison_says_what_its_runs_share() -> None:
    one = answer(259, 260)
    other_seed = answer(259, 261, seed=99)
    view = comparison_view(SMALL, [one, other_seed])
    assert view.title == "One prompt, 2 seeds, 2 answers"
    assert [run.name for run in view.runs] == ["seed 1", "seed 99"]
    view = comparison_view(SMALL, [one, answer(259, 261, prompt="b")])
    assert view.title == "2 prompts, one seed (1), 2 answers"
    assert comparison_view(SMALL, [one]).title == "One prompt, one seed (1), 1 sampler"
    assert comparison_view(SMALL, [one]).words() == "There is one text."
    going = answer(259, over=False)
    words = comparison_view(SMALL, [one, answer(259, 261), going]).words()
    assert words.endswith("nothing yet.")


def test_a_large_factor_is_written_out() -> None:
    size = CacheSize(what="This", slots=1, heads=1, dtype="float32", num_bytes=100)
    view = MemoryView(
        num_tokens=1, sizes=(size, replace(size, what="That", num_bytes=123_456))
    )
    assert view.words() == "This: 100 bytes. That: 123 KB, 1,235 times."
