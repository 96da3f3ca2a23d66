r"""A run's text cut into its tokens, each with its scores: the text as instrument.

The spans' texts together are the run's text, to the character. A character that several
tokens spell stands with the one that completes it:

    token      <0xC3>   <0xA9>   " bon"
    its span   ""       "é"      " bon"

Prompt text that the tokenizer changed before it read it (a space put in front, another
form of a letter) stays as the user wrote it, with the token that it became.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from playground.engine import TokenRecord
from playground.models.answers import pieces_of
from playground.models.interpretability.predictions import TextNumbers
from playground.tokenizers import Tokenizer
from playground.transcript import Transcript
from playground.views.amounts import bits
from playground.views.labels import labels
from playground.views.run_summary import RunSummary, run_summary
from playground.views.view import Cell, Table

_LOOK_AHEAD = 8  # characters that a tokenizer may have dropped before a token


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number of each token, and how it is shaded: 0 is plain, 1 full.

    `fuller` ends the sentence "the fuller the colour, the ..."; `marks` are the
    numbers at shade 0, 0.5 and 1, as they are written.
    """

    label: str
    fuller: str
    marks: tuple[str, str, str]
    of: Callable[[TokenRecord], float]
    shade: Callable[[float], float]

    @property
    def scale(self) -> str:
        """How to read the shade."""
        plain, _, full = self.marks
        return f"plain is {plain}, full colour {full}"


def _clipped(share: float) -> float:
    return min(max(share, 0.0), 1.0)


SCORES: Mapping[str, Score] = {
    "probability": Score(
        label="probability",
        fuller="less likely the model found the token",
        marks=("1", "0.5", "0"),
        of=lambda record: math.exp(record.logprob),
        shade=lambda p: _clipped(1 - p),
    ),
    "surprisal": Score(
        label="surprisal (bits)",
        fuller="more the token surprised the model",
        marks=("0", "5", "10 or more"),
        of=lambda record: bits(-record.logprob),
        shade=lambda surprisal: _clipped(surprisal / 10),
    ),
    "entropy": Score(
        label="entropy (bits)",
        fuller="less sure the model was of what comes",
        marks=("0", "4", "8 or more"),
        of=lambda record: bits(record.entropy),
        shade=lambda entropy: _clipped(entropy / 8),
    ),
    "rank": Score(
        label="rank",
        fuller="more tokens the model found likelier",
        marks=("1", "32", "1,024 or more"),
        of=lambda record: record.rank,
        shade=lambda rank: _clipped(math.log2(max(rank, 1)) / 10),
    ),
    "kept": Score(
        label="tokens kept",
        fuller="more tokens the sampler left to choose from",
        marks=("1", "32", "1,024 or more"),
        of=lambda record: math.nan if record.num_kept is None else record.num_kept,
        shade=lambda kept: _clipped(math.log2(max(kept, 1)) / 10),
    ),
}


@dataclass(frozen=True, kw_only=True)
class TokenSpan:
    """One token's part of the text.

    `text` may be "": a special token that is not shown, a character still incomplete,
    what a stop string took. `scores` has those of SCORES that are known, and `shades`
    the same in [0, 1].
    """

    token_id: int
    text: str
    label: str
    is_prompt: bool
    scores: Mapping[str, float] = field(default_factory=dict)
    shades: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TokenSpansView:
    """The spans of prompt and answer, and a score to colour them by first."""

    spans: tuple[TokenSpan, ...]
    summary: RunSummary
    score: str

    @property
    def text(self) -> str:
        """Prompt and answer, as they are shown."""
        return "".join(span.text for span in self.spans)

    @property
    def title(self) -> str:
        return f"Each token by its {SCORES[self.score].label}"

    def words(self) -> str:
        told = f"{self.summary.words()}."
        known = [span for span in self.spans if self.score in span.scores]
        if not known:
            return f"{told} Nothing is recorded of its tokens."
        # Beyond the scale all are equally full: of these the largest number.
        most = max(known, key=lambda n: (n.shades[self.score], n.scores[self.score]))
        value = most.scores[self.score]
        number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        return (
            f"{told} Shaded by {SCORES[self.score].label} "
            f"({SCORES[self.score].scale}). "
            f"The fullest is {most.label}, with {number}."
        )

    def table(self) -> Table:
        rows = tuple(
            (
                n,
                "prompt" if span.is_prompt else "answer",
                span.label,
                span.token_id,
                *(_cell(span, name) for name in SCORES),
            )
            for n, span in enumerate(self.spans)
        )
        scores = (score.label for score in SCORES.values())
        return Table(columns=("position", "part", "token", "id", *scores), rows=rows)


