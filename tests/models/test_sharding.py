"""A model over 8 simulated devices and over 2 processes is the model on one device."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pytest
from jax.experimental import multihost_utils

from playground.models import MistralBackbone, MistralCausalLM
from playground.models.prompting import draw_seed
from tests.models import sharding_worker
from tests.models.sharding_worker import (
    EVEN,
    ODD,
    digest,
    model_of,
    searches,
    small_programs,
    texts,
)
from tests.presets.huggingface_folder import BY_TRANSFORMERS

ROOT = Path(__file__).parents[2]


def start(num_devices: int, *arguments: str) -> subprocess.Popen[str]:
    """The worker, compiling fast rather than well."""
    flags = (
        f"--xla_force_host_platform_device_count={num_devices}",
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
    )
    return subprocess.Popen(
        [sys.executable, sharding_worker.__file__, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "XLA_FLAGS": " ".join(flags),
            "KERAS_BACKEND": "jax",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error::UserWarning",
        },
    )


@contextmanager
def ended(*workers: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever happens, no worker outlives this."""
    with ExitStack() as stack:
        for worker in workers:
            stack.enter_context(worker)
            stack.callback(worker.kill)
        yield


def result(worker: subprocess.Popen[str]) -> Any:
    printed, _ = worker.communicate(timeout=300)
    assert worker.returncode == 0
    return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def on_devices() -> Any:
    worker = start(8, "devices", str(BY_TRANSFORMERS))
    with ended(worker):
        return result(worker)


