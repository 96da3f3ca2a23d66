"""The tabs below the text: what stands in each."""

import os
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from playground.controls import SAMPLERS
from playground.interface.comparing import COMPARED
from playground.interface.explorer import NOTHING_YET
from playground.interface.form import short_name
from playground.interface.learn import tour
from playground.interface.stop_builder import STOP_HELP, STOP_LABEL, STOP_PLACEHOLDER
from playground.interface.view_html import message_html
from playground.views.registry import HINTS, choices_of
from playground.web.components import drawn_by_assets
from playground.web.saving import KINDS
from playground.web.theme import read_asset


@dataclass(frozen=True, kw_only=True)
class TabsParts:
    """What the tabs' handlers read from and write to."""

    tabs: gr.Tabs
    appearance: gr.Textbox
    where: gr.HTML
    panels: dict[str, gr.HTML]
    views: dict[str, gr.Radio]
    layer: gr.Slider
    head: gr.Slider
    compared: gr.CheckboxGroup
    compare: gr.Button
    stop_text: gr.Textbox
    stop_view: gr.HTML
    export: gr.HTML
    file: gr.UploadButton

    @property
    def choices(self) -> list[Component]:
        """What `Exploration.show` reads before the controls, in its order."""
        return [self.appearance, *self.views.values(), self.layer, self.head]


def draw_tabs() -> TabsParts:
    """Lay the tabs out in the Blocks that are open, nothing connected yet."""
    appearance = gr.Textbox(visible=False)  # filled by the browser with every question
    where = gr.HTML(
        "",
        js_on_load=read_asset("focus.js"),
        apply_default_css=False,
        elem_id="where",
    )
    panels: dict[str, gr.HTML] = {}
    views: dict[str, gr.Radio] = {}
    with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
        for name in HINTS:
            with gr.Tab(name, render_children=True):
                gr.HTML(_hint(name), apply_default_css=False)
                if names := list(choices_of(name)):
                    views[name] = _radio("View", names)
                match name:
                    case "Heads":
                        with gr.Row(elem_classes="knobs places"):
                            layer = _number("Layer")
                            head = _number("Head")
                    case "Compare":
                        compared, compare = _comparison()
                panels[name] = _panel(name)
                if name == "Tokens":
                    stop_text = gr.Textbox(
                        label=STOP_LABEL,
                        info=STOP_HELP,
                        placeholder=STOP_PLACEHOLDER,
                        max_lines=1,
                        elem_id="stop_text",
                    )
                    stop_view = gr.HTML("", apply_default_css=False)
        with gr.Tab("Learn"):
            gr.HTML(tour(), apply_default_css=False)
    export, file = _share()
    return TabsParts(
        tabs=tabs,
        appearance=appearance,
        where=where,
        panels=panels,
        views=views,
        layer=layer,
        head=head,
        compared=compared,
        compare=compare,
        stop_text=stop_text,
        stop_view=stop_view,
        export=export,
        file=file,
    )


def _share() -> tuple[gr.HTML, gr.UploadButton]:
    buttons = "".join(
        f'<button type="button" data-what="{what}">{label}</button>'
        for what, label in {"link": "Copy link", **KINDS}.items()
    )
    with gr.Accordion("Share and save", open=False, elem_id="share"):
        template = read_asset("export.html").replace("@buttons", buttons)
        export = drawn_by_assets("export", {}, template)
        file = gr.UploadButton(
            "Open a saved run", file_types=[".json"], type="binary", size="sm"
        )
        if "SPACE_ID" in os.environ:
            gr.DuplicateButton("Duplicate this Space", size="sm")
    return export, file


def _hint(name: str) -> str:
    """What a tab shows, and a style that hides the sliders that a view has not."""
    words = f'<p class="hint">{HINTS[name]}</p>'
    hides = " ".join(
        f'#tabs:has([value="{choice}"]:checked) #{slider} {{ display: none }}'
        for choice, view in choices_of(name).items()
        for slider in ("layer", "head")
        if name == "Heads" and not view.takes(slider)
    )
    return f"{words}<style>{hides}</style>" if hides else words


def _panel(name: str) -> gr.HTML:
    scripts = {"Candidates": "candidates.js", "Heads": "links.js"}
    js = read_asset(scripts[name]) if name in scripts else None
    return gr.HTML(
        "" if name == "Compare" else message_html(NOTHING_YET),
        js_on_load=js,
        apply_default_css=False,
        elem_id=f"panel-{name.lower().replace(' ', '-')}",
        elem_classes="panel",
    )


def _radio(label: str, names: list[str]) -> gr.Radio:
    return gr.Radio(
        names, value=names[0], label=label, show_label=False, elem_classes="segments"
    )


def _number(label: str) -> gr.Slider:
    return gr.Slider(0, 1, 0, step=1, label=label, buttons=[], elem_id=label.lower())


def _comparison() -> tuple[gr.CheckboxGroup, gr.Button]:
    compared = gr.CheckboxGroup(
        [(short_name(name), name) for name in SAMPLERS],
        value=list(COMPARED),
        label="Samplers",
        elem_id="compared",
    )
    return compared, gr.Button("Compare", elem_id="compare")
