"""All settings, each declared once, in the order in which a host shows them.

A field is a setting: its name, type and default; beside it stand its words, its bounds,
and, for a number of the chain, the value that changes nothing. `GenerationSettings`,
`SamplerValues`, every control, link, option and document are made from these classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import chain
from typing import Any, Literal, TypeVar

from playground.controls.bounds import MAX_FLOAT32, MAX_SEED, Range
from playground.controls.control import Control

T = TypeVar("T")

SAMPLER_LABELS = {
    "top_p": "Top-p: the likeliest tokens that together reach p",
    "top_k": "Top-k: the k likeliest tokens",
    "min_p": "Min-p: tokens at least p times as likely as the likeliest",
    "random": "Random: every token, by its probability",
    "greedy": "Greedy: always the likeliest token",
    "chain": "Chain: every cut that you switch on, one after the other",
    "beam": "Beams: the likeliest texts as a whole, several at once",
    "contrastive": "Contrastive: likely tokens that repeat the least",
}
SAMPLERS = tuple(SAMPLER_LABELS)
SEARCHES = ("beam", "contrastive")
PENALISED = tuple(name for name in SAMPLERS if name not in SEARCHES)
DRAWING = tuple(name for name in PENALISED if name != "greedy")
"""The samplers that leave something to chance."""

Order = Literal["keras_hub", "llama.cpp"]

ORDER_LABELS: dict[Order, str] = {
    "keras_hub": "Temperature first (keras-hub)",
    "llama.cpp": "Temperature last (llama.cpp)",
}

MOST_TOKENS = 2**31 - 1
"""Of a text or a window: positions have 32 bits."""
LAST_TOKENS = 512
"""How far back a penalty can look."""

DTYPES = ("float32", "bfloat16", "int8")
"""What weights may be kept as; int8 is a quarter of float32's memory."""


def _setting(kind: str, label: str, help: str, default: Any, **rest: Any) -> Any:
    """A field of a setting; `rest` are arguments of its `Control`.

    `bounds` are minimum, maximum and step.
    """
    names = ("minimum", "maximum", "step")
    bounds = dict(zip(names, rest.pop("bounds", ()), strict=False))
    words = {"kind": kind, "label": label, "help": help}
    return field(default=default, metadata=words | bounds | rest)


