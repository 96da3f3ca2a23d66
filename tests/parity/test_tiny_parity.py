"""Our model against transformers on tiny checkpoints, whole and through the cache.

The stored answers are transformers' in float64; keras-hub agreed with them to 2e-5 when
they were made.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from playground.engine import kv_cache
from playground.engine.programs import Programs
from playground.models import MistralBackbone, MistralCausalLM
from playground.models.loading import placeholder
from tests.oracles import stored

# float32 against float64 on logits up to 17: the peers' own float32 is off by up to
# 1.8e-5. The smallest mistake in test_numpy_oracle.py is off by more than 1e-2.
FLOAT32 = 1e-4

CHUNK = 8

# Each costs two programs. The others differ in what both ways of reading share.
THROUGH_CACHE = (
    "grouped_query",
    "grouped_query_window_8",
    "window_1",
    "window_39_of_40",
    "multi_query_window_5",
    "wide_heads_window_8",
    "linear_rope_scaling",
)


def build(case: stored.TinyCase, dtype: str = "float32") -> MistralCausalLM:
    """Our model with the case's weights; every variable is assigned exactly once."""
    backbone = MistralBackbone(
        **case.config, dtype=dtype, kernel_initializer=placeholder
    )
    left = dict(case.weights)
    for variable in backbone.variables:
        (path,) = [p for p in left if f"/{variable.path}".endswith(f"/{p}")]
        array = left.pop(path)
        assert tuple(variable.shape) == array.shape, path
        variable.assign(array)
    assert not left
    return MistralCausalLM(backbone, preprocessor=None)


@pytest.fixture(scope="module", params=stored.tiny_names())
def case(request: pytest.FixtureRequest) -> stored.TinyCase:
    return stored.tiny_case(request.param)


@pytest.fixture(scope="module")
def model(case: stored.TinyCase) -> MistralCausalLM:
    return build(case)


@pytest.fixture(scope="module")
def programs(model: MistralCausalLM) -> Programs:
    return Programs(model)


def padded(case: stored.TinyCase) -> dict[str, np.ndarray]:
    return {
        "token_ids": case.token_ids,
        "padding_mask": case.padding_mask.astype("int32"),
    }


def test_logits_of_a_padded_batch(
    case: stored.TinyCase, model: MistralCausalLM
) -> None:
    logits = np.asarray(model(padded(case)))
    np.testing.assert_allclose(
        logits[case.padding_mask], case.logits, rtol=0, atol=FLOAT32
    )


def test_hidden_states_of_a_padded_batch(
    case: stored.TinyCase, model: MistralCausalLM
) -> None:
    # Hidden states are about 5 times smaller than logits.
    hidden = np.asarray(model.backbone(padded(case)))
    np.testing.assert_allclose(
        hidden[case.padding_mask], case.hidden_states, rtol=0, atol=FLOAT32 / 5
    )


def test_logits_of_a_batch_padded_on_the_left(
    case: stored.TinyCase, model: MistralCausalLM
) -> None:
    mask = case.padding_mask[:, ::-1]
    token_ids = np.zeros_like(case.token_ids)
    token_ids[mask] = case.token_ids[case.padding_mask]
    logits = model({"token_ids": token_ids, "padding_mask": mask.astype("int32")})
    np.testing.assert_allclose(
        np.asarray(logits)[mask], case.logits, rtol=0, atol=FLOAT32
    )


def read_in_chunks(
    programs: Programs, token_ids: np.ndarray, window: int, sizes: Iterable[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Read a text in pieces of these sizes; give (position, logits) after each piece.

    Pieces are padded to CHUNK, single tokens are not. The ring is as small as can be:
    it has room for the padding, or wraps.
    """
    num_slots = kv_cache.slots_needed(len(token_ids) + CHUNK, window, CHUNK)
    cache, start = programs.empty_cache(num_slots), 0
    for size in sizes:
        piece = token_ids[start : start + size]
        padding = 0 if size == 1 else CHUNK - size
        tokens = np.pad(piece, (0, padding))[None].astype(np.int32)
        logits, _, cache = programs.forward(
            programs.weights(), cache, tokens, start, size, window
        )
        start += size
        yield start - 1, np.asarray(logits)[0]


@pytest.mark.parametrize("case", THROUGH_CACHE, indirect=True)
@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([1] * 40, id="token_by_token"),
        pytest.param([CHUNK] * 5, id="full_chunks"),
        pytest.param([3, 8, 7, 1, 1, 8, 5, 1, 2, 4], id="ragged_chunks_and_tokens"),
    ],
)
def test_logits_through_the_cache(
    case: stored.TinyCase, programs: Programs, sizes: list[int]
) -> None:
    token_ids, expected = next(case.rows())
    assert len(token_ids) == sum(sizes)
    window = programs.window(None)
    for position, logits in read_in_chunks(programs, token_ids, window, sizes):
        np.testing.assert_allclose(
            logits, expected[position], rtol=0, atol=FLOAT32, err_msg=f"at {position}"
        )
