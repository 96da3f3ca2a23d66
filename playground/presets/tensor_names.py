"""How a format names a decoder's tensors: a table for each, and the rules it makes.

Matrices are (out, in) in all of these formats and here; the vocabulary head lies
[hidden, vocabulary] here.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from playground.presets.rule import Rule, Transform, Values, unchanged
from playground.presets.variables import name_in_file, variables

HEAD = "token_embedding/reverse_embeddings"
EMBEDDINGS = "token_embedding/embeddings"


@dataclass(frozen=True, kw_only=True)
class TensorNames:
    """One format's names, in this order:

    outside: embeddings, final norm, head.
    inside: of a layer: norm, query, key, value, attention output, norm, gate,
        intermediate, feedforward output. `layer` has places for number and name.
    interleaved: whether rope turns neighbours (0, 1), (2, 3), so that the rows of query
        and key lie otherwise than here, where it turns halves.
    """

    outside: tuple[str, str, str]
    inside: tuple[str, str, str, str, str, str, str, str, str]
    layer: str
    interleaved: bool

    def rules(self, config: dict[str, Any]) -> list[Rule]:
        """The whole table for a model of this configuration."""
        return [
            Rule(
                tensor=self.tensor(path),
                shape=shape[::-1] if path == HEAD else shape,
                path=path,
                transform=self._transform(path, config),
            )
            for path, shape in variables(config).items()
        ]

    def tensor(self, path: str) -> str:
        """The name of a variable's tensor."""
        outside = (EMBEDDINGS, "sequence_output_layernorm/scale", HEAD)
        return name_in_file(
            path,
            dict(zip(outside, self.outside, strict=True)),
            dict(zip(_INSIDE, self.inside, strict=True)),
            self.layer.format,
        )

    @property
    def head(self) -> str:
        return self.outside[2]

    def _transform(self, path: str, config: dict[str, Any]) -> Transform:
        if path == HEAD:
            return np.transpose
        if self.interleaved and path.endswith("/query/kernel"):
            return partial(unpermute_rope, num_heads=config["num_query_heads"])
        if self.interleaved and path.endswith("/key/kernel"):
            return partial(unpermute_rope, num_heads=config["num_key_value_heads"])
        return unchanged


_INSIDE = (
    "self_attention_layernorm/scale",
    "self_attention/query/kernel",
    "self_attention/key/kernel",
    "self_attention/value/kernel",
    "self_attention/attention_output/kernel",
    "feedforward_layernorm/scale",
    "feedforward_gate_dense/kernel",
    "feedforward_intermediate_dense/kernel",
    "feedforward_output_dense/kernel",
)

HUGGING_FACE = TensorNames(
    outside=("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"),
    inside=(
        "input_layernorm.weight",
        "self_attn.q_proj.weight",
        "self_attn.k_proj.weight",
        "self_attn.v_proj.weight",
        "self_attn.o_proj.weight",
        "post_attention_layernorm.weight",
        "mlp.gate_proj.weight",
        "mlp.up_proj.weight",
        "mlp.down_proj.weight",
    ),
    layer="model.layers.{}.{}",
    interleaved=False,
)
GGUF = TensorNames(
    outside=("token_embd.weight", "output_norm.weight", "output.weight"),
    inside=(
        "attn_norm.weight",
        "attn_q.weight",
        "attn_k.weight",
        "attn_v.weight",
        "attn_output.weight",
        "ffn_norm.weight",
        "ffn_gate.weight",
        "ffn_up.weight",
        "ffn_down.weight",
    ),
    layer="blk.{}.{}",
    interleaved=True,
)
MISTRAL = TensorNames(
    outside=("tok_embeddings.weight", "norm.weight", "output.weight"),
    inside=(
        "attention_norm.weight",
        "attention.wq.weight",
        "attention.wk.weight",
        "attention.wv.weight",
        "attention.wo.weight",
        "ffn_norm.weight",
        "feed_forward.w1.weight",
        "feed_forward.w3.weight",
        "feed_forward.w2.weight",
    ),
    layer="layers.{}.{}",
    interleaved=True,
)


def unpermute_rope(rows: Values, num_heads: int) -> Values:
    """Undoes the reordering of the rows of q and k, within each head.

    Rope there turns neighbours (0, 1), (2, 3); ours turns the halves: row i with row
    i + h/2, as Hugging Face does, whose converter puts the even rows first:

    >>> stored = np.array([[0.], [2.], [1.], [3.]], np.float32)  # one head, h = 4
    >>> unpermute_rope(stored, 1).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    heads = rows.reshape(num_heads, -1, 2, *rows.shape[1:])
    return heads.swapaxes(1, 2).reshape(rows.shape)
