"""A short guided tour on the page's own controls, under the names that stand there.

Each chapter begins with sentences of the notebook that goes on from it.
"""

import re
from dataclasses import dataclass
from html import escape

from playground.controls import BY_NAME
from playground.interface.form import MORE_TITLE, PROMPT_LABEL, short_name

_LABEL = {name: f"**{control.label}**" for name, control in BY_NAME.items()}
_TOP_P, _GREEDY = f"**{short_name('top_p')}**", f"**{short_name('greedy')}**"
_PROMPT, _MORE = f"**{PROMPT_LABEL}**", f"**{MORE_TITLE}**"


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One step of the tour: an idea, and in Markdown what to press and to watch.

    `notebook` is the file in notebooks/ that begins with the idea, or has it inside.
    """

    title: str
    idea: str
    steps: str
    notebook: str


CHAPTERS = (
    Chapter(
        title="Sampling",
        notebook="02_samplers",
        idea="The model gives every token a probability; the sampler decides what to "
        "do with them.",
        steps=f"Write a {_PROMPT}, choose {_TOP_P} and press **Generate**; then choose "
        f"a token of the text and look at **Candidates**: what was kept, and what was "
        f"drawn. Open **Sampler lab** and move {_LABEL['temperature']} or "
        f"{_LABEL['top_p']}: the picture follows, and nothing is run. With {_GREEDY} "
        f"two answers to one prompt are the same, with {_TOP_P} only if "
        f"{_LABEL['seed']} is.",
    ),
    Chapter(
        title="Stops",
        notebook="03_stops_and_prompts",
        idea="A model does not know when to stop. It can only make its end token "
        "likely, if it was taught to.",
        steps=f"Set {_LABEL['max_new_tokens']} to 20, press **Generate**, and read in "
        f"the line above the text why it ended. Open {_MORE} and type a word of the "
        f"answer under {_LABEL['stop_strings']}: with the same {_LABEL['seed']} the "
        "next answer ends before that word. **Stop builder** in **Tokens** shows "
        "how such a text is cut, and why a stop token may miss it.",
    ),
    Chapter(
        title="The window",
        notebook="04_the_window",
        idea="Attention lets each token look back at the ones before it. In Mistral's "
        "sliding window it sees only the last W, itself included.",
        steps=f"Open {_MORE}, set {_LABEL['sliding_window']} to 16, and generate a "
        "text of more tokens than that. **Window** then shows what the next token "
        "sees, what reaches it only through layers, and what is lost. Choose "
        "**Reach** to count the layers, and **Cut off** for the attention that the "
        "window takes away.",
    ),
    Chapter(
        title="The cache",
        notebook="04_the_window",
        idea="What cannot be seen need not be kept. Keys and values lie in a ring: "
        "position p in slot p mod S.",
        steps="Press **Generate** and open **Cache**: it shows which position lies in "
        "which slot, and what ring and shared heads save. Then press **Generate** "
        "again: the line above the text says how many tokens of the prompt were "
        "reused, and so not read again. **Continue** goes on from the cache, too.",
    ),
)


def tour() -> str:
    """All chapters as HTML; what stands on a control is bold."""
    chapters = (
        f"<h3>{c.title}</h3><p>{_bold(f'{c.idea} {c.steps}')}</p>" for c in CHAPTERS
    )
    return f'<div class="tour">{"".join(chapters)}</div>'


def _bold(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text))
