"""One person's runs: what was asked, what came, and the way to stop it."""

import threading
from collections.abc import Generator, Hashable, Iterator, Sequence
from dataclasses import replace

from playground.engine import (
    WAITING_SECONDS,
    BusyError,
    Engine,
    Event,
    Finished,
    Loading,
    Request,
    Run,
)
from playground.models import MistralCausalLM
from playground.models.answers import NewText, with_text
from playground.models.chat_format import uses_chat_format
from playground.models.prompting import draw_seed, make_request, wanted_by
from playground.settings import GenerationSettings
from playground.transcript import KeptEvents, ModelFacts, Transcript, leave_out
from playground.transcript.answer_tree import MAX_RUNS, AnswerTree, Version

MAX_PROMPT_CHARACTERS = 100_000
AGAIN = "Generate tries to load it again."
NO_ANSWER = "There is no answer yet to go on from. Generate one."


class Session:
    """Asks an engine for text and keeps what came. One for each tab or panel.

    With `record` it also keeps what was known when each token was drawn, measured on
    another thread while it writes on. A session for one run only keeps no text for the
    next one: `keeps_text` False.
    """

    def __init__(
        self,
        engine: Engine[MistralCausalLM],
        *,
        record: bool = False,
        keeps_text: bool = True,
    ) -> None:
        self.engine = engine
        self.record = record
        self.caller: Hashable = None
        """Who takes turns with others in the engine's line; None is one of its own."""
        self.tree = AnswerTree()
        """All runs so far; nothing is ever lost."""
        self.version: Version | None = None
        """The latest run."""
        # The engine keeps this session's text for its next run.
        self._owner = object() if keeps_text else None
        self._stopped = threading.Event()
        self._run: Run | None = None

    def generate(self, prompt: str, settings: GenerationSettings) -> Iterator[Event]:
        """Start a run; its events, and its transcript, end with exactly one `Finished`.

        A run that is still going is stopped first. Closing the iterator, or letting go
        of it, stops this one. While the model loads, the run waits and says so; one
        that could not be loaded is tried again.

        Raises:
            ValueError: the prompt is empty, too long or broken, or a setting does not
                fit the model. The text made before is then untouched. What turns out
                only when the model is loaded ends the run as an error instead.
        """
        _check_prompt(prompt)
        seed = draw_seed() if settings.seed is None else settings.seed
        transcript = Transcript(settings=settings, seed=seed, prompt=prompt)
        if self.engine.status.phase == "failed":
            self.engine.try_again()
        model, request = self.engine.model, None
        if model is not None:
            request = _request(model, prompt, transcript)
        self._begin(self.tree.add(transcript))
        events = self._events(prompt, transcript, request, self._stopped)
        return KeptEvents(events, transcript)

    def go_on(
        self,
        settings: GenerationSettings | None = None,
        *,
        number: int | None = None,
        position: int | None = None,
        token_id: int | None = None,
    ) -> Iterator[Event]:
        """Go on from an answer: the latest, or run `number` of the tree.

        From its end, without the stop tokens that ended it; or after its first
        `position` tokens, where `token_id` takes the place of its own token. `settings`
        None keeps its settings, and the seed stays if they name no other: then it
        becomes what one longer run would have been. Stops before the place are passed;
        one that `token_id` completes ends the run at once. Raises ValueError as
        `generate`, and for what is not there.
        """
        model = self.engine.model
        if model is None or self.version is None:
            raise ValueError(NO_ANSWER)
        parent = self.version if number is None else self.tree.version(number)
        old = parent.run
        if not old.prompt_token_ids:  # it ended before its prompt was read
            raise ValueError(NO_ANSWER)
        position = _end_of(old) if position is None else position
        own = [] if token_id is None else [token_id]
        kept = [*old.token_ids[:position], *own]
        settings = settings or old.settings
        run = Transcript(
            settings=replace(settings, chat=old.settings.chat),
            seed=old.seed if settings.seed is None else settings.seed,
            prompt=old.prompt,
            prompt_text=old.prompt_text,
            prompt_token_ids=old.prompt_token_ids,
            answered=len(kept),
            earlier_text=old.earlier_text,
            earlier_tokens=old.earlier_tokens,
            token_ids=kept,
            pieces=old.pieces_by(model.text_preprocessor.tokenizer)[:position],
            records=[*old.records[:position], *(None for _ in own)],
        )
        request, end = _continuation(model, run, len(own), old.text)
        self._begin(self.tree.add(run, parent.number, position))
        if end is not None:
            return KeptEvents(_ended_at_once(run, end), run)
        return KeptEvents(self._events("", run, request, self._stopped), run)

    def show(self, number: int) -> None:
        """Make run `number` of the tree the latest again; a run that goes on stops.

        Raises ValueError if there is none.
        """
        version = self.tree.version(number)
        self.stop()
        self.version = version

    def open(self, what: Transcript | AnswerTree) -> None:
        """Take in runs from elsewhere behind one's own, and show the last of them.

        Raises ValueError if this session cannot hold so many, or there is none.
        """
        if isinstance(what, Transcript):
            tree = AnswerTree()
            tree.add(what)
            what = tree
        first, count = len(self.tree.versions), len(what.versions)
        if not 0 < count <= MAX_RUNS - first:
            raise ValueError(
                f"The file has {count:,} runs; this session has room for 1 to "
                f"{MAX_RUNS - first:,}."
            )
        for each in what.versions:
            parent = None if each.parent is None else first + each.parent
            self.tree.add(each.run, parent, each.position)
        self.show(first + count - 1)

    def _begin(self, version: Version) -> None:
        self.stop()
        self.version, self._stopped = version, threading.Event()

    def stop(self) -> None:
        """End the run within one step, if there is one; its text stays."""
        self._stopped.set()
        if self._run is not None:
            self._run.cancel()

    @property
    def transcript(self) -> Transcript | None:
        """The latest run."""
        return self.version.run if self.version else None

    @property
    def prompt_text(self) -> str:
        """The exact prompt of the latest run, "" before there is one."""
        return self.transcript.prompt_text if self.transcript else ""

    @property
    def text(self) -> str:
        """The text of the latest run so far."""
        return self.transcript.text if self.transcript else ""

    @property
    def shown_text(self) -> str:
        """The text, with the stop string behind it if that is to be kept."""
        return self.transcript.shown_text if self.transcript else ""

    @property
    def whole_text(self) -> str:
        """The shown text, behind the prompt unless that is to be stripped."""
        return self.transcript.whole_text if self.transcript else ""

    @property
    def seed(self) -> int | None:
        """The seed that the latest run uses."""
        return self.transcript.seed if self.transcript else None

    def _events(
        self,
        prompt: str,
        transcript: Transcript,
        request: Request | None,
        stopped: threading.Event,
    ) -> Generator[Event, None, None]:
        yield from self._wait_for_model(stopped)
        if stopped.is_set():
            yield Finished(reason="cancelled")
            return
        model = self.engine.model
        if model is None:
            yield Finished(reason="error", message=self._why_there_is_no_model())
            return
        try:
            request = request or _request(model, prompt, transcript)
            run = self.engine.submit(
                replace(
                    request,
                    owner=self._owner,
                    caller=self.caller,
                    record=self.record,
                )
            )
        except (ValueError, BusyError) as fault:
            yield Finished(reason="error", message=str(fault))
            return
        yield from self._listen(run, model, transcript, stopped)

    def _listen(
        self,
        run: Run,
        model: MistralCausalLM,
        transcript: Transcript,
        stopped: threading.Event,
    ) -> Iterator[Event]:
        self._run = run
        if stopped.is_set():  # between submitting and here
            run.cancel()
        tokenizer = model.text_preprocessor.tokenizer
        transcript.text = transcript.text_before  # the rest comes with the events
        try:
            yield from with_text(
                run,
                tokenizer,
                transcript.prompt_token_ids,
                transcript.settings.stop_strings,
                run.cancel,
                transcript.token_ids[: transcript.answered],
                transcript.pieces[: transcript.answered],
            )
        finally:
            run.cancel()

    def _why_there_is_no_model(self) -> str:
        status = self.engine.status
        again = f"\n{AGAIN}" if status.phase == "failed" else ""
        return status.message + again

    def _wait_for_model(self, stopped: threading.Event) -> Iterator[Event]:
        while not (stopped.is_set() or self.engine.wait_for_model(WAITING_SECONDS)):
            status = self.engine.status
            yield Loading(message=status.message, fraction=status.fraction)


