r"""How a stop text is written in tokens, and whether a token id would catch it.

The same text has other tokens in other places, so a stop token often misses it. The
default model's for "\n\n":

    after a letter    1116    "\n\n"
    after a space    38028    " \n\n", which begins before the stop
    after a new line 16506    "\n\n\n", and this one too

A single id catches the text only if it is the same one everywhere. A special token has
no text, but a stop string may spell it: "</s>" then ends an answer at that token.
"""

from dataclasses import dataclass

from playground.tokenizers import Tokenizer

PLACES = {
    "at the start": "",
    "after a letter": "a",
    "after a space": "a ",
    "after a full stop": "a.",
    "after a new line": "a\n",
}


@dataclass(frozen=True, kw_only=True)
class Tokenisation:
    """The tokens that a text has in one place.

    `pieces` are their names in the vocabulary. `begins_inside`: the first of them has
    text from before the stop, so no stop of ids can match there.
    """

    place: str
    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    begins_inside: bool


@dataclass(frozen=True, kw_only=True)
class StopView:
    """A stop text, its tokens in some places, and what to make of it, in words."""

    text: str
    tokenisations: tuple[Tokenisation, ...]
    single_id: int | None
    words: str


def stop_view(tokenizer: Tokenizer, text: str) -> StopView:
    """How `text` is written in several places. Raises ValueError if it is empty."""
    if not text:
        raise ValueError("A stop text has at least one character, got none.")
    found = tuple(
        _tokenisation(tokenizer, place, before, text)
        for place, before in PLACES.items()
    )
    single_id = _single_id(found)
    return StopView(
        text=text,
        tokenisations=found,
        single_id=single_id,
        words=_special_words(tokenizer, text) or _words(single_id, found),
    )


def _special_words(tokenizer: Tokenizer, text: str) -> str:
    """What there is to say where the stop spells special tokens; "" where not."""
    pieces = tokenizer.split_marks(text)
    ids = [id_ for id_ in pieces if id_ in tokenizer.special_token_ids]
    if not ids:
        return ""
    if len(pieces) == 1:
        return (
            f"This is the special token {ids[0]}, which has no text in an answer. A "
            "stop token catches it, and so does this stop string."
        )
    named = " and ".join(map(str, dict.fromkeys(ids)))
    return (
        f"It spells the special token {named}, which has no text in an answer. A stop "
        "string catches it where the token stands."
    )


def _tokenisation(
    tokenizer: Tokenizer, place: str, before: str, text: str
) -> Tokenisation:
    """The last tokens of `before + text`, from the first that has any of `text`."""
    ids = tuple(tokenizer.tokenize(before + text))
    wanted = len((before + text).encode()) - len(before.encode())
    covered, first = 0, len(ids)
    while covered < wanted and first > 0:
        first -= 1
        covered += len(tokenizer.token_bytes(ids[first], at_start=first == 0))
    return Tokenisation(
        place=place,
        token_ids=ids[first:],
        pieces=tuple(map(tokenizer.id_to_token, ids[first:])),
        begins_inside=covered > wanted,
    )


def _single_id(found: tuple[Tokenisation, ...]) -> int | None:
    """The id that is the whole text in every place, if there is one."""
    ways = {(each.token_ids, each.begins_inside) for each in found}
    if len(ways) != 1:
        return None
    ((ids, begins_inside),) = ways
    return ids[0] if len(ids) == 1 and not begins_inside else None


def _words(single_id: int | None, found: tuple[Tokenisation, ...]) -> str:
    if single_id is not None:
        return (
            f"Token {single_id} is this text in every place: a stop token catches it."
        )
    ways = len({each.token_ids for each in found})
    reasons = {
        "The vocabulary does not keep it as it is": any(not f.token_ids for f in found),
        f"It has {ways} different ways to be written": ways > 1,
        "It takes several tokens": any(len(f.token_ids) > 1 for f in found),
        "It may begin inside a token": any(f.begins_inside for f in found),
    }
    told = ". ".join(reason for reason, holds in reasons.items() if holds)
    return f"{told}. No single stop token catches it; use it as a stop string."
