"""The Mistral transformer: embeddings, layers, final norm."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
from jax.sharding import NamedSharding

from playground.engine import kv_cache
from playground.engine.kv_cache import KVCache, LayerCache, RingPlan
from playground.models.finding import check_memory, find_preset
from playground.models.layout_map import head_sharding, in_even_parts, layout_map
from playground.models.loading import assign_weights, placeholder
from playground.models.quantization import Quantizable, as_policy, without_int8
from playground.models.token_embedding import TokenEmbedding
from playground.models.transformer_decoder import MistralTransformerDecoder
from playground.presets import Checkpoint, Description, PresetsProperty
from playground.presets.keras import write_keras_backbone
from playground.system.progress import Progress, say_nothing

CONFIG = (
    "vocabulary_size",
    "num_layers",
    "num_query_heads",
    "hidden_dim",
    "intermediate_dim",
    "num_key_value_heads",
    "rope_max_wavelength",
    "rope_scaling_factor",
    "layer_norm_epsilon",
    "sliding_window",
    "dropout",
    "head_dim",
    "tie_word_embeddings",
    "context_length",
    "rope_scaling",
    "layer_windows",
)


@keras.saving.register_keras_serializable(package="mistral_playground")
class MistralBackbone(Quantizable):
    """The Mistral decoder without its vocabulary head.

    It is the one of https://arxiv.org/abs/2310.06825.

    Call it with `{"token_ids": int [B, T], "padding_mask": [B, T]}` (1 where there is a
    token); it gives hidden states [B, T, hidden_dim]. The first arguments are
    keras-hub's.

    Args:
        vocabulary_size: number of tokens.
        num_layers: number of transformer layers.
        num_query_heads: query heads in each layer.
        hidden_dim: size of the hidden states.
        intermediate_dim: size of the feedforward's inside.
        num_key_value_heads: key/value heads; must divide `num_query_heads`.
        rope_max_wavelength: base of the rotary frequencies.
        rope_scaling_factor: positions are divided by it ("linear" scaling).
        layer_norm_epsilon: added to the mean square in every norm.
        sliding_window: tokens that a token sees, itself included, and the bound on the
            cache; None for all. Where layers differ it bounds `layer_windows`.
        dropout: share dropped after attention and feedforward while training.
        dtype: dtype or policy of weights and computation; norms and softmax stay
            float32. "int8" stores the matrices as int8 and computes in float32.
        head_dim: size of a head; None for `hidden_dim // num_query_heads`.
        tie_word_embeddings: whether the vocabulary head reuses the token embedding.
        context_length: longest text the model was made for, in tokens; None if unknown.
        rope_scaling: another scaling of the rotary frequencies, such as `{"type":
            "yarn", "factor": 16.0, "original_context_length": 16384}`; the types are
            yarn, llama3, dynamic and divisors. `query_beta` makes queries longer at far
            positions. None for none.
        layer_windows: the window of each layer, None where it sees all, such as `[None,
            32768, 32768, 32768]`; None if all layers have `sliding_window`.
        kernel_initializer: for new weights; not part of the config.

    Raises:
        ValueError: if a size is not a positive whole number or heads do not divide.
    """

    _lora_rank: int | None = None

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_query_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        num_key_value_heads: int,
        rope_max_wavelength: float = 10000,
        rope_scaling_factor: float = 1.0,
        layer_norm_epsilon: float = 1e-6,
        sliding_window: int | None = 512,
        dropout: float = 0,
        dtype: Any = None,
        *,
        head_dim: int | None = None,
        tie_word_embeddings: bool = False,
        context_length: int | None = None,
        rope_scaling: Mapping[str, Any] | None = None,
        layer_windows: Sequence[int | None] | None = None,
        kernel_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        config = {name: value for name, value in locals().items() if name in CONFIG}
        _check(config)
        windows = _windows(num_layers, sliding_window, layer_windows)
        stored_as = as_policy(dtype)
        policy = without_int8(stored_as)
        if kernel_initializer is None:
            kernel_initializer = keras.initializers.RandomNormal(stddev=0.02)
        embedding = TokenEmbedding(
            vocabulary_size,
            hidden_dim,
            tie_weights=tie_word_embeddings,
            embeddings_initializer=kernel_initializer,
            dtype=policy,
            name="token_embedding",
        )
        layers = [
            MistralTransformerDecoder(
                num_query_heads,
                num_key_value_heads,
                head_dim or hidden_dim // num_query_heads,
                intermediate_dim,
                rope_max_wavelength,
                rope_scaling_factor,
                layer_norm_epsilon,
                window,
                dropout,
                kernel_initializer=kernel_initializer,
                rope_scaling=rope_scaling,
                dtype=policy,
                name=f"transformer_layer_{i}",
            )
            for i, window in enumerate(windows)
        ]
        norm = keras.layers.RMSNormalization(
            epsilon=layer_norm_epsilon, dtype=policy, name="sequence_output_layernorm"
        )
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "padding_mask")
        }
        with in_even_parts({**config, "head_dim": layers[0].head_dim}):
            x = embedding(inputs["token_ids"])
            for layer in layers:
                x = layer(x, padding_mask=inputs["padding_mask"])
            outputs = norm(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.dtype_policy = policy  # a functional model does not take it
        self._token_embedding = embedding
        self.transformer_layers = layers
        self.layer_norm = norm
        for name, value in config.items():
            setattr(self, name, value)
        self.head_dim = layers[0].head_dim
        self.layer_windows: list[int | None] = windows
        self._config_head_dim = head_dim
        self._config_layer_windows = layer_windows and list(layer_windows)
        self._rings = RingPlan.of(windows)
        if kernel_initializer is placeholder:
            self._forget_placeholder()
        if stored_as.quantization_mode:
            self.quantize("int8", empty=kernel_initializer is placeholder)

    def _forget_placeholder(self) -> None:
        """A clone of a layer has weights of its own; Keras makes it from its config."""
        for layer in self._flatten_layers():
            for name in ("kernel_initializer", "embeddings_initializer"):
                if getattr(layer, name, None) is placeholder:
                    setattr(layer, name, keras.initializers.RandomNormal(stddev=0.02))

    @property
    def widest_window(self) -> int | None:
        """The widest of the layers' windows; None if one of them sees all."""
        known = [window for window in self.layer_windows if window is not None]
        return max(known) if len(known) == len(self.layer_windows) else None

    @property
    def token_embedding(self) -> keras.layers.Embedding:
        """The layer that embeds token ids, and projects back with `reverse=True`."""
        return self._token_embedding

    def call_with_cache(
        self,
        token_ids: jax.Array,
        cache: KVCache,
        start: jax.Array,
        count: jax.Array,
        window: jax.Array,
    ) -> tuple[jax.Array, KVCache]:
        """Hidden states [B, T, hidden] of new tokens, and the cache with them.

        token_ids [B, T] stand at positions `start` [B] and on; the first `count` [B] of
        each row are real, the rest padding. `window` [B] is each row's sliding window,
        where layers differ that of the widest: the others keep to their own.
        """
        places = [
            kv_cache.place(ring.positions, start, count, token_ids.shape[1])
            for ring in cache.rings
        ]
        seen = [
            kv_cache.visible(positions, stored, self._rings.window(ring, window))
            for ring, (positions, _, stored) in enumerate(places)
        ]
        by = self.transformer_layers[0].rope.rotation(places[0][0])
        x = self.token_embedding(token_ids)
        parts = []
        # The layers of a ring differ in their weights only, so the first one is
        # traced, as a function of weights, and stands for all: a fifth of the time.
        step = jax.jit(self.layer_step)
        for layer, (ring, layer_cache) in zip(
            self.transformer_layers, self._rings.layers(cache), strict=True
        ):
            weights = [variable.value for variable in layer.variables]
            x, part = step(weights, x, by, seen[ring], layer_cache, places[ring][1])
            parts.append(part)
        stored = [positions for *_, positions in places]
        return self.layer_norm(x), self._rings.gathered(parts, stored)

    def layer_step(
        self, weights: list[jax.Array], *inputs: Any
    ) -> tuple[jax.Array, LayerCache]:
        """Any layer as a function of its weights; inputs as in the layer's `step`."""
        with self.as_layer(weights) as layer:
            return layer.step(*inputs)

    @contextmanager
    def as_layer(self, weights: list[jax.Array]) -> Iterator[MistralTransformerDecoder]:
        """The first layer with the weights of another, to be traced for all."""
        layer = self.transformer_layers[0]
        mapping = list(zip(layer.variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            yield layer

    @property
    def head_sharding(self) -> NamedSharding | None:
        """How the cache's head axis is cut over devices; None on one device."""
        key = self.transformer_layers[0].self_attention.key_dense
        return head_sharding(key.variables[0].value, self.num_key_value_heads)

    @staticmethod
    def get_layout_map(
        device_mesh: keras.distribution.DeviceMesh,
        model_parallel_dim_name: str = "model",
        data_parallel_dim_name: str = "batch",
    ) -> keras.distribution.LayoutMap:
        """Where each weight is cut, for `keras.distribution.ModelParallel`.

        Heads, the feedforward's inside and the vocabulary are cut over the mesh's axis
        `model_parallel_dim_name`, the hidden dimension over `data_parallel_dim_name`.
        A size that its axis does not divide stays whole, with a warning.

            mesh = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
            layout_map = MistralBackbone.get_layout_map(mesh)
            distribution = keras.distribution.ModelParallel(
                layout_map=layout_map, batch_dim_name="batch"
            )
            with distribution.scope():
                model = MistralCausalLM.from_preset("mistral_7b_en")

        Raises ValueError if the mesh is none or lacks one of the axes.
        """
        return layout_map(device_mesh, model_parallel_dim_name, data_parallel_dim_name)

    def enable_lora(self, rank: int) -> None:
        """Freeze the model and add trainable low-rank kernels to query and value.

        `rank` is the inner size of the added product, from 1
        (https://arxiv.org/abs/2106.09685). They begin with no effect.
        """
        if not isinstance(rank, int) or rank < 1:
            raise ValueError(f"`rank` must be a whole number from 1, got {rank!r}.")
        self.token_embedding.trainable = False
        self.layer_norm.trainable = False
        for decoder in self.transformer_layers:
            decoder.enable_lora(rank)
        self._lora_rank = rank

    presets = PresetsProperty()

    @classmethod
    def from_preset(
        cls,
        preset: str,
        load_weights: bool = True,
        *,
        report: Progress = say_nothing,
        **kwargs: Any,
    ) -> "MistralBackbone":
        """A backbone from a preset.

        `preset` is a name out of `presets`, `hf://organisation/name`,
        `kaggle://owner/model/keras/variation`, the path of a folder (a Keras preset or
        Hugging Face's layout) or of a .gguf file. `kwargs` override the preset's
        arguments, such as `dtype` or `sliding_window`. Without `load_weights` the
        weights are random, and none are downloaded. Raises LoadError.
        """
        found = find_preset(preset, load_weights, report, kwargs.get("dtype"))
        return cls.from_checkpoint(found, load_weights, report, **kwargs)

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Description,
        load_weights: bool = True,
        report: Progress = say_nothing,
        **kwargs: Any,
    ) -> "MistralBackbone":
        """A backbone from files that were opened and checked.

        Raises LoadError, before anything is made, if memory is too small for it.
        """
        backbone = cls.from_description(checkpoint, not load_weights, **kwargs)
        if load_weights:
            assert isinstance(checkpoint, Checkpoint)
            assign_weights(backbone, checkpoint, report)
        return backbone

    @classmethod
    def from_description(
        cls, found: Description, random_weights: bool = True, **kwargs: Any
    ) -> "MistralBackbone":
        """A backbone with random weights, or with zeros that are about to be replaced.

        Raises LoadError, before anything is made, if memory is too small for it.
        """
        config = {**found.config, **kwargs}
        check_memory(found.name, found.config, config.get("dtype"))
        if random_weights:
            return cls(**config)
        return cls(**config, kernel_initializer=placeholder)

    def save_to_preset(self, preset_dir: str | Path) -> None:
        """Write a folder that keras-hub's `MistralBackbone.from_preset` reads.

        It has no tokenizer, so this does for models with one that keras-hub lacks;
        `from_preset` here reads what `MistralCausalLM.save_to_preset` wrote. The rest
        is as there.
        """
        arrays = ((v.path, np.asarray(v.value)) for v in self.variables)
        write_keras_backbone(Path(preset_dir), self.get_config(), arrays)

    def get_config(self) -> dict[str, Any]:
        lora = {} if self._lora_rank is None else {"lora_rank": self._lora_rank}
        return {
            **lora,
            **{name: getattr(self, name) for name in CONFIG},
            "head_dim": self._config_head_dim,
            "layer_windows": self._config_layer_windows,
            "dtype": keras.dtype_policies.serialize(self.token_embedding.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MistralBackbone":
        config = dict(config)
        rank = config.pop("lora_rank", None)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        backbone = cls(**config)
        if rank is not None:
            backbone.enable_lora(rank)
        return backbone


def _windows(
    num_layers: int,
    sliding_window: int | None,
    layer_windows: Sequence[int | None] | None,
) -> list[int | None]:
    """Each layer's window; a model's own bounds those of layers that have one."""
    if layer_windows is None:
        return [sliding_window] * num_layers
    return [
        window if window is None else min(window, sliding_window or window)
        for window in layer_windows
    ]


def _check(config: dict[str, Any]) -> None:
    """Raise one ValueError that lists every fault in the sizes."""
    faults = []
    sizes = (*CONFIG[:6], "sliding_window", "head_dim", "context_length")
    for name in sizes:
        value, optional = config[name], name not in CONFIG[:6]
        if not (optional and value is None) and not (
            isinstance(value, int) and value >= 1
        ):
            faults.append(f"`{name}` must be a whole number from 1, got {value!r}.")
    if not faults:
        queries, groups = config["num_query_heads"], config["num_key_value_heads"]
        if queries % groups:
            faults.append(
                f"`num_query_heads` ({queries}) must be a multiple of "
                f"`num_key_value_heads` ({groups})."
            )
        head_dim = config["head_dim"] or config["hidden_dim"] // queries
        if config["head_dim"] is None and config["hidden_dim"] % queries:
            faults.append(
                f"`hidden_dim` ({config['hidden_dim']}) must be a multiple of "
                f"`num_query_heads` ({queries}); otherwise give `head_dim`."
            )
        elif head_dim % 2:
            faults.append(f"`head_dim` must be even for rotary pairs, got {head_dim}.")
    windows = config["layer_windows"]
    if windows is not None and (
        len(windows) != config["num_layers"]
        or not all(w is None or (isinstance(w, int) and w >= 1) for w in windows)
    ):
        faults.append(
            "`layer_windows` must have a whole number from 1 or None for each of "
            f"{config['num_layers']} layers, got {windows!r:.200}."
        )
    if not 0 <= config["dropout"] < 1:
        faults.append(f"`dropout` must be in [0, 1), got {config['dropout']!r}.")
    if faults:
        raise ValueError("\n".join(faults))
