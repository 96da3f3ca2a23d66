"""The samplers that search: keras_hub's arguments, checked numbers, configs."""

import pytest

from playground.samplers import (
    BeamSampler,
    BeamValues,
    ContrastiveSampler,
    ContrastiveValues,
    deserialize,
    get,
    serialize,
)


def test_defaults_are_those_of_keras_hub():
    assert get("beam").get_config() == {
        "temperature": 1.0,
        "num_beams": 5,
        "return_all_beams": False,
    }
    assert get("contrastive").get_config() == {"temperature": 1.0, "k": 5, "alpha": 0.6}


@pytest.mark.parametrize(
    "sampler",
    [BeamSampler(3, True, temperature=0.5), ContrastiveSampler(7, 0.25, 2.0)],
)
def test_a_config_makes_the_same_sampler_again(sampler):
    assert deserialize(serialize(sampler)) == sampler
    assert type(sampler).from_config(sampler.get_config()) == sampler
    assert sampler != type(sampler)()


def test_values_are_the_numbers_given():
    assert BeamSampler(3, True, 0.5).values() == BeamValues(
        num_beams=3, return_all_beams=True, temperature=0.5
    )
    assert ContrastiveSampler(7, 0.25, 2.0).values() == ContrastiveValues(
        k=7, alpha=0.25, temperature=2.0
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BeamSampler(0), "`num_beams` must be a whole number >= 1, got 0"),
        (lambda: BeamSampler(2.5), "`num_beams` must be a whole number >= 1, got 2.5"),
        (lambda: BeamSampler(True), "`num_beams` must be a whole number"),
        (lambda: BeamSampler(temperature=0), "needs a `temperature` above 0, got 0"),
        (lambda: ContrastiveSampler(0), "`k` must be a whole number >= 1, got 0"),
        (
            lambda: ContrastiveSampler(alpha=1.5),
            r"`alpha` must be in \[0, 1\], got 1.5",
        ),
        (
            lambda: ContrastiveSampler(alpha=float("nan")),
            r"`alpha` must be in \[0, 1\]",
        ),
        (lambda: ContrastiveSampler(temperature=0), "needs a `temperature` above 0"),
    ],
)
def test_numbers_out_of_range_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
