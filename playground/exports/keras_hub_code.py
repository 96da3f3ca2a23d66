"""Python code for the same run with keras-hub, as far as keras-hub can.

It hands token ids in and takes token ids out, so that no tokenizer stands in between.
What keras-hub cannot do, or does otherwise, is said in comments on top of the code.
"""

from collections.abc import Iterator
from typing import Any

from playground.controls import BY_NAME
from playground.exports.code import call, facts_of
from playground.presets import PRESETS
from playground.samplers import (
    BeamValues,
    ContrastiveValues,
    SamplerValues,
    active_cuts,
)
from playground.samplers.choice import sampler_of
from playground.samplers.values import numbers_on
from playground.tokenizers import Tokenizer
from playground.transcript import ModelFacts, Transcript

_THEIR_NUMBERS = ("temperature", "top_p", "top_k")
_NOT_THEIRS = (
    "keras-hub does not have this preset. Where the playground is installed, this",
    "writes it into a folder of that name, once:",
    "    from playground.models import MistralBackbone",
)
_LOCAL = (
    "The model is a file or folder: put its path in. keras-hub reads Keras presets and",
    "Hugging Face's folders. A .gguf file it reads once the playground has written it:",
    "    from playground.models import MistralBackbone",
    "    MistralBackbone.from_preset(file).save_to_preset(folder)",
)
_BEAMS = (
    "In keras-hub a beam that has ended goes on after its stop token, and what comes",
    "there counts: where runs stop, the beams may differ.",
)

_CODE = """\
import os

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np
from keras_hub import samplers
from keras_hub.models import MistralBackbone, MistralCausalLM

{load}
model = MistralCausalLM(backbone, preprocessor=None)
model.compile(sampler=samplers.{sampler})

prompt_ids = {prompt_ids}
new_tokens = {new_tokens}  # as many as the run wrote
length = len(prompt_ids) + new_tokens
token_ids = np.zeros((1, length), "int32")
token_ids[0, : len(prompt_ids)] = prompt_ids
padding_mask = (np.arange(length) < len(prompt_ids))[None].astype("int32")
written = model.generate(
    {{"token_ids": token_ids, "padding_mask": padding_mask}},
    stop_token_ids={stop_token_ids},
)
is_text = np.asarray(written["padding_mask"])[0].astype(bool)
new_ids = np.asarray(written["token_ids"])[0][is_text].tolist()[len(prompt_ids) :]
print(new_ids)
"""


def keras_hub_code(run: Transcript, tokenizer: Tokenizer) -> str:
    """A script that prints the ids of the run's new tokens as keras-hub writes them.

    Raises ValueError if the run does not say which model wrote it.
    """
    facts = facts_of(run)
    values = sampler_of(run.settings, tokenizer.stop_token_ids).values()
    comments = [*_about_preset(facts), *_about_sampler(values)]
    comments += _about_stops(run)
    code = _CODE.format(
        load=_load(facts, run.settings.sliding_window),
        sampler=_sampler(values, run.seed),
        prompt_ids=[*run.prompt_token_ids, *run.token_ids[: run.answered]],
        new_tokens=len(run.token_ids) - run.answered,
        stop_token_ids=_stops(run, tokenizer),
    )
    lines = "\n".join(comments).splitlines()
    return "".join(f"# {line}\n" for line in lines) + code


def _load(facts: ModelFacts, window: int | None) -> str:
    backbone = call(
        "MistralBackbone.from_preset",
        facts.preset,
        dtype=_float(facts),
        sliding_window=window or facts.sliding_window,
    )
    return f"backbone = {backbone}"


def _float(facts: ModelFacts) -> str:
    return facts.dtype.removeprefix("int8_from_")


def _about_preset(facts: ModelFacts) -> Iterator[str]:
    preset = PRESETS.get(facts.preset)
    if preset and not isinstance(preset.source, str):
        yield from _NOT_THEIRS
        load = call("MistralBackbone.from_preset", facts.preset, dtype=_float(facts))
        yield f"    backbone = {load}"
        yield f"    backbone.save_to_preset({facts.preset!r})"
    if facts.is_local:
        yield from _LOCAL
    if facts.dtype != _float(facts):
        yield f"The run's weights were int8, here they are {_float(facts)}."


def _sampler(values: Any, seed: int) -> str:
    temperature = {} if values.temperature == 1 else {"temperature": values.temperature}
    match values:
        case BeamValues():
            return call("BeamSampler", num_beams=values.num_beams, **temperature)
        case ContrastiveValues():
            numbers = {"k": values.k, "alpha": values.alpha}
            return call("ContrastiveSampler", **numbers, **temperature)
        case SamplerValues(temperature=0):
            return call("GreedySampler")
    rest = {"seed": seed, **temperature}
    if values.top_p < 1:
        k = {"k": values.top_k} if values.top_k else {}
        return call("TopPSampler", p=values.top_p, **k, **rest)
    if values.top_k:
        return call("TopKSampler", k=values.top_k, **rest)
    return call("RandomSampler", **rest)


def _about_sampler(values: Any) -> Iterator[str]:
    match values:
        case BeamValues():
            yield from _BEAMS
        case SamplerValues():
            yield from _about_chain(values)


def _about_chain(values: SamplerValues) -> Iterator[str]:
    if values.temperature > 0:
        yield "keras-hub draws with noise of its own: as likely, but other tokens."
    cuts = active_cuts(values)
    for name in numbers_on(values):
        is_dropped = not BY_NAME[name].stage or BY_NAME[name].stage in cuts
        if name not in _THEIR_NUMBERS and is_dropped:
            yield f"keras-hub has no {name}; left out: {getattr(values, name)!r}"
    if values.order != SamplerValues().order and len(cuts) > 1:
        yield "keras-hub's order is temperature, top-p, top-k; the run had another."


def _stops(run: Transcript, tokenizer: Tokenizer) -> Any:
    stops = run.settings.stop_token_ids
    if stops == "auto":
        stops = tuple(sorted(tokenizer.stop_token_ids))
    return list(stops) if stops else None


def _about_stops(run: Transcript) -> Iterator[str]:
    if run.settings.stop_strings:
        texts = list(run.settings.stop_strings)
        yield f"keras-hub stops at tokens only; these texts end nothing: {texts!r}"
