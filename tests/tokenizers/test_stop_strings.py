"""Stops that are text: the same, however the text is cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tokenizers import StopScanner

TEXT = st.text("ab\n", max_size=30)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=4)


def scan(pieces: list[str], stops: list[str]) -> tuple[list[str], str]:
    """What was let through piece by piece, and the stop."""
    scanner = StopScanner(stops)
    shown = [scanner.push(piece) for piece in pieces]
    return [*shown, scanner.flush()], scanner.found


def by_hand(text: str, stops: list[str]) -> tuple[str, str]:
    """Grow the text letter by letter until it ends with a stop; the longest counts."""
    for end in range(1, len(text) + 1):
        endings = [stop for stop in stops if text[:end].endswith(stop)]
        if endings:
            stop = max(endings, key=len)
            return text[: end - len(stop)], stop
    return text, ""


@given(TEXT, STOPS, st.lists(st.integers(0, 30), max_size=5))
def test_it_stops_where_a_slow_search_does_however_the_text_is_cut(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    shown, found = scan(pieces, stops)
    assert ("".join(shown), found) == by_hand(text, stops)


@given(TEXT, STOPS)
def test_only_what_may_begin_a_stop_is_held_back(text: str, stops: list[str]) -> None:
    scanner, shown = StopScanner(stops), ""
    for end, letter in enumerate(text, 1):
        shown += scanner.push(letter)
        if scanner.found:
            return
        held = text[len(shown) : end]
        assert not held or any(stop.startswith(held) and stop != held for stop in stops)


@pytest.mark.parametrize(
    ("pieces", "stops", "shown", "found"),
    [
        (["a\n", "b\n", "\nc"], ["\n\n"], ["a", "\nb", "", ""], "\n\n"),
        (["ab"], [], ["ab", ""], ""),
        (["xaab", "c"], ["aab", "ab"], ["x", "", ""], "aab"),
        (["aa"], ["aab"], ["", "aa"], ""),
        (["Us", "er:"], ["User:"], ["", "", ""], "User:"),
        (["ab", "c"], ["b", "abc"], ["a", "", ""], "b"),  # the first to be complete
        (["a"], [""], ["a", ""], ""),
    ],
)
def test_a_table_of_stops(
    pieces: list[str], stops: list[str], shown: list[str], found: str
) -> None:
    assert scan(pieces, stops) == (shown, found)
