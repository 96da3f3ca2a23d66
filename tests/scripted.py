"""An engine that says what a test tells it to, under real sessions: no model, no JAX.

Its tokenizer cuts a text into words and gives each new one the next id, so every text
can be said, and any piece can be a token.
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from playground.engine import (
    Event,
    Finished,
    Loading,
    PrefillProgress,
    Queued,
    Request,
    StageCount,
    Step,
    Timings,
    TokenRecord,
    TopToken,
)
from playground.models.quantization import as_policy
from playground.tokenizers import Tokenizer

END_TOKEN_ID = 2
ANSWER = tuple(f" word{i}" for i in range(40))
TIMINGS = Timings(tokens_per_second=41.4)


class Words(Tokenizer):
    """Grows with every text that it reads."""

    def __init__(self) -> None:
        super().__init__(
            ["<unk>", "<s>", "<|im_end|>"],
            start_token_id=None,
            end_token_id=END_TOKEN_ID,
            pad_token_id=None,
            special_token_ids={END_TOKEN_ID},
            add_start_token=False,
            chat_template="",
        )

    def get_config(self) -> dict[str, Any]:
        return {}

    def _encode(self, text: str) -> list[int]:
        return [self.id_of(piece) for piece in re.findall(r"\s*\S+|\s+$", text)]

    def id_of(self, piece: str) -> int:
        """The id of a piece, a new one if it was never seen."""
        if piece not in self._ids:
            self._ids[piece] = len(self._tokens)
            self._tokens.append(piece)
        return self._ids[piece]

    def detokenize(self, token_ids: Sequence[int]) -> str:
        return b"".join(map(self.token_bytes, token_ids)).decode()

    def token_bytes(self, token_id: int, *, at_start: bool = False) -> bytes:
        del at_start
        if token_id in self.special_token_ids:
            return b""
        return self.id_to_token(token_id).encode()


@dataclass
class Scripted:
    """An engine that says `answer`, one piece each time the test lets it.

    `allow(n)` lets n more tokens out, `allow(None)` all that follow, one each
    `seconds_per_token`. One run at a time; the others are queued.
    """

    answer: tuple[str, ...] = ANSWER
    seconds_per_token: float = 0.0
    preset: str = "scripted_model"
    status: Any = field(default_factory=lambda: ready())
    model: Any = field(default_factory=lambda: scripted_model())

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.allowed: float = 0
        self.said = 0
        self.waiting: list[object] = []

    def allow(self, tokens: int | None) -> None:
        with self.changed:
            self.allowed = float("inf") if tokens is None else self.allowed + tokens
            self.changed.notify_all()

    def get_ready(self) -> None:
        with self.changed:
            self.status, self.model = ready(), scripted_model()
            self.changed.notify_all()

    def wait_for_runs(self, number: int) -> bool:
        """Wait until so many runs hold or await the model."""
        with self.changed:
            return self.changed.wait_for(
                lambda: len(self.waiting) == number, timeout=15
            )

    # What a session uses of an engine.

    def wait_for_model(self, timeout: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.model is not None, timeout)

    def submit(self, request: Request) -> "ScriptedRun":
        return ScriptedRun(self, request)


class ScriptedRun:
    """What a session uses of a run."""

    def __init__(self, engine: Scripted, request: Request) -> None:
        self.engine = engine
        self.request = request
        self.cancelled = threading.Event()
        with engine.changed:
            engine.waiting.append(self)
            engine.changed.notify_all()

    def cancel(self) -> None:
        with self.engine.changed:
            self.cancelled.set()
            self.engine.changed.notify_all()

    def __iter__(self) -> Iterator[Event]:
        engine = self.engine
        try:
            while ahead := self._ahead():
                yield Queued(ahead=ahead)
                while self._ahead() == ahead:
                    self._wait(lambda: self._ahead() != ahead)
            while engine.status.phase == "loading" and not self.cancelled.is_set():
                yield Loading(message="Downloading", fraction=engine.status.fraction)
                self._wait(lambda: engine.status.phase != "loading")
            length = len(self.request.token_ids)
            yield PrefillProgress(done=length, total=length)
            yield from self._steps()
        finally:
            with engine.changed:
                engine.waiting.remove(self)
                engine.changed.notify_all()

    def _steps(self) -> Iterator[Event]:
        engine, request = self.engine, self.request
        tokenizer = engine.model.text_preprocessor.tokenizer
        pieces = engine.answer[request.answered :]
        for index, piece in enumerate(pieces[: request.max_new_tokens]):
            while engine.allowed < 1 and not self.cancelled.is_set():
                self._wait(lambda: engine.allowed >= 1)
            if self.cancelled.is_set():
                yield Finished(reason="cancelled", timings=TIMINGS)
                return
            engine.allowed -= 1
            engine.said += 1
            self.cancelled.wait(engine.seconds_per_token)
            token_id = tokenizer.id_of(piece)
            yield Step(
                token_id=token_id,
                index=index,
                tokens_per_second=41.4,
                record=scripted_record(token_id) if request.record else None,
            )
        ended = len(pieces) < request.max_new_tokens
        yield Finished(
            reason="stop" if ended else "length",
            stopped_by=(END_TOKEN_ID,) if ended else (),
            timings=TIMINGS,
        )

    def _ahead(self) -> int:
        """How many are before it in the line; none, if it does not wait any more."""
        return 0 if self.cancelled.is_set() else self.engine.waiting.index(self)

    def _wait(self, until: Callable[[], bool]) -> None:
        with self.engine.changed:
            self.engine.changed.wait_for(
                lambda: until() or self.cancelled.is_set(), timeout=0.2
            )


def scripted_record(token_id: int) -> TokenRecord:
    """A token that was chosen with probability 1/2 out of two that were left."""
    return TokenRecord(
        logprob=-0.6931,
        chain_logprob=-0.5108,
        rank=1,
        entropy=1.2,
        choices=3.32,
        stages=(StageCount("model", 100, 1.0), StageCount("top_p", 2, 0.8)),
        top=(TopToken(token_id, 0.5, 0.6), TopToken(0, 0.3, 0.4), TopToken(1, 0.1, 0)),
    )


def ready() -> SimpleNamespace:
    return SimpleNamespace(phase="ready", message="Ready", fraction=None)


def loading(fraction: float) -> SimpleNamespace:
    return SimpleNamespace(phase="loading", message="Downloading", fraction=fraction)


def scripted_model() -> SimpleNamespace:
    """What sessions and hosts use of a model."""
    backbone = SimpleNamespace(
        num_layers=30,
        num_query_heads=9,
        num_key_value_heads=3,
        head_dim=64,
        vocabulary_size=49_152,
        sliding_window=None,
        widest_window=None,
        layer_windows=[None] * 30,
        context_length=8192,
        compute_dtype="float32",
        token_embedding=SimpleNamespace(dtype_policy=as_policy("float32")),
        variables=[
            SimpleNamespace(
                path="weights",
                shape=(134_515_008,),
                value=SimpleNamespace(nbytes=538_060_032),
            )
        ],
    )
    tokenizer = Words()
    preprocessor = SimpleNamespace(
        tokenizer=tokenizer,
        chat_prompt="<|user|>{}\n<|model|>".format,
        prompt_ids=lambda text: tokenizer.tokenize(text, special=True),
    )
    return SimpleNamespace(
        backbone=backbone,
        text_preprocessor=preprocessor,
        preset="scripted_model",
        name="scripted",
    )
