"""Runs a sharded model in a process of its own, and prints what it saw as JSON.

The number of devices is fixed when JAX starts, so tests/models/test_sharding.py starts
this file: `sharding_worker.py devices FOLDER` on 8 devices, `sharding_worker.py slow`
too, and `sharding_worker.py process PORT I` twice, with 2 devices each.
"""

import gc
import hashlib
import json
import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import keras
import numpy as np

from playground.engine import (
    Beams,
    Event,
    Programs,
    Request,
    Step,
    compilations,
    decode,
)
from playground.engine.warm_up import tasks
from playground.models import MistralBackbone, MistralCausalLM
from playground.models.layout_map import local_share
from playground.models.prompting import draw_seed
from playground.presets import Checkpoint
from playground.presets.variables import num_parameters, variables
from playground.samplers import (
    BeamSampler,
    ContrastiveSampler,
    GreedySampler,
    RandomSampler,
    Sampler,
)
from tests.conftest import REAL

EVEN = {
    "vocabulary_size": 96,
    "num_layers": 2,
    "num_query_heads": 16,
    "hidden_dim": 24,
    "intermediate_dim": 40,
    "num_key_value_heads": 8,
    "head_dim": 10,  # not 24 / 16
    "sliding_window": 7,  # less than the prompt, and than the answer
    "tie_word_embeddings": False,
}
ODD = {
    **EVEN,
    "num_layers": 1,
    "num_query_heads": 6,
    "num_key_value_heads": 3,
    "head_dim": 12,  # the query's 72 rows are cut inside heads, the key's 36 are not
}
LARGE = {
    **EVEN,
    "vocabulary_size": 4096,
    "num_layers": 4,
    "hidden_dim": 512,
    "intermediate_dim": 2048,
    "head_dim": 32,
}


def checkpoint(config: dict[str, Any]) -> Checkpoint:
    """Random weights; those of kernels are large, so that they change the logits."""

    def tensors() -> Iterator[tuple[str, Any]]:
        numbers = np.random.default_rng(0)
        for path, shape in variables(config).items():
            values = numbers.standard_normal(shape, np.float32)
            yield path, values * (0.4 if len(shape) > 1 else 1.0)

    return Checkpoint(
        name="random",
        config=config,
        read_tokenizer=lambda: None,
        tensors=tensors,
        num_bytes=4 * num_parameters(config),
    )


def model_of(config: dict[str, Any]) -> MistralCausalLM:
    return MistralCausalLM(MistralBackbone.from_checkpoint(checkpoint(config)))


def small_programs(model: MistralCausalLM, first_slots: int = 64) -> Programs:
    return Programs(model, chunks=(8, 8), first_slots=first_slots)


def events_of(programs: Programs, sampler: Sampler, seed: int = 0) -> Iterator[Event]:
    """24 tokens after 43."""
    request = Request(
        token_ids=tuple(range(3, 46)),
        max_new_tokens=24,
        sampler=sampler.values(),
        seed=seed,
        stop_token_ids=frozenset(),
    )
    return decode(programs, request)


def text(programs: Programs, sampler: Sampler, seed: int = 0) -> list[int]:
    events = events_of(programs, sampler, seed)
    return [event.token_id for event in events if isinstance(event, Step)]


def texts(programs: Programs) -> dict[str, list[int]]:
    return {
        "greedy": text(programs, GreedySampler()),
        "seeded": text(programs, RandomSampler(temperature=2.0), seed=5),
    }


def searches(programs: Programs) -> dict[str, list[int]]:
    """What the samplers find that read several rows at once."""
    steps = [e for e in events_of(programs, BeamSampler(3)) if isinstance(e, Beams)]
    return {
        "beam": list(steps[-1].beams[0].token_ids),
        "contrastive": text(programs, ContrastiveSampler(k=4, alpha=0.5)),
    }


def distribution(*shape: int) -> keras.distribution.ModelParallel:
    """Over a mesh of the first devices."""
    devices = keras.distribution.list_devices()[: math.prod(shape)]
    mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"), devices)
    layout_map = MistralBackbone.get_layout_map(mesh)
    return keras.distribution.ModelParallel(
        layout_map=layout_map, batch_dim_name="batch"
    )