_number, _integer = partial(_setting, "number"), partial(_setting, "integer")
_choice, _toggle = partial(_setting, "choice"), partial(_setting, "toggle")
_ids = partial(_setting, "token_ids", default=())
_share = partial(_number, bounds=(0.0, 1.0, 0.01))
_share_kept = partial(_share, above_minimum=True)
_off_at_0 = partial(_number, default=0.0, neutral=0.0)
_least = partial(_off_at_0, bounds=(0.0, 0.1, 0.0005), beyond=Range(0, 1, below=True))
_taken_off = partial(
    _off_at_0, bounds=(-2.0, 2.0, 0.05), beyond=Range(-MAX_FLOAT32, MAX_FLOAT32)
)
_last = partial(_integer, bounds=(-1, LAST_TOKENS, 1), advice="Use 0 to switch it off.")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which sampler chooses."""

    sampler: str = _choice(
        "Sampler",
        "How the next token is chosen from the model's probabilities.",
        "top_p",
        choices=SAMPLERS,
    )


@dataclass(frozen=True, kw_only=True)
class ChainOrder:
    """In which of the ORDERS the chain makes its cuts."""

    order: Literal["keras_hub", "llama.cpp"] = _choice(
        "Order of the chain",
        "Temperature first: the cuts see what it made of the probabilities. Last: they "
        "see the model's own.",
        "keras_hub",
        choices=tuple(ORDER_LABELS),
    )


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """What drops tokens, and the temperature. A stage has its number's name unless it
    says another; a `neutral` number switches it off.
    """

    temperature: float = _number(
        "Temperature",
        "Below 1 sharpens the choice, above 1 flattens it. 0 is greedy.",
        0.7,
        bounds=(0.0, 2.0, 0.05),
        samplers=DRAWING,
        neutral=1.0,
        advice="Use 1.0 to leave the model's distribution as it is, 0 for greedy.",
    )
    top_k: int = _integer(
        "Top-k",
        "Keep the k most likely tokens. 0 keeps all.",
        40,
        bounds=(0, 1000, 1),
        samplers=("top_k", "chain"),
        neutral=0,
    )
    top_p: float = _share_kept(
        "Top-p",
        "Keep the most likely tokens that together reach p. 1 keeps all.",
        0.9,
        samplers=("top_p", "chain"),
        neutral=1.0,
    )
    min_p: float = _share(
        "Min-p",
        "Keep tokens at least p times as likely as the likeliest. 0 keeps all.",
        0.05,
        samplers=("min_p", "chain"),
        neutral=0.0,
    )
    typical_p: float = _share_kept(
        "Typical-p",
        "Keep the tokens whose surprise is nearest to the expected one, until they "
        "reach p. 1 keeps all.",
        1.0,
        neutral=1.0,
        usual=0.9,
    )
    top_n_sigma: float = _off_at_0(
        "Top-n-sigma",
        "Keep tokens whose logit is within n standard deviations of the highest. 0 "
        "keeps all.",
        bounds=(0.0, 5.0, 0.1),
        usual=1.0,
    )
    epsilon: float = _least(
        "Epsilon",
        "Keep tokens with at least this probability. 0 keeps all.",
        usual=0.001,
    )
    eta: float = _least(
        "Eta",
        "Like epsilon, but lower where the model is unsure. 0 keeps all.",
        usual=0.002,
    )
    xtc_probability: float = _off_at_0(
        "XTC probability",
        "How often XTC drops all top choices but the least likely one. 0 is never.",
        bounds=(0.0, 1.0, 0.01),
        stage="xtc",
        usual=0.5,
    )
    xtc_threshold: float = _share_kept(
        "XTC threshold",
        "Tokens at least this likely count as top choices. Above 0.5 XTC does nothing.",
        0.1,
        stage="xtc",
    )


@dataclass(frozen=True, kw_only=True)
class Searches:
    """The numbers of the samplers that read several texts."""

    num_beams: int = _integer(
        "Beams",
        "How many texts are written at once; the likeliest is shown. 1 is greedy.",
        4,
        bounds=(1, 16, 1),
        samplers=("beam",),
    )
    contrastive_k: int = _integer(
        "Tokens compared",
        "How many of the likeliest tokens are compared at each step.",
        5,
        bounds=(1, 16, 1),
        samplers=("contrastive",),
        argument="k",
    )
    alpha: float = _share(
        "Weight of repetition",
        "How much similarity to earlier text counts against a token. 0 is greedy.",
        0.6,
        samplers=("contrastive",),
    )


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long a text is, and its seed."""

    seed: int | None = _integer(
        "Seed",
        "The same seed and settings give the same text. Empty draws a new one.",
        None,
        bounds=(0, MAX_SEED),
        optional=True,
        samplers=DRAWING,
        placeholder="random",
    )
    max_new_tokens: int | None = _integer(
        "New tokens",
        "Stop after this many new tokens.",
        128,
        bounds=(1, 4096, 1),
        optional=True,
    )
    max_length: int | None = _integer(
        "Total length",
        "Stop when prompt and answer together reach this many tokens.",
        None,
        bounds=(1, MOST_TOKENS),
        optional=True,
    )


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """What the chain does to logits before any cut."""

    repetition_penalty: float = _number(
        "Repetition penalty",
        "Above 1, tokens already in the text become less likely. 1 is off.",
        1.0,
        bounds=(0.5, 2.0, 0.01),
        neutral=1.0,
        beyond=Range(1e-3, 1e3),
    )
    presence_penalty: float = _taken_off(
        "Presence penalty",
        "Subtracted once from the logit of each token already in the text. 0 is off.",
    )
    frequency_penalty: float = _taken_off(
        "Frequency penalty",
        "Subtracted from a token's logit for each time it is in the text. 0 is off.",
    )
    penalty_last_n: int = _last(
        "Penalty range",
        "How many of the last tokens these three penalties look at. -1 is all, up to "
        f"{LAST_TOKENS}.",
        64,
    )
    dry_multiplier: float = _off_at_0(
        "DRY multiplier",
        "How strongly a token is penalised that would continue a repeated phrase. 0 is "
        "off.",
        bounds=(0.0, 5.0, 0.05),
    )
    dry_base: float = _number(
        "DRY base",
        "How fast this penalty grows with the length of the repeated phrase.",
        1.75,
        bounds=(1.0, 4.0, 0.05),
    )
    dry_allowed_length: int = _integer(
        "DRY allowed length",
        "Repeats up to this many tokens are not penalised.",
        2,
        bounds=(1, 50, 1),
    )
    dry_last_n: int = _last(
        "DRY range",
        f"How many of the last tokens DRY looks at. -1 is all, up to {LAST_TOKENS}.",
        -1,
    )
    dry_breakers: tuple[int, ...] = _ids(
        "DRY breakers",
        "Ids of tokens that end a repeat, such as a line break or a colon: 198, 42.",
        placeholder="198, 42",
    )
    logit_bias: tuple[tuple[int, float], ...] = _setting(
        "biases",
        "Logit bias",
        "Token ids, each with a number to add to its logit: 13: -2.5, 198: 1.",
        (),
        neutral=(),
        placeholder="13: -2.5, 198: 1",
    )
    banned_tokens: tuple[int, ...] = _ids(
        "Banned tokens",
        "Ids of tokens that are never chosen: 2, 198.",
        neutral=(),
        placeholder="2, 198",
    )


