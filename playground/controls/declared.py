"""All controls, in the order in which a host shows them."""

from typing import Any

from playground.controls.control import Control, Group, Kind

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
DRAWING = ("top_p", "top_k", "min_p", "random", "chain")
"""The samplers that leave something to chance."""
SEARCHES = ("beam", "contrastive")
PENALISED = tuple(name for name in SAMPLERS if name not in SEARCHES)

ORDER_LABELS = {
    "keras_hub": "Temperature first (keras-hub)",
    "llama.cpp": "Temperature last (llama.cpp)",
}

MOST_TOKENS = 2**31 - 1
"""Of a text or a window: positions have 32 bits."""
LAST_TOKENS = 512
"""How far back a penalty can look."""

DTYPES = ("float32", "bfloat16", "int8")
"""What weights may be kept as; int8 is a quarter of float32's memory."""


def _sampler(name: str, label: str, help: str, kind: Kind, **rest: Any) -> Control:
    rest = {"group": "Sampler", "samplers": ("chain",)} | rest
    return Control(name=name, label=label, help=help, kind=kind, **rest)


def _penalty(name: str, label: str, help: str, kind: Kind, **rest: Any) -> Control:
    rest = {"group": "Penalties", "samplers": PENALISED} | rest
    return Control(name=name, label=label, help=help, kind=kind, **rest)


def _control(
    group: Group, name: str, label: str, help: str, kind: Kind, **rest: Any
) -> Control:
    return Control(group=group, name=name, label=label, help=help, kind=kind, **rest)


_SHARE = {"minimum": 0.0, "maximum": 1.0, "step": 0.01}
_SHARE_KEPT = _SHARE | {"above_minimum": True}

