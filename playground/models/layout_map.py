"""How the weights are cut over a mesh of devices.

Letters: d hidden, f intermediate, h head, Q query heads, K key/value heads, V
vocabulary. Kernels are (out, in).
"""

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import keras
from jax.sharding import NamedSharding, PartitionSpec
from keras.distribution import DeviceMesh, LayoutMap, ModelParallel, TensorLayout

from playground.presets.rule import Shape
from playground.presets.variables import num_parameters, variables


def layout_map(device_mesh: DeviceMesh, model: str, data: str) -> LayoutMap:
    """Heads, the feedforward's inside and the vocabulary over `model`, d over `data`.

    So each device computes its own heads and its own part of the feedforward, and the
    devices along `model` add up their results twice in a layer. Norms are whole
    everywhere. Raises ValueError if the mesh has no such axes.
    """
    if not isinstance(device_mesh, DeviceMesh):
        raise ValueError(
            "`device_mesh` must be a `keras.distribution.DeviceMesh`, got "
            f"{type(device_mesh).__name__}."
        )
    for argument, name in (
        ("model_parallel_dim_name", model),
        ("data_parallel_dim_name", data),
    ):
        if name not in device_mesh.axis_names:
            raise ValueError(
                f"`{argument}` must be an axis of the mesh, one of "
                f"{list(device_mesh.axis_names)}, got {name!r}."
            )
    layer = r"transformer_layer_\d+"
    layouts = LayoutMap(device_mesh)
    # [V, d], [Q*h, d], [K*h, d] and [f, d]
    layouts["token_embedding/embeddings"] = (model, data)
    layouts[f"{layer}/self_attention/(query|key|value)/kernel"] = (model, data)
    layouts[f"{layer}/feedforward_(gate|intermediate)_dense/kernel"] = (model, data)
    # [d, V], [d, Q*h] and [d, f]
    layouts["token_embedding/reverse_embeddings"] = (data, model)
    layouts[f"{layer}/self_attention/attention_output/kernel"] = (data, model)
    layouts[f"{layer}/feedforward_output_dense/kernel"] = (data, model)
    return layouts


def in_even_parts(config: dict[str, Any]) -> AbstractContextManager[None]:
    """Where variables are made: a size that its axis does not divide stays whole.

    JAX cuts only into equal parts, and a layout map knows paths, not sizes. Warns of
    what stays whole.
    """
    distribution = keras.distribution.distribution()
    if not isinstance(distribution, ModelParallel):
        return nullcontext()
    fitting, uneven = LayoutMap(distribution.device_mesh), []
    for path, shape, layout in _layouts(distribution, config):
        fitting[path] = even = _evenly(layout, shape)
        if even.axes != layout.axes:
            uneven.append(f"{re.sub('transformer_layer_[0-9]+/', '', path)} {shape}")
    if uneven:
        warnings.warn(
            f"Sizes that {distribution.device_mesh} does not divide stay whole on "
            f"every device: {', '.join(dict.fromkeys(uneven))}.",
            stacklevel=3,
        )
    return ModelParallel(
        layout_map=fitting,
        batch_dim_name=distribution.batch_dim_name,
        auto_shard_dataset=distribution.auto_shard_dataset,
    ).scope()


def local_share(config: dict[str, Any]) -> float:
    """The share of the weights that this process will hold; below 1 if others help."""
    distribution = keras.distribution.distribution()
    if not isinstance(distribution, ModelParallel):
        return 1.0
    elsewhere = 0.0
    for _, shape, layout in _layouts(distribution, config):
        sharding = _evenly(layout, shape).backend_layout
        part = math.prod(sharding.shard_shape(shape))
        held = part * len(sharding.addressable_devices)
        elsewhere += math.prod(shape) - held
    return 1.0 - elsewhere / num_parameters(config)


def _layouts(
    distribution: ModelParallel, config: dict[str, Any]
) -> Iterator[tuple[str, Shape, TensorLayout]]:
    """Path, shape and layout of every weight that the distribution has one for."""
    for path, shape in variables(config).items():
        layout = distribution.get_tensor_layout(path)
        if layout is not None:
            yield path, shape, layout


def _evenly(layout: TensorLayout, shape: Shape) -> TensorLayout:
    mesh = layout.device_mesh
    parts = dict(zip(mesh.axis_names, mesh.shape, strict=True))
    axes = tuple(
        axis if axis is None or size % parts[axis] == 0 else None
        for axis, size in zip(layout.axes, shape, strict=True)
    )
    return TensorLayout(axes, mesh)


def head_sharding(key_kernel: jax.Array, num_heads: int) -> NamedSharding | None:
    """How to cut the cache over its heads: as the key kernel [K*h, d] over its rows.

    None on one device. K heads that the axis does not divide are kept whole on every
    device: cutting inside a head would make each score a sum over devices.
    """
    sharding = key_kernel.sharding
    if not isinstance(sharding, NamedSharding):
        return None
    axis = (*sharding.spec, None)[0]
    parts = 1 if axis is None else sharding.mesh.shape[axis]
    return NamedSharding(
        sharding.mesh, PartitionSpec(axis if num_heads % parts == 0 else None)
    )
