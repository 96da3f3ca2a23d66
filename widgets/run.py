"""A run as a Python object: what was asked, what came, token by token."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from playground.engine import Engine, Finished
from playground.interface.explorer import Explorer, Focus
from playground.models import Explained, MistralCausalLM
from playground.session import AGAIN, Session
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.labels import labels
from playground.views.subject import Subject, new_token
from widgets.engines import Model, borrow, lend

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True)
class Token:
    """A new token. `index` counts them from 0; `label` shows spaces and line ends.

    `logprob` and `chain_logprob` (nats) are under the model, and under the sampler that
    drew it; `rank` is 1 for the model's likeliest, `entropy` (nats) is the model's, and
    `kept` is how many tokens the sampler left. None where nothing was recorded.
    """

    index: int
    token_id: int
    label: str
    logprob: float | None = None
    chain_logprob: float | None = None
    rank: int | None = None
    entropy: float | None = None
    kept: int | None = None


class Run:
    """One text of a model; while it is written it grows.

    `transcript` holds all that is known of it, `explorer` the views of it.
    """

    def __init__(
        self,
        engine: Engine[MistralCausalLM],
        transcript: Transcript,
        session: Session | None = None,
    ) -> None:
        self._session = session  # the engine stays as long as it does
        self.engine = engine
        self.transcript = transcript
        self.explorer = Explorer(self)

    @property
    def text(self) -> str:
        """The new text."""
        return self.transcript.shown_text

    @property
    def whole_text(self) -> str:
        """Prompt and new text; the text alone if the prompt was to be hidden."""
        return self.transcript.whole_text

    @property
    def settings(self) -> GenerationSettings:
        """Those of the run, with the seed that it used."""
        return replace(self.transcript.settings, seed=self.transcript.seed)

    @property
    def finished(self) -> Finished | None:
        """How it ended; None while it goes on."""
        return self.transcript.finished

    @property
    def token_ids(self) -> tuple[int, ...]:
        return tuple(self.transcript.token_ids)

    @property
    def prompt_token_ids(self) -> tuple[int, ...]:
        return tuple(self.transcript.prompt_token_ids)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The new tokens and what was recorded when they were drawn."""
        return tuple(self._tokens())

    def to_frame(self) -> "pandas.DataFrame":
        """The tokens as a table of pandas. Raises ImportError if there is no pandas."""
        try:
            import pandas
        except ImportError as missing:
            raise ImportError(
                "to_frame needs pandas, which is not installed: `pip install pandas`. "
                "`tokens` has the same without it."
            ) from missing
        names = list(Token.__dataclass_fields__)
        rows = [asdict(token) for token in self.tokens]
        return pandas.DataFrame(rows, columns=names).set_index("index")

    def focus(self, index: int = -1) -> Focus:
        """The new token of this number, from 0 or from the end. Raises ValueError."""
        return Focus(index=new_token(index, self.transcript.token_ids))

    @property
    def views(self) -> Subject:
        """What the views of it are made of."""
        return self.explorer.subject

    def explained(self, sliding_window: int | None = None) -> Explained:
        """Its text read again, to look inside; None: with the run's own window.

        The last one is kept. Raises ValueError for a text or a window that cannot be.
        """
        return self.views.text(sliding_window)

    def forget(self) -> None:
        """Let go of the text that was read, which may hold 300 MB."""
        self.explorer.forget()

    def _tokens(self) -> Iterator[Token]:
        run, model = self.transcript, self.engine.model
        ids = list(run.token_ids)
        if model is None or not ids:
            return
        named = labels(model.text_preprocessor.tokenizer, ids)
        for index, (token_id, label) in enumerate(zip(ids, named, strict=True)):
            record = run.records[index]
            if record is None:
                yield Token(index=index, token_id=token_id, label=label)
                continue
            yield Token(
                index=index,
                token_id=token_id,
                label=label,
                logprob=record.logprob,
                chain_logprob=record.chain_logprob,
                rank=record.rank,
                entropy=record.entropy,
                kept=record.stages[-1].tokens if record.stages else None,
            )

    def _in_words(self) -> str:
        count, end = len(self.transcript.token_ids), self.finished
        state = end.reason if end else "still going on"
        noun = "token" if count == 1 else "tokens"
        return f"{count:,} new {noun} · {state} · seed {self.transcript.seed}"

    def __repr__(self) -> str:
        return f"{self._in_words()}\n{self.whole_text}"

    def _repr_html_(self) -> str:
        return (
            f'<p><small>{escape(self._in_words())}</small></p><div style="white-space:'
            f' pre-wrap">{escape(self.whole_text)}</div>'
        )


def generate(model: Model, prompt: str, **settings: Any) -> Run:
    """The run of one prompt, when it is over; no widget is made.

    `settings` are those of `GenerationSettings`. Raises ValueError for what is wrong
    with them or the prompt, and RuntimeError if the run ended with an error.
    """
    checked = GenerationSettings(**settings)
    engine = borrow(model)
    session = Session(engine, record=True, keeps_text=False)
    lend(model, engine, session)
    if engine.wait().phase == "failed":
        raise RuntimeError(f"{engine.status.message}\n{AGAIN}")
    *_, last = session.generate(prompt, checked)
    if isinstance(last, Finished) and last.reason == "error":
        raise RuntimeError(last.message)
    assert session.transcript is not None
    return Run(engine, session.transcript, session)
