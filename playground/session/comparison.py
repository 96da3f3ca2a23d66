"""One prompt with one seed through several settings, as rows of one run.

All runs are submitted at once, so the engine writes their next tokens in one step where
it can (see "Rows" in the architecture).
"""

import logging
import queue
import threading
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from playground.engine import MAX_ACTIVE, Engine, Event, Finished
from playground.models import MistralCausalLM
from playground.models.prompting import draw_seed
from playground.session import Session
from playground.settings import GenerationSettings
from playground.transcript import Transcript

MAX_RUNS = MAX_ACTIVE
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Update:
    """Something happened in the run number `row`."""

    row: int
    event: Event


class Comparison:
    """The runs of one prompt; iterate over `updates()` to make them.

    Raises ValueError, before anything runs, for a bad prompt or setting, and unless
    there are 1 to MAX_RUNS settings. Where these name no seed, all get the same new
    one; the first seed named is everybody's. `caller` is a session's.
    """

    def __init__(
        self,
        engine: Engine[MistralCausalLM],
        prompt: str,
        settings: Sequence[GenerationSettings],
        caller: Hashable = None,
    ) -> None:
        if not 1 <= len(settings) <= MAX_RUNS:
            raise ValueError(
                f"From 1 to {MAX_RUNS} settings can be compared, got {len(settings)}."
            )
        seeds = [each.seed for each in settings if each.seed is not None]
        seed = seeds[0] if seeds else draw_seed()
        self._sessions = [
            Session(engine, record=True, keeps_text=False) for _ in settings
        ]
        for session in self._sessions:
            session.caller = caller
        self._streams = [
            session.generate(prompt, replace(each, seed=seed))
            for session, each in zip(self._sessions, settings, strict=True)
        ]

    @property
    def runs(self) -> list[Transcript]:
        """What each run has made so far, in the settings' order."""
        found = (session.transcript for session in self._sessions)
        return [run for run in found if run is not None]

    @property
    def fault(self) -> str:
        """Why a run has failed; "" if none has."""
        ends = (run.finished for run in self.runs)
        found = (end.message for end in ends if end and end.reason == "error")
        return next(found, "")

    def updates(self) -> Iterator[Update]:
        """Everybody's events as they come; each run ends with one `Finished`.

        Closing it stops all runs; what they have made stays in `runs`.
        """
        heard: queue.SimpleQueue[Update | None] = queue.SimpleQueue()
        for row in range(len(self._streams)):
            thread = threading.Thread(
                target=self._listen, args=(row, heard), daemon=True
            )
            thread.start()
        going = len(self._streams)
        try:
            while going:
                if update := heard.get():
                    yield update
                else:
                    going -= 1
        finally:
            self.stop()

    def stop(self) -> None:
        """End all runs within one step; what they have made stays."""
        for session in self._sessions:
            session.stop()

    def _listen(self, row: int, heard: "queue.SimpleQueue[Update | None]") -> None:
        """Each run is waited for on its own thread; None tells that it is over."""
        try:
            for event in self._streams[row]:
                heard.put(Update(row=row, event=event))
        except Exception as error:
            _log.exception("A compared run failed")
            message = f"{type(error).__name__}: {error}"
            heard.put(Update(row=row, event=Finished(reason="error", message=message)))
        finally:
            heard.put(None)


def compare(
    engine: Engine[MistralCausalLM],
    prompt: str,
    settings: Sequence[GenerationSettings],
) -> Iterator[Update]:
    """The updates of a `Comparison`, which refuses what it refuses at once."""
    return Comparison(engine, prompt, settings).updates()