def token_spans_view(
    tokenizer: Tokenizer,
    run: Transcript,
    prompt_records: Sequence[TokenRecord | None] = (),
    score: str = "probability",
) -> TokenSpansView:
    """The spans of a run, finished or not.

    `prompt_records` has an entry for each token of the prompt, or none at all;
    `records_of` makes them.

    Raises ValueError for another number of them, and for a score that is none of
    SCORES.
    """
    if not isinstance(score, str) or score not in SCORES:
        raise ValueError(f"`score` must be one of {', '.join(SCORES)}, got {score!r}.")
    prompt, answer = run.prompt_token_ids, list(run.token_ids)
    if prompt_records and len(prompt_records) != len(prompt):
        raise ValueError(
            f"Expected a record for each of {len(prompt)} prompt tokens, or none; "
            f"got {len(prompt_records)}."
        )
    texts = _prompt_texts(tokenizer, run)
    pieces = run.pieces_by(tokenizer)[: len(answer)]
    texts += aligned(pieces, run.text_of_tokens)
    records = [
        *_filled(prompt_records, len(prompt)),
        *_filled(run.records, len(answer)),
    ]
    ids = [*prompt, *answer]
    named = labels(tokenizer, ids)
    return TokenSpansView(
        spans=tuple(
            token_span(
                ids[n], texts[n], named[n], records[n], is_prompt=n < len(prompt)
            )
            for n in range(len(ids))
        ),
        summary=run_summary(answer, run.records),
        score=score,
    )


def prompt_spans_of(tokenizer: Tokenizer, run: Transcript) -> tuple[TokenSpan, ...]:
    """The spans of the prompt alone, without scores."""
    ids = run.prompt_token_ids
    texts = _prompt_texts(tokenizer, run)
    return tuple(
        token_span(token_id, text, label, None, is_prompt=True)
        for token_id, text, label in zip(
            ids, texts, labels(tokenizer, ids), strict=True
        )
    )


def records_of(numbers: TextNumbers, length: int) -> tuple[TokenRecord | None, ...]:
    """Records of the first `length` tokens of a text that was read, such as a prompt.

    Nothing comes before the first token, so it has none. As no sampler drew the others,
    they have neither stages nor candidates.
    """
    columns = (numbers.surprisal, numbers.rank, numbers.entropy)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    read = [
        TokenRecord(
            logprob=-surprisal,
            chain_logprob=-surprisal,
            rank=rank,
            entropy=entropy,
            choices=math.exp(entropy),
            stages=(),
            top=(),
        )
        for surprisal, rank, entropy in rows
    ]
    return (None, *read)[:length]


def aligned(pieces: Sequence[str], text: str) -> Iterator[str]:
    """The part of `text` for each of the pieces that it was read or written as.

    Together they are `text`, if there is a piece at all; the last takes what is left.

    >>> list(aligned(["<s>", " The", " fi", "n", ""], "The ﬁn"))
    ['', 'The', '', ' ﬁn', '']
    """
    at = 0
    for n, piece in enumerate(pieces):
        end = len(text) if n == len(pieces) - 1 else end_of(piece, text, at)
        yield text[at:end]
        at = end


def end_of(piece: str, text: str, at: int) -> int:
    """Where a piece of `text` ends that begins at `at` or soon after it.

    `at` if it is not there.

    The text may also end inside of it.
    """
    if piece.startswith(text[at : at + len(piece)]):
        return min(at + len(piece), len(text))
    bare = piece.strip()
    found = text.find(bare, at, at + len(bare) + _LOOK_AHEAD) if bare else -1
    return at if found < 0 else found + len(bare)


def _prompt_texts(tokenizer: Tokenizer, run: Transcript) -> list[str]:
    """The prompt's text by token, special tokens by name as its template has them."""
    special, ids = tokenizer.special_token_ids, run.prompt_token_ids
    ordinary = iter(pieces_of([i for i in ids if i not in special], tokenizer))
    pieces = [
        tokenizer.id_to_token(token_id) if token_id in special else next(ordinary)
        for token_id in ids
    ]
    return list(aligned(pieces, run.prompt_text))


def _filled(
    records: Sequence[TokenRecord | None], length: int
) -> Sequence[TokenRecord | None]:
    return records or [None] * length


def token_span(
    token_id: int,
    text: str,
    label: str,
    record: TokenRecord | None,
    *,
    is_prompt: bool = False,
) -> TokenSpan:
    """One token's span, with the scores that its record gives."""
    scores = (
        {name: score.of(record) for name, score in SCORES.items()} if record else {}
    )
    scores = {name: value for name, value in scores.items() if not math.isnan(value)}
    return TokenSpan(
        token_id=token_id,
        text=text,
        label=label,
        is_prompt=is_prompt,
        scores=scores,
        shades={name: SCORES[name].shade(value) for name, value in scores.items()},
    )


def _cell(span: TokenSpan, name: str) -> Cell:
    return span.scores.get(name, "")
