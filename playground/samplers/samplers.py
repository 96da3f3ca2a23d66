"""The samplers under keras_hub's names: what a person asks for, as plain numbers.

A sampler holds and checks numbers, nothing else. `values()` hands them to the chain
(chain.py), which draws the tokens; so changing or swapping samplers compiles nothing.
"""

from typing import Any, Self

from playground.controls.bounds import Range, Whole
from playground.samplers.checks import check_seed, check_temperature
from playground.samplers.values import SamplerValues

_P = Range(0, 1, above=True, advice="Use 1.0 to switch it off.")
_K = Whole(1, advice="Use RandomSampler to draw from all tokens.")


class Sampler:
    """Base of all samplers: draws from the whole distribution.

    Args:
        temperature: divides the logits before anything else, [0, inf). Below 1 the
            likely tokens gain, above 1 the unlikely ones; 0 always takes the most
            likely token.

    Raises ValueError if a number is out of range.
    """

    seed: int | None = None  # those that draw have their own

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = check_temperature(temperature)

    def values(self) -> Any:
        """The numbers that this sampler gives to the engine."""
        return SamplerValues(temperature=self.temperature)

    def get_next_token(self, probabilities: Any) -> Any:
        """Override this to choose tokens in a way of your own.

        It gets the probabilities float32 [B, V] after `temperature`, as a JAX array,
        and gives token ids [B]. It runs outside the compiled programs, so it may use
        NumPy, JAX or Keras and keep state; the model does not compile again.
        The samplers here do not use it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} chooses by its numbers (`values`), not by "
            "`get_next_token`."
        )

    def overrides_choice(self) -> bool:
        """Whether a subclass brings its own `get_next_token`."""
        return type(self).get_next_token is not Sampler.get_next_token

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; `from_config` takes them back."""
        return {"temperature": self.temperature}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sampler):
            return NotImplemented
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.get_config().items())))

    def __repr__(self) -> str:
        arguments = (f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({', '.join(arguments)})"


class GreedySampler(Sampler):
    """Always the most likely token; of equally likely ones the lowest id.

    `temperature` is kept for keras_hub's configs and changes nothing.
    """

    def values(self) -> SamplerValues:
        return SamplerValues(temperature=0.0)


class RandomSampler(Sampler):
    """Draws from the whole distribution.

    Args:
        seed: [0, 2**32), or None for a fresh one in each run.
        temperature: as in `Sampler`.
    """

    def __init__(self, seed: int | None = None, temperature: float = 1.0) -> None:
        super().__init__(temperature=temperature)
        self.seed = check_seed(seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


class TopKSampler(RandomSampler):
    """Draws from the k most likely tokens; those that tie with the k-th stay too.

    Args:
        k: tokens kept, >= 1.
        seed: [0, 2**32), or None for a fresh one in each run.
        temperature: as in `Sampler`.
    """

    def __init__(
        self, k: int = 5, seed: int | None = None, temperature: float = 1.0
    ) -> None:
        super().__init__(seed=seed, temperature=temperature)
        self.k = _K.check("k", k)

    def values(self) -> SamplerValues:
        return SamplerValues(temperature=self.temperature, top_k=self.k)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


class TopPSampler(RandomSampler):
    """Draws from the fewest most likely tokens whose probability reaches p.

    Tokens that tie with the last one kept stay too. With `k`, at most the k most
    likely ones stay; p still counts the probability before that cut, as in keras_hub.

    Args:
        p: probability kept, (0, 1]; 1.0 keeps everything.
        k: tokens kept, >= 1, or None for no such limit.
        seed: [0, 2**32), or None for a fresh one in each run.
        temperature: as in `Sampler`.
    """

    def __init__(
        self,
        p: float = 0.1,
        k: int | None = None,
        seed: int | None = None,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(seed=seed, temperature=temperature)
        self.p = _P.check("p", p)
        self.k = None if k is None else _K.check("k", k)

    def values(self) -> SamplerValues:
        return SamplerValues(
            temperature=self.temperature, top_k=self.k or 0, top_p=self.p
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "p": self.p, "k": self.k}
