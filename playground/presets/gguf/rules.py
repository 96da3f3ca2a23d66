"""Which GGUF tensor becomes which variable, and how.

d hidden, f intermediate, h head, Q query heads, K key/value heads, V vocabulary.
GGUF stores matrices as (out, in), and so do this project's kernels.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from playground.presets.gguf.file import GGUFFile
from playground.presets.rule import (
    Rule,
    Values,
    require_fit,
    unchanged,
)


def unpermute_rope(rows: Values, num_heads: int) -> Values:
    """Undoes llama.cpp's reordering of the rows of q and k, within each head.

    Its rope turns neighbours (0, 1), (2, 3); ours turns the halves: row i with row
    i + h/2, as Hugging Face does. So llama.cpp's converter interleaves the halves:

    >>> stored = np.array([[0.], [2.], [1.], [3.]], np.float32)  # one head, h = 4
    >>> unpermute_rope(stored, 1).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    heads = rows.reshape(num_heads, -1, 2, *rows.shape[1:])
    return heads.swapaxes(1, 2).reshape(rows.shape)


def rules(config: dict[str, Any]) -> list[Rule]:
    """The whole table for a model of this configuration."""
    vocabulary, hidden = config["vocabulary_size"], config["hidden_dim"]
    table = [
        _same("token_embd.weight", (vocabulary, hidden), "token_embedding/embeddings"),
        _same("output_norm.weight", (hidden,), "sequence_output_layernorm/scale"),
    ]
    if not config["tie_word_embeddings"]:
        table.append(
            Rule(
                tensor="output.weight",
                shape=(vocabulary, hidden),
                path="token_embedding/reverse_embeddings",
                transform=np.transpose,
            )
        )
    for layer in range(config["num_layers"]):
        table += _layer_rules(layer, config)
    return table


def _layer_rules(layer: int, config: dict[str, Any]) -> list[Rule]:
    hidden, intermediate = config["hidden_dim"], config["intermediate_dim"]
    query_heads, key_value_heads = (
        config["num_query_heads"],
        config["num_key_value_heads"],
    )
    query_rows = query_heads * config["head_dim"]
    key_rows = key_value_heads * config["head_dim"]
    file, ours = f"blk.{layer}.", f"transformer_layer_{layer}/"
    attention = ours + "self_attention/"
    return [
        _same(
            file + "attn_norm.weight",
            (hidden,),
            ours + "self_attention_layernorm/scale",
        ),
        Rule(
            tensor=file + "attn_q.weight",
            shape=(query_rows, hidden),
            path=attention + "query/kernel",
            transform=partial(unpermute_rope, num_heads=query_heads),
        ),
        Rule(
            tensor=file + "attn_k.weight",
            shape=(key_rows, hidden),
            path=attention + "key/kernel",
            transform=partial(unpermute_rope, num_heads=key_value_heads),
        ),
        _same(file + "attn_v.weight", (key_rows, hidden), attention + "value/kernel"),
        _same(
            file + "attn_output.weight",
            (hidden, query_rows),
            attention + "attention_output/kernel",
        ),
        _same(
            file + "ffn_norm.weight", (hidden,), ours + "feedforward_layernorm/scale"
        ),
        _same(
            file + "ffn_gate.weight",
            (intermediate, hidden),
            ours + "feedforward_gate_dense/kernel",
        ),
        _same(
            file + "ffn_up.weight",
            (intermediate, hidden),
            ours + "feedforward_intermediate_dense/kernel",
        ),
        _same(
            file + "ffn_down.weight",
            (hidden, intermediate),
            ours + "feedforward_output_dense/kernel",
        ),
    ]


def _same(tensor: str, shape: tuple[int, ...], path: str) -> Rule:
    return Rule(tensor=tensor, shape=shape, path=path, transform=unchanged)


def check_tensors(file: GGUFFile, table: list[Rule]) -> None:
    """Compares the file with the table. Raises one LoadError with all differences."""
    found = {info.name: info.shape for info in file.tensors.values()}
    require_fit(file.path.name, table, found)


def read_tensors(file: GGUFFile, table: list[Rule]) -> Iterator[tuple[str, Values]]:
    """(our path, values), one after the other."""
    for rule in table:
        yield rule.path, rule.transform(file.read(rule.tensor))
