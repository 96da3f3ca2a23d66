"""ChainSampler: checked numbers, configs both ways, presets, and no compilation."""

import json
import math
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from playground.samplers import (
    MAX_BIASES,
    PRESETS,
    ChainSampler,
    GreedySampler,
    RandomSampler,
    SamplerValues,
    TopPSampler,
    deserialize,
    encode,
    get,
    neutral,
    preset,
    serialize,
)
from tests.samplers import small_chain
from tests.samplers.small_chain import Row, run_sample, stages_of, tokens

EVERYTHING = ChainSampler(
    seed=7,
    temperature=0.8,
    top_k=40,
    top_p=0.95,
    min_p=0.05,
    typical_p=0.9,
    top_n_sigma=2,
    epsilon=0.001,
    eta=0.002,
    xtc_probability=0.5,
    xtc_threshold=0.2,
    repetition_penalty=1.1,
    presence_penalty=-0.5,
    frequency_penalty=0.25,
    penalty_last_n=-1,
    dry_multiplier=0.8,
    dry_base=2,
    dry_allowed_length=3,
    dry_last_n=100,
    dry_breakers=(13, 198),
    logit_bias={5: 1.5, 9: -2},
    banned_tokens=[2],
    order="llama.cpp",
)


def test_the_defaults_are_neutral_and_those_of_keras_hubs_order() -> None:
    assert neutral() == ChainSampler() == get("chain")
    assert neutral().values() == SamplerValues() == RandomSampler().values()
    assert ChainSampler(top_p=0.5, top_k=3).values() == TopPSampler(0.5, 3).values()


def test_a_config_survives_json_and_makes_the_same_sampler() -> None:
    config = json.loads(json.dumps(serialize(EVERYTHING)))
    assert deserialize(config) == EVERYTHING
    assert config["config"]["logit_bias"] == [[5, 1.5], [9, -2.0]]
    assert EVERYTHING.get_config() == config["config"]
    assert ChainSampler.from_config(EVERYTHING.get_config()) == EVERYTHING
    assert eval(repr(EVERYTHING)) == EVERYTHING


def test_equal_samplers_are_one_in_a_set_and_none_changes_in_place() -> None:
    again = ChainSampler.from_config(EVERYTHING.get_config())
    assert len({EVERYTHING, again, neutral(), ChainSampler(seed=7)}) == 3
    with pytest.raises(FrozenInstanceError):
        EVERYTHING.temperature = 2.0


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_plain_data_that_makes_a_sampler(name: str) -> None:
    assert json.loads(json.dumps(PRESETS[name])) == PRESETS[name]
    config = preset(name).get_config()
    assert {key: config[key] for key in PRESETS[name]} == PRESETS[name]


def test_an_unknown_preset_is_refused_with_the_names() -> None:
    with pytest.raises(ValueError, match=r"'x'\. Use one of: neutral, precise"):
        preset("x")


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("temperature", -1, "must be a finite number >= 0, got -1. Use 1.0"),
        ("top_k", -1, "a whole number >= 0, got -1. Use 0 to switch it off."),
        ("top_k", 2.5, "a whole number >= 0, got 2.5."),
        ("top_p", 0, "in (0, 1], got 0. Use 1.0 to switch it off."),
        ("top_p", True, "in (0, 1], got True."),
        ("min_p", 1.5, "in [0, 1], got 1.5. Use 0 to switch it off."),
        ("typical_p", 0.0, "in (0, 1], got 0.0. Use 1.0 to switch it off."),
        ("top_n_sigma", -0.1, "a finite number >= 0, got -0.1. Use 0 to"),
        ("epsilon", 1, "in [0, 1), got 1. Use 0 to switch it off."),
        ("eta", math.nan, "in [0, 1), got nan."),
        ("xtc_probability", "1", "in [0, 1], got '1'."),
        ("xtc_threshold", 0, "in (0, 1], got 0."),
        ("repetition_penalty", 0, "in [0.001, 1000], got 0. Use 1.0 to switch"),
        ("presence_penalty", math.inf, "a finite number, got inf. Use 0 to"),
        ("frequency_penalty", None, "a finite number, got None."),
        ("penalty_last_n", -2, "a whole number >= -1, got -2. Use 0 to switch"),
        ("dry_multiplier", -1, "a finite number >= 0, got -1."),
        ("dry_base", 0.5, "a finite number >= 1, got 0.5."),
        ("dry_allowed_length", 0, "a whole number >= 1, got 0."),
        ("dry_last_n", 1.0, "a whole number >= -1, got 1.0."),
        ("dry_breakers", ("\n",), "token ids (whole numbers from 0), got ('\\n',)."),
        ("dry_breakers", 13, "token ids (whole numbers from 0), got 13."),
        ("dry_breakers", range(200), "token ids (whole numbers from 0), got range"),
        ("dry_breakers", list(range(200)), "may name 128 tokens, got 200."),
        ("banned_tokens", (-1,), "token ids (whole numbers from 0), got (-1,)."),
        ("banned_tokens", (2**31,), "token ids"),
        ("logit_bias", {1: -math.inf}, "To ban a token use `banned_tokens`."),
        ("logit_bias", {"a": 1.0}, "pairs of a token id and a finite number"),
        ("logit_bias", [(1, 2, 3)], "pairs of a token id and a finite number"),
        ("logit_bias", 3, "pairs of a token id and a finite number"),
        ("logit_bias", {i: 1.0 for i in range(200)}, "may name 128 tokens, got 200."),
        ("order", "alphabetical", "one of keras_hub, llama.cpp, got 'alphabetical'."),
        ("seed", -1, "a whole number from 0 to 4294967295, got -1."),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, wrong: object, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as told:
        ChainSampler(**{name: wrong})
    assert f"`{name}`" in str(told.value)
    assert len(str(told.value)) < 250


def test_biases_and_bans_share_their_places() -> None:
    biases = {i: 1.0 for i in range(MAX_BIASES)}
    with pytest.raises(ValueError, match="may name 128 tokens together, got 129"):
        ChainSampler(logit_bias=biases, banned_tokens=(500,))


def test_no_number_order_or_list_compiles_anything() -> None:
    samplers = [
        EVERYTHING,
        *map(preset, PRESETS),
        GreedySampler(),
        ChainSampler(top_k=10**12, logit_bias={0: np.float32(1)}, dry_breakers={1}),
    ]
    rows = [Row(range(12), each.values(), [1, 2, 3]) for each in samplers]
    tokens(rows[:1]), stages_of(rows[:1])
    small_chain.traces.clear()
    programs = run_sample._cache_size()
    for row in rows:
        tokens([row])
        stages_of([row])
    assert small_chain.traces == []
    assert run_sample._cache_size() == programs


def test_encode_packs_the_same_numbers_once() -> None:
    values = encode([EVERYTHING.values(), SamplerValues()], [1, 2])
    assert [array.dtype for array in values] == [np.float32, np.int32, np.uint32]
    again = encode([EVERYTHING.values(), SamplerValues()], [1, 2])
    for one, other in zip(values, again, strict=True):
        np.testing.assert_array_equal(one, other)
