"""What the gallery shows: real runs of a model, and every view of them.

Each scene comes with a sentence for somebody who has never seen such a picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from playground.engine import Engine, Finished
from playground.hosts.run_views import RunViews
from playground.models import Explained, MistralCausalLM, explain
from playground.session import Session
from playground.session.comparison import Comparison
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.views.attention import layer_view
from playground.views.beam_tree import beam_tree_view
from playground.views.comparison import comparison_view
from playground.views.contrastive import contrastive_view
from playground.views.head_finder import head_finder_view
from playground.views.head_groups import head_groups_view
from playground.views.key_similarity import key_similarity_view
from playground.views.logit_lens import logit_lens_view
from playground.views.mass_cut import mass_cut_view
from playground.views.rollout import rollout_view
from playground.views.salience import salience_view
from playground.views.text_units import Unit
from playground.views.view import View
from playground.views.what_if import what_if_view, windows_to_try


@dataclass(frozen=True, kw_only=True)
class Example:
    """A model and what it is asked.

    `narrow` is a window that binds on this text, `shorter` one that hides still more;
    `ring_tokens` are new tokens of the run whose cache is shown.
    """

    preset: str
    prompt: str
    seed: int
    new_tokens: int
    narrow: int
    shorter: int
    ring_tokens: int


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture to be: its file's `name`, its view, and how it is read."""

    name: str
    view: View
    how_to_read: str


EXAMPLES = (
    Example(
        preset="shakespeare_mistral",
        prompt=(
            "KING.\nMy lord of Warwick, see the gates be barred;\nThe night is dark, "
            "and traitors walk the streets.\n\nWARWICK.\nMy liege, the gates are "
            "barred, the watch is set,\nAnd every street is quiet as the grave.\n\n"
            "KING.\nThen leave us, Warwick, for we would be alone.\n\nWARWICK.\n"
        ),
        seed=7,
        new_tokens=40,
        narrow=64,
        shorter=32,
        ring_tokens=300,
    ),
    Example(
        preset="smollm2_135m_instruct",
        prompt=(
            "The lighthouse keeper lit the lamp every evening. One night the lamp did "
            "not light, so the lighthouse keeper"
        ),
        seed=7,
        new_tokens=16,
        narrow=16,
        shorter=8,
        ring_tokens=16,
    ),
)


def settings_of(example: Example) -> GenerationSettings:
    """Those of the run that most scenes show."""
    return GenerationSettings(
        sampler="top_p",
        top_p=0.9,
        temperature=0.8,
        chat=False,
        seed=example.seed,
        max_new_tokens=example.new_tokens,
    )


def scenes(engine: Engine[MistralCausalLM], example: Example) -> Iterator[Scene]:
    """All scenes of one example, from choosing tokens to looking inside."""
    model = engine.model
    assert model is not None, "the model is loaded before"
    settings = settings_of(example)
    run = finished_run(engine, example.prompt, settings)
    views = RunViews(model, run)
    text = explain(model, views.text_ids)
    yield from _of_choosing(engine, example, views, text)
    yield from _of_the_window(example, views)
    yield from _of_the_cache(engine, example)
    yield from _of_what_is_lost(engine, example, views, text)
    yield from _of_heads(views, text)


def finished_run(
    engine: Engine[MistralCausalLM], prompt: str, settings: GenerationSettings
) -> Transcript:
    """A run to its end. Raises ValueError if it failed."""
    session = Session(engine, record=True)
    for event in session.generate(prompt, settings):
        if isinstance(event, Finished) and event.reason == "error":
            raise ValueError(event.message)
    assert session.transcript is not None
    return session.transcript


