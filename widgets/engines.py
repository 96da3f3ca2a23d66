"""One engine for each model of a notebook, however many panels look at it."""

import threading
import weakref
from dataclasses import dataclass

from playground.engine import Engine
from playground.models import MistralCausalLM
from playground.presets import DEFAULT_PRESET
from playground.session import start_engine

Model = MistralCausalLM | Engine[MistralCausalLM] | str | None
"""A model, the name of a preset, or an engine; None is the default preset."""


@dataclass
class _Lent:
    engine: Engine[MistralCausalLM]
    borrowers: int = 0


_lent: dict[str | int, _Lent] = {}
_changing = threading.Lock()


def borrow(model: Model) -> Engine[MistralCausalLM]:
    """The engine of `model`, started at its first use; returns at once.

    What could not be loaded is tried again.
    """
    if model is not None and not isinstance(model, MistralCausalLM | str):
        return model
    key = id(model) if isinstance(model, MistralCausalLM) else model or DEFAULT_PRESET
    with _changing:
        if key not in _lent:
            _lent[key] = _Lent(_start(model or DEFAULT_PRESET))
        elif _lent[key].engine.status.phase == "failed":
            _lent[key].engine.try_again()
        _lent[key].borrowers += 1
        return _lent[key].engine


def lend(model: Model, engine: Engine[MistralCausalLM], run: object) -> None:
    """What `borrow` gave for `model` stays as long as `run` does.

    The engine of a preset by its name stays on, as it may have taken long to load; a
    model that was given as an object goes with its last run.
    """
    if isinstance(model, MistralCausalLM):
        gone = weakref.finalize(run, _give_back_beside, engine)
        gone.atexit = False


def _give_back_beside(engine: Engine[MistralCausalLM]) -> None:
    """On a thread: an object is collected anywhere, maybe under an engine's lock."""
    threading.Thread(target=give_back, args=(engine,), daemon=True).start()


def give_back(engine: Engine[MistralCausalLM]) -> None:
    """The last one who gives an engine back closes it; one's own engine stays."""
    with _changing:
        for key, lent in _lent.items():
            if lent.engine is engine:
                lent.borrowers -= 1
                if not lent.borrowers:
                    del _lent[key]
                    break
        else:
            return
    engine.close()


def _start(model: MistralCausalLM | str) -> Engine[MistralCausalLM]:
    if isinstance(model, str):
        return start_engine(model)
    return Engine(lambda *_: model, warm_length=0)
