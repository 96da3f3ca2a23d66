"""Python code that writes a run again, token by token, with this package.

Whatever came from outside stands in it as a literal, as `repr` writes it, so no prompt
can end the string that it is in.
"""

from typing import Any

from playground.controls import BY_NAME, DRAWING
from playground.exports.replay import settings_to_replay
from playground.samplers import Sampler
from playground.samplers.choice import sampler_of
from playground.tokenizers import Tokenizer
from playground.transcript import ModelFacts, Transcript

IMPORTS = """\
from playground.models import MistralCausalLM
from playground.models.answers import answer_of
"""
_PASSED = ("stop_token_ids", "sliding_window", "stop_strings", "shorten_prompt")
"""Settings that `stream` takes under their names, with the same defaults."""


def python_code(run: Transcript, tokenizer: Tokenizer) -> str:
    """A script that prints the run's new text.

    Raises ValueError if the run does not say which model wrote it.
    """
    return "\n".join(
        [
            f"# Needs mistral-playground {facts_of(run).version}.",
            IMPORTS + sampler_import(run, tokenizer),
            load_code(run),
            run_code(run, tokenizer),
            "print(answer.text)\n",
        ]
    )


def load_code(run: Transcript) -> str:
    """`model = ...`, with the preset, dtype and window that the run had."""
    facts = facts_of(run)
    here = "# Its path on this machine:\n" if facts.is_local else ""
    model = call(
        "MistralCausalLM.from_preset",
        facts.preset,
        dtype=facts.dtype,
        sliding_window=facts.sliding_window,
    )
    return f"{here}model = {model}\n"


def run_code(run: Transcript, tokenizer: Tokenizer, record: bool = False) -> str:
    """`prompt = ...`, `events = ...` and `answer = ...`; `record` as in `stream`.

    Ids stand for the prompt's text where that might be cut or tokenized differently.
    """
    settings, kept = settings_to_replay(run), run.token_ids[: run.answered]
    as_ids = settings.shorten_prompt or kept
    prompt = list(run.prompt_token_ids) if as_ids else run.prompt_text
    length = "max_new_tokens" if settings.max_new_tokens else "max_length"
    arguments: dict[str, Any] = {length: getattr(settings, length)}
    if settings.sampler in DRAWING:
        arguments["seed"] = run.seed
    for name in _PASSED:
        if (value := getattr(settings, name)) != BY_NAME[name].default:
            arguments[name] = value
    arguments |= {"answer_ids": kept} if kept else {}
    if run.earlier_tokens:
        arguments["earlier_tokens"] = run.earlier_tokens
    arguments |= {"record": True} if record else {}
    sampler = constructor(_sampler(run, tokenizer))
    events = call("model.stream", Verbatim("prompt"), **arguments)
    return (
        f"model.compile(sampler={sampler})\n"
        f"prompt = {prompt!r}\n"
        f"events = {events}\n"
        "answer = answer_of(events)\n"
    )


def sampler_import(run: Transcript, tokenizer: Tokenizer) -> str:
    name = type(_sampler(run, tokenizer)).__name__
    return f"from playground.samplers import {name}\n"


def constructor(sampler: Sampler) -> str:
    """The call that makes `sampler`, with what is not as it is anyway."""
    plain = type(sampler)().get_config()
    changed = {n: v for n, v in sampler.get_config().items() if v != plain[n]}
    return call(type(sampler).__name__, **changed)


class Verbatim(str):
    """A piece of code, not a text."""

    def __repr__(self) -> str:
        return str(self)


def call(name: str, *positional: Any, **named: Any) -> str:
    """A call as code: on one line if it is short, else an argument a line."""
    parts = [*map(repr, positional), *(f"{n}={v!r}" for n, v in named.items())]
    line = f"{name}({', '.join(parts)})"
    if len(line) <= 70:
        return line
    inside = "".join(f"    {part},\n" for part in parts)
    return f"{name}(\n{inside})"


def facts_of(run: Transcript) -> ModelFacts:
    if run.model is None:
        raise ValueError(
            "This run does not say which model wrote it, so no code can load the same."
        )
    return run.model


def _sampler(run: Transcript, tokenizer: Tokenizer) -> Sampler:
    return sampler_of(run.settings, tokenizer.stop_token_ids)