def _of_choosing(
    engine: Engine[MistralCausalLM], example: Example, views: RunViews, text: Explained
) -> Iterator[Scene]:
    run, tokenizer = views.run, views.tokenizer
    unsure = _least_sure(run)
    yield Scene(
        name="tokens",
        view=views.token_spans(),
        how_to_read="The answer as the model saw it: a pale token was to be expected, "
        "a dark one was a surprise.",
    )
    yield Scene(
        name="candidates",
        view=views.candidates(unsure),
        how_to_read="The place where this answer was least decided: what else the "
        "model could have said, before and after the sampler.",
    )
    stages, table = views.sampler_lab(text, run.settings, unsure)
    yield Scene(
        name="sampler_lab",
        view=stages,
        how_to_read="The same place, stage by stage from left to right: what each part "
        "of the sampler leaves, and how the rest shares the probability.",
    )
    yield Scene(
        name="samplers",
        view=table,
        how_to_read="The same logits through every sampler: how many tokens each would "
        "leave, and which one it would take.",
    )
    yield Scene(
        name="comparison",
        view=comparison_view(tokenizer, _compared(engine, example)),
        how_to_read="One prompt and one seed under several settings, side by side.",
    )
    beams = _searched(engine, example, sampler="beam", num_beams=4, max_new_tokens=8)
    yield Scene(
        name="beam_tree",
        view=beam_tree_view(tokenizer, beams.beams_seen),
        how_to_read="A beam search grows from left to right; a path that stops early "
        "was given up for a better one.",
    )
    searched = _searched(engine, example, sampler="contrastive", max_new_tokens=12)
    step = _most_penalised(searched)
    yield Scene(
        name="contrastive",
        view=contrastive_view(
            tokenizer,
            searched.compared[step],
            searched.token_ids[step],
            searched.settings.alpha,
            step,
        ),
        how_to_read="To the right what speaks for a candidate, to the left what it "
        "loses because it repeats what was said; the diamond is what is left.",
    )


def _of_the_window(example: Example, views: RunViews) -> Iterator[Scene]:
    window = replace(views.window, size=example.narrow)
    yield Scene(
        name="ruler",
        view=views.ruler(window),
        how_to_read="Read the text as usual: the darkest part is seen directly, the "
        "paler one only through other tokens, the rest is forgotten.",
    )
    yield Scene(
        name="band_mask",
        view=views.band_mask(example.shorter),
        how_to_read="Each row is a token that looks back; the coloured part of the row "
        "is what it sees, and the hatched part what a shorter window would hide.",
    )
    yield Scene(
        name="reach",
        view=views.reach(window=window),
        how_to_read="Read from the top: what the last token sees in the last layer, "
        "what those tokens have seen in the layer below, and so on.",
    )


def _of_the_cache(engine: Engine[MistralCausalLM], example: Example) -> Iterator[Scene]:
    settings = replace(settings_of(example), max_new_tokens=example.ring_tokens)
    assert engine.model is not None
    views = RunViews(engine.model, finished_run(engine, example.prompt, settings))
    yield Scene(
        name="ring",
        view=views.ring(),
        how_to_read="Left the cache as it is at the end, right how it got there: each "
        "row is a moment, and time runs down.",
    )
    yield Scene(
        name="memory",
        view=views.memory(),
        how_to_read="The filled bar is what this run took; the hatched ones are what "
        "it would have taken otherwise.",
    )


def _of_what_is_lost(
    engine: Engine[MistralCausalLM], example: Example, views: RunViews, text: Explained
) -> Iterator[Scene]:
    narrow = explain(views.model, views.text_ids, example.narrow)
    yield Scene(
        name="mass_cut",
        view=mass_cut_view(narrow, range(narrow.num_layers), views.labels),
        how_to_read="Above, each head: the darker, the more of its attention would go "
        "further back than the window lets it. Below, the same along the text.",
    )
    yield Scene(
        name="what_if",
        view=what_if_view(text, views.labels, greedy=_greedy(engine, example, text)),
        how_to_read="A row for each window. Left: how surprised the model is by the "
        "text. Middle: how much its next guesses change. Right: how long it would "
        "write the same.",
    )
    yield Scene(
        name="rollout",
        view=rollout_view(narrow, len(text) - 1, views.labels),
        how_to_read="From the bottom up: layer after layer the last token takes in "
        "what is further back, never more than the window lets it.",
    )


