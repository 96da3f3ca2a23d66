"""The text as its tokens: exact to the character, each with its scores."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engine import Finished, StageCount
from playground.models import MistralCausalLMPreprocessor
from playground.models.answers import text_of, text_so_far
from playground.models.interpretability.predictions import TextNumbers
from playground.settings import GenerationSettings
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.token_spans import (
    SCORES,
    TokenSpansView,
    records_of,
    token_spans_view,
)
from playground.views.token_spans import aligned as _aligned
from tests.views.small_records import record
from tests.views.small_vocabulary import (
    END,
    LOW,
    SPACE_LOW,
    USER,
    byte,
    small_vocabulary,
)

SMALL = small_vocabulary()
SETTINGS = GenerationSettings(chat=False)
ENDED = Finished(reason="length")


def run(
    prompt_ids: tuple[int, ...] = (),
    answer_ids: tuple[int, ...] = (),
    tokenizer: Tokenizer = SMALL,
    **changes: Any,
) -> Transcript:
    """A finished run of these tokens with the texts that they have."""
    made: dict[str, Any] = {
        "prompt_text": tokenizer.detokenize(prompt_ids),
        "text": text_of(answer_ids, tokenizer, prompt_ids),
        **changes,
    }
    transcript = Transcript(
        settings=made.pop("settings", SETTINGS),
        seed=1,
        prompt_token_ids=prompt_ids,
        token_ids=list(answer_ids),
        records=made.pop("records", []),
        prompt_text=made.pop("prompt_text"),
    )
    transcript.finished = made.pop("finished", ENDED)
    for name, value in made.items():
        setattr(transcript, name, value)
    return transcript


def texts(view: TokenSpansView) -> list[str]:
    return [span.text for span in view.spans]


def aligned(pieces: list[str], text: str) -> list[str]:
    return list(_aligned(pieces, text))


def test_each_token_has_its_text_and_a_label() -> None:
    view = token_spans_view(SMALL, run((LOW, SPACE_LOW), (SPACE_LOW, byte("!"))))
    assert texts(view) == ["low", " low", " low", "!"]
    assert [span.label for span in view.spans] == ["low", "␣low", "␣low", "!"]
    assert [span.is_prompt for span in view.spans] == [True, True, False, False]
    assert view.text == "low low low!"


def test_a_character_stands_with_the_token_that_completes_it() -> None:
    euro = tuple(2 + each for each in "€".encode())
    view = token_spans_view(SMALL, run((LOW,), (*euro, LOW)))
    assert texts(view) == ["low", "", "", "€", "low"]
    assert [s.label for s in view.spans[1:4]] == ["<0xE2>", "<0x82>", "<0xAC>"]


def test_a_character_that_is_never_completed_stands_at_the_end() -> None:
    start = "€".encode()[0] + 2
    over = run((LOW,), (LOW, start))
    assert texts(token_spans_view(SMALL, over)) == ["low", "low", "�"]
    going_on = run((LOW,), (LOW, start), text="low", finished=None)
    assert texts(token_spans_view(SMALL, going_on)) == ["low", "low", ""]


def test_special_tokens_are_shown_where_the_prompt_spells_them() -> None:
    chat = run((USER, LOW, END), (LOW, END), prompt_text="<|user|>low<|end|>")
    view = token_spans_view(SMALL, chat)
    assert texts(view) == ["<|user|>", "low", "<|end|>", "low", ""]
    unspelt = token_spans_view(SMALL, run((USER, LOW), (LOW,), prompt_text="low"))
    assert texts(unspelt) == ["", "low", "low"]


def test_a_stop_text_is_cut_off_or_kept_as_the_run_shows_it() -> None:
    ids = (LOW, SPACE_LOW, byte("!"))
    cut = run((LOW,), ids, text="low l", stop_string="ow")
    assert texts(token_spans_view(SMALL, cut)) == ["low", "low", " l", ""]
    keep = GenerationSettings(chat=False, keep_stop_string=True)
    kept = run((LOW,), ids, text="low l", stop_string="ow", settings=keep)
    assert texts(token_spans_view(SMALL, kept)) == ["low", "low", " low", ""]


@pytest.mark.parametrize(
    ("pieces", "text", "parts"),
    [
        (["<s>", " The", " fi", "n", ""], "The ﬁn", ["", "The", "", " ﬁn", ""]),
        ([" low", " low"], "low low", ["low", " low"]),  # a space put in front
        (["a", "b"], "a\x00b", ["a", "\x00b"]),  # dropped by the tokenizer
        (["a", "?", "c"], "a★c", ["a", "", "★c"]),
        (["a"], "abc", ["abc"]),
        (["abc", "d"], "ab", ["ab", ""]),
        ([], "abc", []),
    ],
)
def test_texts_that_the_tokenizer_changed_stay_whole(
    pieces: list[str], text: str, parts: list[str]
) -> None:
    assert aligned(pieces, text) == parts


@given(st.lists(st.text("ab ★\n", max_size=4), min_size=1), st.text("ab ★\n"))
def test_parts_of_any_text_are_that_text(pieces: list[str], text: str) -> None:
    assert "".join(aligned(pieces, text)) == text
    assert aligned(pieces, "".join(pieces)) == pieces


@given(st.lists(st.integers(0, 261), max_size=20), st.integers(0, 20), st.booleans())
def test_spans_are_the_text_of_any_tokens(
    ids: list[int], num_prompt: int, is_over: bool
) -> None:
    prompt, answer = tuple(ids[:num_prompt]), tuple(ids[num_prompt:])
    whole = run(prompt, answer, finished=ENDED if is_over else None)
    if not is_over:  # nothing incomplete is shown yet
        whole.text = text_so_far(answer, SMALL, prompt)
    view = token_spans_view(SMALL, whole)
    shown = [span for span in view.spans if not span.is_prompt]
    if prompt:
        assert view.text == whole.prompt_text + (whole.text if answer else "")
    assert "".join(span.text for span in shown) == (whole.text if answer else "")


def test_sentencepiece_texts_are_exact(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    tokenizer = preprocessor.tokenizer
    prompt = "the sea is ★ wide"
    ids = (tokenizer.start_token_id or 1, *tokenizer.tokenize(prompt))
    answer = tuple(tokenizer.tokenize("the sky"))
    made = run(ids, answer, tokenizer, prompt_text=prompt)
    view = token_spans_view(tokenizer, made)
    assert view.text == prompt + " the sky"
    assert texts(view)[:2] == ["", "the"]


def test_a_space_behind_the_prompt_is_its_own_tokens(
    preprocessor: MistralCausalLMPreprocessor,
) -> None:
    """Only the first token of a whole text loses its space."""
    tokenizer = preprocessor.tokenizer
    space, sea = tokenizer.token_to_id("▁"), tokenizer.tokenize("sea")[-1]
    made = run(tuple(tokenizer.tokenize("the")), (space, sea), tokenizer)
    assert texts(token_spans_view(tokenizer, made))[-2] == " "


def test_scores_are_those_of_the_record_in_the_units_that_they_name() -> None:
    stages = (StageCount("model", 97, 1.0), StageCount("top_k", 32, 0.9))
    one = record(0.25, rank=32, stages=stages)
    view = token_spans_view(SMALL, run((LOW,), (LOW, LOW), records=[None, one]))
    prompt, unknown, known = view.spans
    assert prompt.scores == unknown.scores == unknown.shades == {}
    assert known.scores == pytest.approx(
        {"probability": 0.25, "surprisal": 2.0, "entropy": 3.0, "rank": 32, "kept": 32}
    )
    assert known.shades == pytest.approx(
        {"probability": 0.75, "surprisal": 0.2, "entropy": 0.375}
        | {"rank": 0.5, "kept": 0.5}
    )


def test_the_prompt_has_scores_where_it_was_measured() -> None:
    measured = [None, record(0.5)]
    view = token_spans_view(SMALL, run((LOW, LOW), (LOW,)), measured, "surprisal")
    assert [span.scores.get("surprisal") for span in view.spans] == [
        *(None, pytest.approx(1.0), None),
    ]
    assert view.title == "Each token by its surprisal (bits)"


def test_a_text_that_was_read_has_scores_from_its_second_token_on() -> None:
    numbers = TextNumbers(
        surprisal=np.log(np.array([4, 2, 8], np.float32)),
        rank=np.array([3, 1, 9], np.int32),
        entropy=np.log(np.array([16, 2, 2], np.float32)),
    )
    measured = records_of(numbers, length=3)
    view = token_spans_view(SMALL, run((LOW, LOW, LOW), (LOW,)), measured)
    first, second, third, answer = view.spans
    assert first.scores == answer.scores == {}
    assert second.scores == pytest.approx(
        {"probability": 0.25, "surprisal": 2.0, "entropy": 4.0, "rank": 3}
    )
    assert third.scores["probability"] == pytest.approx(0.5)
    assert len(records_of(numbers, length=4)) == 4


@pytest.mark.parametrize("name", SCORES)
@given(probability=st.floats(1e-30, 1), rank=st.integers(1, 10**6))
def test_shades_lie_between_plain_and_full(
    name: str, probability: float, rank: int
) -> None:
    one = record(probability, rank=rank, entropy=rank / 1e5)
    (span,) = token_spans_view(SMALL, run((), (LOW,), records=[one])).spans
    assert 0 <= span.shades[name] <= 1


def test_marks_are_the_numbers_at_their_shades() -> None:
    for score in SCORES.values():
        numbers = [float(mark.split()[0].replace(",", "")) for mark in score.marks]
        shades = [score.shade(number) for number in numbers]
        assert shades == pytest.approx([0, 0.5, 1])


def test_words_and_table_tell_the_numbers() -> None:
    records = [record(0.5), record(0.125)]
    view = token_spans_view(SMALL, run((USER,), (LOW, SPACE_LOW), records=records))
    assert view.words() == (
        "2 tokens · perplexity 4.00 (2.00 bits a token) · 100% of the "
        "tokens different · 100% of the pairs different. Shaded by probability (plain "
        "is 1, full colour 0). The fullest is ␣low, with 0.125."
    )
    table = view.table()
    assert table.columns[:4] == ("position", "part", "token", "id")
    assert table.rows[0] == (0, "prompt", "<|user|>", USER, "", "", "", "", "")
    assert table.rows[1][:6] == (1, "answer", "low", LOW, 0.5, pytest.approx(1.0))


def test_nothing_recorded_and_nothing_at_all_are_said() -> None:
    assert "Nothing is recorded" in token_spans_view(SMALL, run((), (LOW,))).words()
    empty = token_spans_view(SMALL, run())
    assert (empty.spans, empty.text) == ((), "")
    assert empty.words().startswith("0 tokens.")


def test_ids_of_an_imported_run_may_be_any() -> None:
    strange = run(text="whatever", prompt_text="a prompt")
    strange.prompt_token_ids, strange.token_ids = (10**6, LOW), [10**6]
    strange.records = [None]
    view = token_spans_view(SMALL, strange)
    assert view.text == "a promptwhatever"
    assert view.spans[0].label == "<id 1000000>"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="kept, got 'heat'"):
        token_spans_view(SMALL, run(), score="heat")
    with pytest.raises(ValueError, match="each of 2 prompt tokens, or none; got 1"):
        token_spans_view(SMALL, run((LOW, LOW)), [record()])
