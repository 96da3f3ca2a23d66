"""The chain in float64 NumPy: every stage as its paper or llama.cpp writes it.

It sorts, loops, and shares no code with the package but the names of the numbers.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import exp, inf, log, sqrt

import numpy as np

from playground.samplers import SamplerValues

Stage = tuple[str, np.ndarray]

KERAS_HUB = "temperature top_n_sigma typical_p top_p top_k min_p epsilon eta xtc"
LLAMA_CPP = "top_n_sigma top_k typical_p top_p min_p epsilon eta xtc temperature"


def softmax(logits: np.ndarray) -> np.ndarray:
    if np.isposinf(logits).any():
        logits = np.where(np.isposinf(logits), 0.0, -inf)
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def only(logits: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.where(kept, logits, -inf)


def bias(logits: np.ndarray, values: SamplerValues) -> np.ndarray:
    logits = logits.copy()
    for token, number in values.logit_bias:
        if token < logits.size:
            logits[token] += number
    for token in values.banned_tokens:
        if token < logits.size:
            logits[token] = -inf
    return logits


def last(history: Sequence[int], n: int) -> list[int]:
    tokens = [token for token in history if token >= 0]
    return tokens if n < 0 else tokens[len(tokens) - min(n, len(tokens)) :]


def penalties(
    logits: np.ndarray, values: SamplerValues, history: Sequence[int]
) -> np.ndarray:
    """llama.cpp, llama_sampler_penalties_apply."""
    logits = logits.copy()
    for token, count in Counter(last(history, values.penalty_last_n)).items():
        if logits[token] <= 0:
            logits[token] *= values.repetition_penalty
        else:
            logits[token] /= values.repetition_penalty
        logits[token] -= count * values.frequency_penalty + values.presence_penalty
    return logits


def dry(
    logits: np.ndarray, values: SamplerValues, history: Sequence[int]
) -> np.ndarray:
    """llama.cpp, llama_sampler_dry_apply, by trying every place and every length."""
    tokens = last(history, values.dry_last_n)
    longest: dict[int, int] = {}
    for place in range(1, len(tokens)):
        for n in range(1, place + 1):
            repeated = tokens[-n:]
            if tokens[place - n : place] != repeated:
                break
            if any(token in values.dry_breakers for token in repeated):
                break
            longest[tokens[place]] = max(longest.get(tokens[place], 0), n)
    logits = logits.copy()
    for token, n in longest.items():
        if n >= values.dry_allowed_length and token not in values.dry_breakers:
            grown = values.dry_base ** (n - values.dry_allowed_length)
            logits[token] -= values.dry_multiplier * grown
    return logits


def top_n_sigma(logits: np.ndarray, n: float) -> np.ndarray:
    """arXiv 2411.07641, algorithm 1."""
    return only(logits, logits >= logits.max() - n * logits[np.isfinite(logits)].std())


def top_k(logits: np.ndarray, k: int) -> np.ndarray:
    return only(logits, logits >= np.sort(logits)[::-1][min(k, logits.size) - 1])


def top_p(logits: np.ndarray, p: float) -> np.ndarray:
    """arXiv 1904.09751."""
    falling = np.sort(softmax(logits))[::-1]
    reached = np.cumsum(falling) >= p
    least = falling[reached.argmax()] if reached.any() else 0
    return only(logits, softmax(logits) >= least)


def min_p(logits: np.ndarray, p: float) -> np.ndarray:
    """arXiv 2407.01082."""
    probabilities = softmax(logits)
    return only(logits, probabilities >= p * probabilities.max())


def entropy(probabilities: np.ndarray) -> float:
    return -sum(p * log(p) for p in probabilities if p > 0)


def typical_p(logits: np.ndarray, mass: float) -> np.ndarray:
    """arXiv 2202.00666."""
    probabilities = softmax(logits)
    with np.errstate(divide="ignore"):
        shifted = np.abs(-np.log(probabilities) - entropy(probabilities))
    order = np.argsort(shifted, kind="stable")
    reached = np.cumsum(probabilities[order]) >= mass
    farthest = shifted[order][reached.argmax()] if reached.any() else inf
    return only(logits, shifted <= farthest * (1 + 1e-9))


def epsilon(logits: np.ndarray, least: float) -> np.ndarray:
    """arXiv 2210.15191, epsilon sampling."""
    probabilities = softmax(logits)
    kept = (probabilities >= least) | (probabilities == probabilities.max())
    return only(logits, kept)


def eta(logits: np.ndarray, number: float) -> np.ndarray:
    """arXiv 2210.15191, eta sampling with alpha = sqrt(epsilon)."""
    return epsilon(logits, min(number, sqrt(number) * exp(-entropy(softmax(logits)))))


def xtc(logits: np.ndarray, threshold: float) -> np.ndarray:
    """llama.cpp, llama_sample_xtc_apply when it acts."""
    probabilities = softmax(logits)
    top = probabilities[probabilities >= threshold]
    return only(logits, probabilities <= top.min()) if top.size > 1 else logits


def temperature(logits: np.ndarray, number: float) -> np.ndarray:
    if number == 0:
        return only(logits, np.arange(logits.size) == logits.argmax())
    return logits / number


def run(
    logits: np.ndarray,
    values: SamplerValues,
    history: Sequence[int] = (),
    xtc_acts: bool = True,
) -> list[Stage]:
    """The probabilities after each stage that acts, by its name."""
    logits = np.where(np.isnan(logits), -inf, logits.astype(np.float64))
    stages = [("model", logits)]
    stages.append(("bias", bias(stages[-1][1], values)))
    stages.append(("penalties", penalties(stages[-1][1], values, history)))
    stages.append(("dry", dry(stages[-1][1], values, history)))
    for name in (KERAS_HUB if values.order == "keras_hub" else LLAMA_CPP).split():
        change = _change(name, values, xtc_acts)
        if change:
            stages.append((name, change(stages[-1][1])))
    return [(name, softmax(each)) for name, each in stages]


def _change(
    name: str, values: SamplerValues, xtc_acts: bool
) -> Callable[[np.ndarray], np.ndarray] | None:
    if values.temperature == 0 and name != "temperature":
        return None
    if name == "xtc":
        if values.xtc_probability == 0:
            return None
        return lambda each: xtc(each, values.xtc_threshold) if xtc_acts else each
    number = getattr(values, name)
    if number == getattr(SamplerValues(), name):
        return None
    return lambda each: globals()[name](each, number)