def _end_of(run: Transcript) -> int:
    """How many of its tokens come before the stop tokens that ended it."""
    end = run.finished
    by_tokens = end is not None and end.reason == "stop" and not end.stop_string
    return len(run.token_ids) - (len(end.stopped_by) if end and by_tokens else 0)


def _check_prompt(prompt: str) -> None:
    if not isinstance(prompt, str):
        raise ValueError(f"The prompt must be text, got {type(prompt).__name__}.")
    if not prompt.strip():
        raise ValueError("The prompt is empty. Type something first.")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise ValueError(
            f"The prompt has {len(prompt):,} characters; at most "
            f"{MAX_PROMPT_CHARACTERS:,} are read. Shorten it."
        )


def _request(model: MistralCausalLM, prompt: str, run: Transcript) -> Request:
    """The request for a prompt; notes the exact prompt in the run."""
    preprocessor = model.text_preprocessor
    chat = uses_chat_format(model, run.settings.chat)
    run.settings = replace(run.settings, chat=chat)
    if chat:
        prompt = preprocessor.chat_prompt(prompt)
    request = _with_settings(model, preprocessor.prompt_ids(prompt), run)
    if request.left_out_tokens:
        prompt = preprocessor.tokenizer.detokenize(request.token_ids)
    run.prompt_text, run.prompt_token_ids = prompt, request.token_ids
    run.model = ModelFacts.of(model)
    return request


