"""A run whose text was shortened for it to go on."""

from itertools import takewhile

from playground.engine import Request
from playground.tokenizers import Tokenizer
from playground.transcript.transcript import Transcript

_MOST_DIFFERING = 8
"""Characters that a token may have more with nothing before it."""


def leave_out(
    run: Transcript, request: Request, tokenizer: Tokenizer, written: str
) -> None:
    """Keep in a run that goes on what the model reads, and the text of the rest.

    `request` is the run's, and `written` the text of the answer that it goes on from.
    The tokens of a prompt go first, then the answer's. With nothing before them some
    tokens read otherwise: " sea" is "sea", and half of a character is U+FFFD. So what
    `earlier_text` has already of the first one is taken away from the text here.
    """
    text = "".join(run.pieces_by(tokenizer))
    again = _repeated(text, written) if run.earlier_text else 0
    gone = ""
    if request.left_out_tokens:
        read = request.answered - request.answer_left_out
        run.prompt_token_ids = request.token_ids[: len(request.token_ids) - read]
        run.prompt_text = tokenizer.detokenize(run.prompt_token_ids)
        left_out, run.answered = run.answered - read, read
        run.token_ids, run.records = run.token_ids[left_out:], run.records[left_out:]
        run.pieces = []  # with nothing before them they read otherwise
        left = "".join(run.pieces_by(tokenizer))
        gone = _without_common_end(text[again:], left)
        run.earlier_tokens += left_out
    run.earlier_text += gone
    run.text = run.text[again + len(gone) :]
    run.text_before = run.text_before[again + len(gone) :]


def _repeated(text: str, written: str) -> int:
    """How many characters `text` has in front that `written` has not."""
    for number in range(_MOST_DIFFERING):
        rest = text[number:]
        if written.startswith(rest) or rest.startswith(written):
            return number
    return 0


def _without_common_end(text: str, other: str) -> str:
    together = zip(reversed(text), reversed(other), strict=False)
    length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], together))
    return text[: len(text) - length]