def _of_heads(views: RunViews, text: Explained) -> Iterator[Scene]:
    layers, last = range(text.num_layers), len(text) - 1
    finder = head_finder_view(text, layers)
    yield Scene(
        name="head_finder",
        view=finder,
        how_to_read="Each field is a head of a layer. The ring marks the clearest of "
        "its kind, with layer and head.",
    )
    layer, head, _ = finder.strongest("induction") or (0, 0, 0.0)
    yield Scene(
        name="attention",
        view=views.attention(text, layer, head),
        how_to_read="The clearest induction head here. Each row is a token, and its "
        "dark fields are where the head reads. Where it works, a word that was there "
        "before looks at what came after it then.",
    )
    by: Unit = "line" if "\n" in views.run.prompt_text else "word"
    yield Scene(
        name=f"attention_by_{by}",
        view=views.attention(text, layer, head, by=by),
        how_to_read=f"The same head, with the tokens of a {by} taken together.",
    )
    yield Scene(
        name="layer",
        view=layer_view(text, layer),
        how_to_read="All heads of that layer. A dark left edge rests on the first "
        "token, a dark diagonal stays with the last few.",
    )
    yield Scene(
        name="head_groups",
        view=head_groups_view(text, layer),
        how_to_read="The darker a field, the more two heads look alike. The heads in "
        "a frame share keys and values.",
    )
    yield Scene(
        name="keys",
        view=key_similarity_view(text, layer, 0, views.labels),
        how_to_read="What a head finds by: two tokens whose keys point the same way "
        "are found by the same queries.",
    )
    yield Scene(
        name="logit_lens",
        view=logit_lens_view(text, views.tokenizer, range(last - 7, last + 1)),
        how_to_read="From the bottom up: what the model would say if it stopped after "
        "that layer. The top row is what it says.",
    )
    yield Scene(
        name="salience",
        view=salience_view(text, views.tokenizer, _longest(views) - 1),
        how_to_read="What made one token of the answer likely, by the model's "
        "gradients, which go through all of it and not only through attention.",
    )


def _least_sure(run: Transcript) -> int:
    """The new token with the most entropy of those that were recorded."""
    known = {n: record for n, record in enumerate(run.records) if record is not None}
    return max(known, key=lambda n: float(known[n].entropy))


def _longest(views: RunViews) -> int:
    """The position of the answer's longest token, which says the most."""
    answer = views.labels[views.num_prompt :]
    return views.num_prompt + max(range(len(answer)), key=lambda n: len(answer[n]))


def _compared(
    engine: Engine[MistralCausalLM], example: Example
) -> Sequence[Transcript]:
    usual = settings_of(example)
    asked = [
        replace(usual, sampler="greedy"),
        usual,
        replace(usual, sampler="random", temperature=1.3),
        replace(usual, sampler="top_k", top_k=5),
    ]
    comparison = Comparison(engine, example.prompt, asked)
    for update in comparison.updates():
        event = update.event
        if isinstance(event, Finished) and event.reason == "error":
            raise ValueError(event.message)
    return comparison.runs


def _searched(
    engine: Engine[MistralCausalLM], example: Example, **changes: str | int
) -> Transcript:
    settings = replace(settings_of(example), **changes)  # type: ignore[arg-type]
    return finished_run(engine, example.prompt, settings)


def _most_penalised(run: Transcript) -> int:
    """The step whose winner is not the likeliest candidate, if there is one."""
    beaten = (
        n
        for n, (seen, token_id) in enumerate(
            zip(run.compared, run.token_ids, strict=False)
        )
        if max(seen, key=lambda candidate: candidate.probability).token_id != token_id
    )
    return next(beaten, 0)


def _greedy(
    engine: Engine[MistralCausalLM], example: Example, text: Explained
) -> dict[int, list[int]]:
    """What greedy search writes after the prompt under each window it may have."""
    assert engine.model is not None
    own = engine.model.backbone.sliding_window
    settings = replace(settings_of(example), sampler="greedy", max_new_tokens=24)
    return {
        window: finished_run(
            engine, example.prompt, replace(settings, sliding_window=window)
        ).token_ids
        for window in windows_to_try(len(text), text.sliding_window)
        if window <= (own or window)
    }
