"""Runs what the tabs need once, so that no user waits for it to compile."""

from playground.engine import Engine
from playground.models import MistralCausalLM, explain
from playground.plots import picture
from playground.samplers import SamplerValues
from playground.system import free_memory
from playground.views.sampler_lab import sampler_lab_view
from playground.views.sampler_table import sampler_table_view


def warm_up_views(engine: Engine[MistralCausalLM]) -> None:
    """Wait until `engine` has nothing left to build; read and draw a short text."""
    if not engine.wait_until_warm() or (model := engine.model) is None:
        return
    tokenizer = model.text_preprocessor.tokenizer
    text = explain(model, [0, 0])
    text.attention(0)
    logits = text.logits(0)
    picture(sampler_lab_view(tokenizer, logits, SamplerValues(), seed=0))
    sampler_table_view(tokenizer, logits, SamplerValues(), seed=0)
    free_memory.give_back()