def bytes_per_device(arrays: Sequence[jax.Array]) -> list[int]:
    """On each of this process's devices."""
    held = dict.fromkeys(jax.local_devices(), 0)
    for array in arrays:
        part = math.prod(array.sharding.shard_shape(array.shape)) * array.itemsize
        for device in array.sharding.addressable_devices:
            held[device] += part
    return list(held.values())


def load_large() -> dict[str, Any]:
    """Bytes: the most on a device while loading, on each afterwards, of all weights."""
    gc.collect()
    before = bytes_per_device(jax.live_arrays())
    most = [0] * len(before)

    def look(variable: keras.Variable, value: Any) -> None:
        most[:] = map(max, bytes_per_device(jax.live_arrays()), most)
        direct_assign(variable, value)

    direct_assign = keras.Variable._direct_assign
    keras.Variable._direct_assign = look  # the last before the old value goes
    backbone = MistralBackbone.from_checkpoint(checkpoint(LARGE))
    keras.Variable._direct_assign = direct_assign
    weights = [variable.value for variable in backbone.variables]
    return {
        "most": max(now - then for now, then in zip(most, before, strict=True)),
        "after": bytes_per_device(weights),
        "whole": sum(weight.nbytes for weight in weights),
        "largest": max(weight.nbytes for weight in weights),
    }


def digest(model: MistralCausalLM) -> str:
    """Of all weights, put together again."""
    found = hashlib.sha256()
    for variable in model.backbone.variables:
        found.update(np.asarray(variable.value).tobytes())
    return found.hexdigest()


def warm_up(programs: Programs) -> None:
    for task in tasks(programs, longest=100):
        task()


def on_devices(folder: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    with distribution(1, 8).scope():
        programs = small_programs(model_of(EVEN), first_slots=8)  # which then grows
    built = compilations().built
    warm_up(programs)
    seen["built"] = compilations().built - built
    built = compilations().built
    seen["model"] = texts(programs)
    seen["built_again"] = compilations().built - built
    cache = programs.empty_cache(64)
    seen["cache"] = bytes_per_device([*cache.rings[0].keys, *cache.rings[0].values])
    with distribution(2, 4).scope():
        both = model_of(EVEN)
    variables_of = both.backbone.variables
    seen["layouts"] = {v.path: list(v.value.sharding.spec) for v in variables_of}
    programs = small_programs(both)
    seen["both"] = texts(programs)
    cache, ids = programs.empty_cache(programs.slot_steps[-1]), np.zeros(8, np.int32)
    results = programs.forward(programs.weights(), cache, ids, 0, 1, 1)
    seen["whole"] = [result.is_fully_replicated for result in results[:2]]
    with distribution(1, 8).scope(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        odd = model_of(ODD)
    seen["warnings"] = [str(warning.message) for warning in caught]
    seen["odd"] = texts(small_programs(odd))
    with distribution(1, 8).scope(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its vocabulary is odd
        preset = MistralCausalLM.from_preset(folder)
    seen["preset"] = digest(preset)
    with distribution(2, 4).scope():
        seen["large"] = load_large()
    return seen


def in_process(port: str, index: str) -> dict[str, Any]:
    keras.distribution.initialize(f"127.0.0.1:{port},127.0.0.1:0", 2, int(index))
    with distribution(1, jax.device_count()).scope():
        model = model_of(EVEN)
        large = load_large()
    programs = small_programs(model)
    seen = {"devices": jax.device_count(), "model": texts(programs), "large": large}
    with distribution(1, jax.device_count()).scope():
        share = local_share(LARGE)
    return {**seen, "seed": draw_seed(), "share": share}


def slowly() -> dict[str, Any]:
    with distribution(1, 8).scope():
        model, real = model_of(EVEN), MistralCausalLM.from_preset(REAL)
    weights = [variable.value for variable in real.backbone.variables]
    return {
        "searches": searches(small_programs(model)),
        "real": texts(real.programs),
        "after": bytes_per_device(weights),
        "whole": sum(weight.nbytes for weight in weights),
        "largest": 0,
        "most": 0,
    }


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    job = {"devices": on_devices, "process": in_process, "slow": slowly}[what]
    print(json.dumps(job(*arguments)))
