"""What greedy search writes after a prompt, under several windows at once."""

from collections.abc import Sequence

from playground.engine import Engine, Finished, Run, Step
from playground.models.interpretability.text_reading import ExplainStopped
from playground.models.mistral_causal_lm import MistralCausalLM
from playground.models.prompting import StopTokenIds, make_request
from playground.samplers import GreedySampler
from playground.system.progress import Progress, Stopped, never, say_nothing


def greedy_texts(
    engine: Engine[MistralCausalLM],
    token_ids: Sequence[int],
    windows: Sequence[int],
    max_new_tokens: int,
    stop_token_ids: StopTokenIds = "auto",
    progress: Progress = say_nothing,
    stopped: Stopped = never,
) -> dict[int, tuple[int, ...]]:
    """Window -> the new tokens, for the windows that the model can be run with.

    The runs are rows of one decoding step. Not for the engine's own thread, which must
    be free to serve them.

    Raises:
        ValueError: for a prompt or stop that cannot be, or while the model loads.
        BusyError: if too many runs are waiting.
        RuntimeError: if a run failed.
        ExplainStopped: if `stopped` said so; no run goes on.
    """
    model = engine.model
    if model is None:
        raise ValueError("The model is still loading. Try again when it is ready.")
    limits = model.backbone
    widest = limits.widest_window or limits.context_length
    runs: dict[int, Run] = {}
    try:
        for window in windows:
            if widest is None or window <= widest:
                request = make_request(
                    limits,
                    model.preprocessor.tokenizer if model.preprocessor else None,
                    token_ids,
                    sampler=GreedySampler(),
                    seed=0,
                    max_length=None,
                    max_new_tokens=max_new_tokens,
                    stop_token_ids=stop_token_ids,
                    sliding_window=window,
                )
                runs[window] = engine.submit(request)
        texts = {}
        for window, run in runs.items():
            texts[window] = _text(run, stopped)
            progress(f"Wrote under window {window}", len(texts) / len(runs))
        return texts
    finally:
        for run in runs.values():
            run.cancel()


def _text(run: Run, stopped: Stopped) -> tuple[int, ...]:
    token_ids = []
    for event in run:
        if stopped():
            raise ExplainStopped("Stopped while greedy texts were written.")
        if isinstance(event, Step):
            token_ids.append(event.token_id)
        if isinstance(event, Finished) and event.reason == "error":
            raise RuntimeError(event.message)
    return tuple(token_ids)