CONTROLS: tuple[Control, ...] = (
    _sampler(
        "sampler",
        "Sampler",
        "How the next token is chosen from the model's probabilities.",
        "choice",
        default="top_p",
        choices=SAMPLERS,
        samplers=(),
    ),
    _sampler(
        "order",
        "Order of the chain",
        "First sharpens what the cuts see; last leaves them the model's own.",
        "choice",
        default="keras_hub",
        choices=tuple(ORDER_LABELS),
    ),
    _sampler(
        "temperature",
        "Temperature",
        "Below 1 sharpens the choice, above 1 flattens it. 0 is greedy.",
        "number",
        default=0.7,
        minimum=0.0,
        maximum=2.0,
        step=0.05,
        samplers=DRAWING,
    ),
    _sampler(
        "top_k",
        "Top-k",
        "Keep the k most likely tokens. 0 keeps all.",
        "integer",
        default=40,
        minimum=0,
        maximum=1000,
        step=1,
        samplers=("top_k", "chain"),
    ),
    _sampler(
        "top_p",
        "Top-p",
        "Keep the most likely tokens that together reach p. 1 keeps all.",
        "number",
        default=0.9,
        samplers=("top_p", "chain"),
        **_SHARE_KEPT,
    ),
    _sampler(
        "min_p",
        "Min-p",
        "Keep tokens at least p times as likely as the likeliest. 0 keeps all.",
        "number",
        default=0.05,
        samplers=("min_p", "chain"),
        **_SHARE,
    ),
    _sampler(
        "typical_p",
        "Typical-p",
        "Keep the tokens closest to the expected surprise, p together. 1 keeps all.",
        "number",
        default=1.0,
        **_SHARE_KEPT,
    ),
    _sampler(
        "top_n_sigma",
        "Top-n-sigma",
        "Keep logits within n standard deviations of the highest. 0 keeps all.",
        "number",
        default=0.0,
        minimum=0.0,
        maximum=5.0,
        step=0.1,
    ),
    _sampler(
        "epsilon",
        "Epsilon",
        "Keep tokens with at least this probability. 0 keeps all.",
        "number",
        default=0.0,
        minimum=0.0,
        maximum=0.1,
        step=0.0005,
    ),
    _sampler(
        "eta",
        "Eta",
        "As epsilon, but lower where the model is unsure. 0 keeps all.",
        "number",
        default=0.0,
        minimum=0.0,
        maximum=0.1,
        step=0.0005,
    ),
    _sampler(
        "xtc_probability",
        "XTC chance",
        "How often XTC takes out all top choices but the last. 0 is never.",
        "number",
        default=0.0,
        **_SHARE,
    ),
    _sampler(
        "xtc_threshold",
        "XTC threshold",
        "From which probability on a token is a top choice. Above 0.5 does nothing.",
        "number",
        default=0.1,
        **_SHARE_KEPT,
    ),
    _sampler(
        "num_beams",
        "Beams",
        "How many texts are written at once; the likeliest is shown. 1 is greedy.",
        "integer",
        default=4,
        minimum=1,
        maximum=16,
        step=1,
        samplers=("beam",),
    ),
    _sampler(
        "contrastive_k",
        "Tokens compared",
        "How many of the likeliest tokens are compared at each step.",
        "integer",
        default=5,
        minimum=1,
        maximum=16,
        step=1,
        samplers=("contrastive",),
    ),
    _sampler(
        "alpha",
        "Weight of repetition",
        "How much likeness to what was said counts against a token. 0 is greedy.",
        "number",
        default=0.6,
        samplers=("contrastive",),
        **_SHARE,
    ),
    _control(
        "Length",
        "seed",
        "Seed",
        "The same seed and settings give the same text. Empty draws a new one.",
        "integer",
        default=None,
        minimum=0,
        maximum=2**32 - 1,
        optional=True,
        samplers=DRAWING,
    ),
    _control(
        "Length",
        "max_new_tokens",
        "New tokens",
        "Stop after this many new tokens.",
        "integer",
        default=128,
        minimum=1,
        maximum=4096,
        step=1,
        optional=True,
    ),
    _control(
        "Length",
        "max_length",
        "Total length",
        "Stop when prompt and answer together reach this many tokens.",
        "integer",
        default=None,
        minimum=1,
        maximum=MOST_TOKENS,
        optional=True,
    ),
    _penalty(
        "repetition_penalty",
        "Repetition penalty",
        "Above 1 makes tokens that were there less likely. 1 is off.",
        "number",
        default=1.0,
        minimum=0.5,
        maximum=2.0,
        step=0.01,
    ),
    _penalty(
        "presence_penalty",
        "Presence penalty",
        "Taken once off the logit of each token that was there. 0 is off.",
        "number",
        default=0.0,
        minimum=-2.0,
        maximum=2.0,
        step=0.05,
    ),
    _penalty(
        "frequency_penalty",
        "Frequency penalty",
        "Taken off for every time that a token was there. 0 is off.",
        "number",
        default=0.0,
        minimum=-2.0,
        maximum=2.0,
        step=0.05,
    ),
    _penalty(
        "penalty_last_n",
        "Tokens looked at",
        f"How many last tokens these three look at. -1 is all, {LAST_TOKENS} at most.",
        "integer",
        default=64,
        minimum=-1,
        maximum=LAST_TOKENS,
        step=1,
    ),
    _penalty(
        "dry_multiplier",
        "DRY multiplier",
        "How strongly a phrase that was there may not go on the same. 0 is off.",
        "number",
        default=0.0,
        minimum=0.0,
        maximum=5.0,
        step=0.05,
    ),
    _penalty(
        "dry_base",
        "DRY base",
        "How fast that grows with the length of the phrase.",
        "number",
        default=1.75,
        minimum=1.0,
        maximum=4.0,
        step=0.05,
    ),
    _penalty(
        "dry_allowed_length",
        "DRY allowed length",
        "How many tokens of a phrase may come again freely.",
        "integer",
        default=2,
        minimum=1,
        maximum=50,
        step=1,
    ),
    _penalty(
        "dry_last_n",
        "DRY tokens looked at",
        f"How many last tokens DRY looks at. -1 is all, {LAST_TOKENS} at most.",
        "integer",
        default=-1,
        minimum=-1,
        maximum=LAST_TOKENS,
        step=1,
    ),
    _penalty(
        "dry_breakers",
        "DRY breakers",
        "Ids of tokens that no repeat reaches over, as a line end or a colon: 198, 42.",
        "token_ids",
        default=(),
    ),
    _penalty(
        "logit_bias",
        "Logit bias",
        "Token ids and what is added to their logits: 13: -2.5, 198: 1.",
        "biases",
        default=(),
    ),
    _penalty(
        "banned_tokens",
        "Banned tokens",
        "Ids of tokens that never come: 2, 198.",
        "token_ids",
        default=(),
    ),
    _penalty(
        "ban_end_token",
        "Never end by itself",
        "Ban the model's end token, so that the text goes on to its full length.",
        "toggle",
        default=False,
    ),
    _control(
        "Stops",
        "stop_token_ids",
        "Stop tokens",
        "auto: the model's end token. none: to the full length. Or ids: 2, 198.",
        "stop_ids",
        default="auto",
        optional=True,
    ),
    _control(
        "Stops",
        "stop_strings",
        "Stop strings",
        r"Stop at one of these texts, one a line. \n is a new line, \t a tab.",
        "texts",
        default=(),
    ),
    _control(
        "Stops",
        "keep_stop_string",
        "Keep the stop string",
        "Leave the stop string at the end of the text.",
        "toggle",
        default=False,
    ),
    _control(
        "Window",
        "sliding_window",
        "Sliding window",
        "How many tokens each token sees, itself included. Empty: as trained.",
        "integer",
        default=None,
        minimum=1,
        maximum=MOST_TOKENS,
        optional=True,
    ),
    _control(
        "Prompt",
        "shorten_prompt",
        "Shorten a long prompt",
        "Leave out the beginning of a prompt that is too long. Off: refuse it.",
        "toggle",
        default=False,
    ),
    _control(
        "Prompt",
        "chat",
        "Chat format",
        "Wrap the prompt in the model's chat template, if it has one. Off sends it "
        "as it is.",
        "toggle",
        default=None,
        optional=True,
    ),
    _control(
        "Prompt",
        "strip_prompt",
        "Hide the prompt",
        "Show only the new text, without the prompt before it.",
        "toggle",
        default=True,
    ),
)

BY_NAME: dict[str, Control] = {control.name: control for control in CONTROLS}