@dataclass(frozen=True, kw_only=True)
class EndToken:
    """What the model's own tokens decide."""

    ban_end_token: bool = _toggle(
        "Ban the end token",
        "Never choose the model's end token, so that the text has its full length.",
        False,
    )


@dataclass(frozen=True, kw_only=True)
class Stops:
    """What ends a text before its length."""

    stop_token_ids: str | tuple[int, ...] | None = _setting(
        "stop_ids",
        "Stop tokens",
        "auto: the model's end token. none: write to the full length. Or ids: 2, 198.",
        "auto",
        optional=True,
        placeholder="auto",
    )
    stop_strings: tuple[str, ...] = _setting(
        "texts",
        "Stop strings",
        r"Stop at any of these texts, one per line. \n is a line break, \t a tab.",
        (),
        placeholder=r"\n\n",
    )
    keep_stop_string: bool = _toggle(
        "Keep the stop string", "Leave the stop string at the end of the text.", False
    )


@dataclass(frozen=True, kw_only=True)
class Window:
    """How far attention reaches."""

    sliding_window: int | None = _integer(
        "Sliding window",
        "How many tokens each token sees, itself included. Empty: as trained.",
        None,
        bounds=(1, MOST_TOKENS),
        optional=True,
        placeholder="as trained",
    )


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is done with the prompt."""

    shorten_prompt: bool = _toggle(
        "Shorten a long prompt",
        "Leave out the beginning of a prompt that is too long. Off: refuse it.",
        False,
    )
    chat: bool | None = _toggle(
        "Chat format",
        "Wrap the prompt in the model's chat template, if it has one. Off: send it as "
        "it is.",
        None,
        optional=True,
    )
    strip_prompt: bool = _toggle(
        "Hide the prompt", "Show only the new text, without the prompt before it.", True
    )


_OWN: dict[type, dict[str, Any]] = {
    Choice: {"group": "Sampler"},
    ChainOrder: {"group": "Sampler", "samplers": ("chain",)},
    Cuts: {"group": "Sampler", "samplers": ("chain",)},
    Searches: {"group": "Sampler"},
    Length: {"group": "Length"},
    Penalties: {"group": "Penalties", "samplers": PENALISED},
    EndToken: {"group": "Penalties", "samplers": PENALISED},
    Stops: {"group": "Stops"},
    Window: {"group": "Window"},
    Prompt: {"group": "Prompt"},
}
"""What the settings of a class have in common."""


def _controls_of(declared: type) -> Iterator[Control]:
    for each in fields(declared):
        own: dict[str, Any] = {"stage": each.name if declared is Cuts else ""}
        own |= _OWN[declared] | {**each.metadata}
        yield Control(name=each.name, default=each.default, **own)


CONTROLS: tuple[Control, ...] = tuple(chain.from_iterable(map(_controls_of, _OWN)))
BY_NAME: dict[str, Control] = {control.name: control for control in CONTROLS}


def _order(known: str) -> tuple[str, ...]:
    """The stages in this order; one that is not named comes before XTC."""
    named = known.split()
    stages = dict.fromkeys(each.stage for each in CONTROLS if each.stage)
    others = [stage for stage in stages if stage not in named]
    return (*named[: (xtc := named.index("xtc"))], *others, *named[xtc:])


ORDERS: dict[Order, tuple[str, ...]] = {
    # Top-k comes after top-p, which so counts what top-k drops, as keras_hub's does.
    "keras_hub": _order(
        "temperature top_n_sigma typical_p top_p top_k min_p epsilon eta xtc"
    ),
    # llama.cpp has neither epsilon nor eta; they stand where min-p, their like, does.
    "llama.cpp": _order(
        "top_n_sigma top_k typical_p top_p min_p epsilon eta xtc temperature"
    ),
}
"""The stages of the chain that drop tokens, and the temperature, in either order."""


def switched_off(declared: type[T]) -> type[T]:
    """A class of settings whose defaults change nothing, to be made a dataclass."""
    inherited = [each for base in declared.__bases__ for each in fields(base)]
    changed = {
        f: off for f in inherited if (off := BY_NAME[f.name].neutral) is not None
    }
    declared.__annotations__ = {each.name: each.type for each in changed}
    for each, neutral in changed.items():
        setattr(declared, each.name, field(default=neutral))
    return declared