@pytest.fixture(scope="module")
def in_processes() -> list[Any]:
    """Two, each of which keeps about one core busy."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    workers = [start(2, "process", port, str(index)) for index in (0, 1)]
    with ended(*workers):
        return [result(worker) for worker in workers]


@pytest.fixture(scope="module")
def on_one_device() -> dict[str, list[int]]:
    return texts(small_programs(model_of(EVEN)))


@pytest.mark.parametrize("mesh", ["model", "both"])
def test_eight_devices_write_the_tokens_of_one(
    on_devices: Any, on_one_device: dict[str, list[int]], mesh: str
) -> None:
    """(1, 8) and (2, 4): greedy and drawn, past the window, in a ring that grows."""
    assert len(on_one_device["greedy"]) == 24
    assert on_devices[mesh] == on_one_device


def test_heads_that_do_not_divide_stay_whole_with_a_warning(on_devices: Any) -> None:
    assert on_devices["odd"] == texts(small_programs(model_of(ODD)))
    (warning,) = on_devices["warnings"]
    assert "shape=(1, 8)" in warning
    assert "self_attention/key/kernel (36, 24)" in warning
    assert "query" not in warning  # its 72 rows divide, though not its 6 heads


def test_a_preset_is_loaded_into_shards(on_devices: Any) -> None:
    whole = MistralCausalLM.from_preset(str(BY_TRANSFORMERS))
    assert on_devices["preset"] == digest(whole)


def test_a_warm_model_compiles_nothing_for_the_first_text(on_devices: Any) -> None:
    """Nor anything twice: two rings, two chunks, grow, sample and measure."""
    assert on_devices["built"] == 2 * 2 + 1 + 1 + 1
    assert on_devices["built_again"] == 0


def test_logits_and_hidden_states_are_whole_for_the_host(on_devices: Any) -> None:
    assert on_devices["whole"] == [True, True]


def test_every_kernel_is_cut_along_both_axes(on_devices: Any) -> None:
    layouts = on_devices["layouts"]
    rows, columns = ["model", "batch"], ["batch", "model"]
    for path, axes in {
        "token_embedding/embeddings": rows,
        "token_embedding/reverse_embeddings": columns,
        "transformer_layer_1/self_attention/query/kernel": rows,
        "transformer_layer_1/self_attention/key/kernel": rows,
        "transformer_layer_1/self_attention/value/kernel": rows,
        "transformer_layer_1/self_attention/attention_output/kernel": columns,
        "transformer_layer_1/feedforward_gate_dense/kernel": rows,
        "transformer_layer_1/feedforward_intermediate_dense/kernel": rows,
        "transformer_layer_1/feedforward_output_dense/kernel": columns,
    }.items():
        assert layouts.pop(path) == axes, path
    whole = {path for path, axes in layouts.items() if set(axes) == {None}}
    assert whole == {path for path in layouts if path.endswith("scale")}


def check_memory(large: Any, num_devices: int) -> None:
    """One part of n each, 1 % for the norms; while loading, that of one tensor more."""
    part = large["whole"] / num_devices
    assert all(part <= held <= 1.01 * part for held in large["after"])
    assert large["most"] <= 1.01 * part + large["largest"] / num_devices


def test_each_device_holds_one_part_of_the_weights(on_devices: Any) -> None:
    assert len(on_devices["large"]["after"]) == 8
    check_memory(on_devices["large"], 8)


def test_each_device_holds_one_part_of_the_cache(on_devices: Any) -> None:
    layers, heads, head_dim, slots = 2, 8, 10, 64
    both = 2 * layers * heads * head_dim * slots * 4  # keys and values in float32
    assert on_devices["cache"] == [both // 8] * 8


def test_all_processes_draw_what_the_first_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broadcast(seed: np.uint32) -> np.uint32:
        assert seed.dtype == np.uint32
        return np.uint32(7)  # that of another process

    assert len({draw_seed() for _ in range(4)}) > 1
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", broadcast)
    assert draw_seed() == 7


@pytest.mark.slow
def test_two_processes_write_the_tokens_of_one(
    in_processes: list[Any], on_one_device: dict[str, list[int]]
) -> None:
    for seen in in_processes:
        assert seen["devices"] == 4
        assert seen["model"] == on_one_device


@pytest.mark.slow
def test_two_processes_hold_half_the_weights_each(in_processes: list[Any]) -> None:
    for seen in in_processes:
        assert len(seen["large"]["after"]) == 2
        check_memory(seen["large"], 4)
        # What is asked before loading; the norms are whole in each process.
        assert seen["share"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_processes_draw_the_same_fresh_seed(in_processes: list[Any]) -> None:
    first, second = (seen["seed"] for seen in in_processes)
    assert first == second


def test_a_mesh_must_have_both_axes() -> None:
    devices = keras.distribution.list_devices()[:1]
    mesh = keras.distribution.DeviceMesh((1, 1), ("batch", "model"), devices)
    assert MistralBackbone.get_layout_map(mesh).device_mesh is mesh
    with pytest.raises(ValueError, match=r"model_parallel.*'batch', 'model'.*'tensor'"):
        MistralBackbone.get_layout_map(mesh, "tensor")
    with pytest.raises(ValueError, match=r"data_parallel_dim_name.*'data'"):
        MistralBackbone.get_layout_map(mesh, data_parallel_dim_name="data")
    with pytest.raises(ValueError, match=r"DeviceMesh.*got list"):
        MistralBackbone.get_layout_map(devices)


def test_the_axes_may_have_other_names() -> None:
    devices = keras.distribution.list_devices()[:1]
    mesh = keras.distribution.DeviceMesh((1, 1), ("rows", "columns"), devices)
    layouts = MistralBackbone.get_layout_map(mesh, "columns", "rows")
    kernel = layouts["transformer_layer_31/self_attention/query/kernel"]
    assert kernel.axes == ("columns", "rows")
    assert layouts["transformer_layer_31/self_attention/query/lora_kernel_a"] is None


@pytest.mark.slow
def test_the_real_model_and_the_searches_on_eight_devices(
    smollm2: MistralCausalLM,
) -> None:
    worker = start(8, "slow")
    with ended(worker):
        seen = result(worker)
    assert seen["real"] == texts(small_programs(smollm2))
    assert seen["searches"] == searches(small_programs(model_of(EVEN)))
    check_memory(seen, 8)