def _continuation(
    model: MistralCausalLM, run: Transcript, taken: int, written: str
) -> tuple[Request, Finished | None]:
    """The request for an answer that goes on; notes its text so far in the run.

    The last `taken` tokens are new; if they complete a stop, the end comes beside it.
    `written` is the text of the answer that it goes on from.
    """
    prompt, kept = run.prompt_token_ids, len(run.token_ids) - taken
    request = _with_settings(model, prompt, run)
    run.model = ModelFacts.of(model)
    text = NewText(
        model.text_preprocessor.tokenizer,
        prompt,
        run.settings.stop_strings,
        run.token_ids[:kept],
        run.pieces,
    )
    run.text_before = text.before + "".join(map(text.push, run.token_ids[kept:]))
    run.pieces = list(text.pieces)
    stop = request.stop_at_end(()) if taken else ()
    end = text.finished(Finished(reason="stop", stopped_by=stop))
    run.text = run.text_before + end.text  # which is held back as soon as it goes on
    leave_out(run, request, model.text_preprocessor.tokenizer, written)
    return request, end if end.stopped_by else None


def _ended_at_once(run: Transcript, end: Finished) -> Generator[Event, None, None]:
    run.text = run.text_before
    yield end


def _with_settings(
    model: MistralCausalLM, prompt_ids: Sequence[int], run: Transcript
) -> Request:
    tokenizer = model.text_preprocessor.tokenizer
    return make_request(
        model.backbone,
        tokenizer,
        prompt_ids,
        seed=run.seed,
        answer_ids=run.token_ids,
        earlier_tokens=run.earlier_tokens,
        **wanted_by(run.settings, tokenizer),
    )
