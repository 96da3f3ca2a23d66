"""Pictures by what is drawn in them: every number is where it belongs."""

import json
import re
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import same_color, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from playground.plots import figure, picture
from playground.plots.ring import states
from playground.plots.style import style_for
from playground.views.amounts import bits
from playground.views.ring import NO_SLOT
from tests.plots.some_views import HOSTILE, PLAIN, all_views, attention

VIEWS = all_views(PLAIN)
LIGHT = style_for(dark=False, narrow=False)
SVG = "{http://www.w3.org/2000/svg}"


def texts(artist: Figure | Axes) -> list[str]:
    return [found.get_text() for found in artist.findobj(Text)]


def widths(axes: Axes) -> list[float]:
    return [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]


def drawn(name: str, **options: bool) -> list[Axes]:
    return figure(VIEWS[name], **options).axes


@pytest.mark.parametrize("name", VIEWS)
def test_a_phones_picture_has_its_title_and_paper_and_all_lies_inside(name):
    made = figure(VIEWS[name], dark=True, narrow=True)
    assert " ".join(made.get_suptitle().split()) == VIEWS[name].title
    assert same_color(made.get_facecolor(), style_for(dark=True, narrow=True).paper)
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    inside = made.get_tightbbox(canvas.get_renderer())  # inches
    assert made.get_figwidth() == 3.6
    assert inside.min.min() > -0.02
    assert inside.width < 3.62
    assert inside.height < made.get_figheight() + 0.02


@pytest.mark.parametrize("name", ["ruler", "ring", "attention", "logit_lens"])
def test_hostile_labels_are_lettered_as_they_are(name):
    """Warnings are errors here: a missing glyph, or bad mathematics, would be one."""
    png = picture(all_views(HOSTILE)[name], scale=1.0)
    assert png.startswith(b"\x89PNG")


def test_a_png_says_what_it_shows():
    settings = {"seed": 7, "stop_strings": ["\x00<"]}
    made = picture(VIEWS["reach"], settings=settings, scale=1.0)
    with Image.open(BytesIO(made)) as image:
        assert image.info["Title"] == VIEWS["reach"].title
        assert image.info["Description"] == VIEWS["reach"].words()
        assert json.loads(image.info["Settings"]) == settings
        assert image.width == 720
        red, green, blue = image.convert("RGB").getpixel((0, 0))
    assert min(red, green, blue) >= 254
    assert picture(VIEWS["reach"], settings=settings, scale=1.0) == made


@pytest.mark.parametrize("name", ["rollout", "keys"])
def test_few_colors_are_as_good_as_all(name):
    every = BytesIO()
    figure(VIEWS[name]).savefig(every, dpi=100)
    few = BytesIO(picture(VIEWS[name], scale=1.0))
    pixels = [np.asarray(Image.open(file).convert("RGB"), int) for file in (every, few)]
    assert np.abs(pixels[0] - pixels[1]).max() < 0.05 * 255


def test_an_svg_says_what_it_shows():
    view = all_views(HOSTILE)["salience"]
    made = picture(view, "svg", settings={"prompt": "<&\x00>"})
    root = ElementTree.fromstring(made)
    said = [root.findtext(f"{SVG}{tag}") or "" for tag in ("title", "desc")]
    assert said == [re.sub("\x00", "�", each) for each in (view.title, view.words())]
    assert json.dumps({"prompt": "<&\x00>"}) in "".join(root.itertext())
    assert picture(view, "svg", settings={"prompt": "<&\x00>"}) == made


def test_what_has_no_picture_is_refused():
    with pytest.raises(TypeError, match="No picture is known for a str"):
        figure("no view")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not 'pdf'"):
        picture(VIEWS["reach"], "pdf")  # type: ignore[arg-type]


def test_a_ruler_boxes_each_token_in_its_zones_color():
    scale, flow = drawn("ruler")
    assert widths(scale) == [3, 2, 3]
    colors = [patch.get_facecolor() for patch in flow.patches]
    wanted = [LIGHT.paper] * 3 + [LIGHT.tint(0.28)] * 2 + [LIGHT.accent] * 3
    assert all(map(same_color, colors, wanted))
    assert texts(flow)[:8] == list(PLAIN)
    assert "seen through layers: 2 tokens" in texts(flow.figure)
    assert "the answer begins" in texts(flow.figure)


def test_a_mask_colors_a_pair_by_who_sees_it():
    (axes,) = drawn("band_mask")
    image = axes.images[0].get_array()
    seen, hidden, outside, later = image[4, 3], image[4, 2], image[4, 1], image[4, 5]
    colors = (LIGHT.accent, LIGHT.warm, LIGHT.faint, LIGHT.paper)
    for pixel, color in zip((seen, hidden, outside, later), colors, strict=True):
        assert np.allclose(pixel, to_rgb(color))
    assert [label.get_text() for label in axes.get_xticklabels()] == list(PLAIN)
    prompt_end = [line.get_ydata()[0] for line in axes.lines]
    assert 5.5 in prompt_end
    assert "prefill: the prompt, in chunks" in texts(axes)


def test_reach_is_a_bar_a_layer():
    (axes,) = drawn("reach")
    assert widths(axes) == [8, 8, 8, 1, 3, 5]


def test_a_ring_shows_what_is_seen_kept_and_empty():
    circle, rows = drawn("ring")
    numbers = [text.get_text() for text in circle.texts[:5]]
    assert numbers == ["5", "6", "7", "3", "4"]
    now = [bar.get_facecolor() for bar in circle.patches[:5]]
    kept, seen = LIGHT.tint(0.28), LIGHT.accent
    assert all(map(same_color, now, [seen, seen, seen, kept, kept]))
    assert "position 8\ngoes to slot\n8 mod 5 = 3" in texts(circle)
    assert rows.get_ylim() == (8, 0)


def test_states_of_slots_by_hand():
    held = np.array([[0, 1, -1, NO_SLOT], [4, 1, 2, 3]])
    assert states(held, np.array([2, 5]), 3).tolist() == [[3, 3, 1, 0], [3, 2, 3, 3]]


def test_memory_is_in_megabytes():
    (axes,) = drawn("memory")
    assert widths(axes) == [4, 10]
    assert "This run's ring: 4 MB\n(4 slots, 2 heads, float32)" in texts(axes)


def test_attention_hides_what_comes_later_and_marks_window_and_answer():
    axes, scale = drawn("attention")
    image = axes.images[0].get_array()
    assert np.ma.getmaskarray(image).tolist() == (~np.tri(8, dtype=bool)).tolist()
    assert image[5, 2] == pytest.approx(VIEWS["attention"].weights[5, 2])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(PLAIN)
    window, across, down = axes.lines
    assert window.get_xydata().tolist() == [[-0.5, 4.5], [2.5, 7.5]]
    assert across.get_ydata()[0] == down.get_xdata()[0] == 5.5
    assert scale.get_ylabel() == "share of the query's attention"


def test_a_long_text_is_drawn_by_its_links():
    view = VIEWS["links"]
    axes, _ = drawn("links")
    (dots,) = [c for c in axes.collections if isinstance(c, PathCollection)]
    links = view.looks_at
    wanted = {
        (float(key), float(query)): float(links.weights[query, i])
        for query, i in np.argwhere(links.positions >= 0)
        for key in [links.positions[query, i]]
    }
    found = dict(zip(map(tuple, dots.get_offsets()), dots.get_array(), strict=True))
    assert found == pytest.approx(wanted)


def test_tokens_are_lettered_only_where_they_fit():
    axes, _ = figure(attention(PLAIN * 10)).axes
    assert "␣t1" not in texts(axes)
    assert axes.get_xlim() == (-0.5, 79.5)


def test_a_layer_is_a_field_for_each_head():
    heads = drawn("layer")[:4]
    assert [axes.get_title(loc="left") for axes in heads] == [
        f"head {n}" for n in range(4)
    ]
    assert all(axes.images[0].norm.vmax == 1 for axes in heads)


def test_groups_are_framed():
    axes = drawn("head_groups")[0]
    frames = [line.get_xydata() for line in axes.lines]
    assert [(f.min(), f.max()) for f in frames] == [(-0.5, 1.5), (1.5, 3.5)]
    assert f"{VIEWS['head_groups'].likeness[0, 1]:.2f}" in texts(axes)


def test_the_clearest_heads_are_ringed():
    view = VIEWS["head_finder"]
    previous, induction = drawn("head_finder")[:2]
    layer, head, share = view.strongest("previous_token")
    assert previous.lines[0].get_xydata().tolist() == [[head, layer]]
    assert f"L{layer} H{head}: {share:.0%}" in texts(previous)
    assert not induction.lines  # nothing repeats, so no head is the clearest


def test_what_is_cut_is_shown_by_head_and_along_the_text():
    heads, text, _ = drawn("mass_cut")
    assert np.allclose(heads.images[0].get_array(), VIEWS["mass_cut"].by_head)
    assert text.lines[0].get_xdata()[0] == 2.5
    assert "window of 3 is full" in text.get_title(loc="left")


def test_a_rollout_ends_where_the_window_does():
    axes, _ = drawn("rollout")
    assert axes.images[0].get_array().shape == (2, 8)
    edge = axes.lines[0].get_xydata()
    assert edge.tolist() == [[2.5, -0.5], [2.5, 0.5], [-0.5, 0.5], [-0.5, 1.5]]


def test_a_lens_is_bold_where_a_layer_is_right():
    axes = drawn("logit_lens")[0]
    bold = [text.get_position() for text in axes.texts if text.get_weight() == "bold"]
    assert bold == [(1, 2)]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["embedding", "0", "1"]


def test_windows_are_compared_in_three_panels():
    loss, change, greedy = drawn("what_if")
    assert widths(loss) == pytest.approx(bits(np.array([3, 2, 2.5])))
    assert widths(change) == pytest.approx(bits(np.array([0.5, 0, 0.25])))
    assert widths(greedy) == [1, 2, 0]
    assert texts(greedy).count(" not tried") == 1
    names = [label.get_text() for label in loss.get_yticklabels()]
    assert names == ["2", "4, this run", "8 (all)"]


def test_salience_points_up_for_and_down_against():
    (axes,) = drawn("salience")
    bars = {
        bar.get_x() + bar.get_width() / 2: (bar.get_height(), bar.get_hatch())
        for bar in axes.patches
    }
    hatches = {round(at): hatch for at, (_, hatch) in bars.items()}
    assert hatches == {0: "", 1: "///", 3: "", 6: "///", 7: ""}
    heights = {round(at): height for at, (height, _) in bars.items()}
    nats = {0: 0.5, 1: -0.25, 3: 1, 6: -2, 7: 0.125}
    assert heights == pytest.approx({at: bits(each) for at, each in nats.items()})
    assert axes.lines[1].get_xdata()[0] == 2.5


def test_likeness_has_its_zero_in_the_middle():
    axes = drawn("keys")[0]
    image = axes.images[0]
    assert (image.norm.vmin, image.norm.vmax) == (-1, 1)
    assert same_color(image.cmap(0.5), LIGHT.diverging(0.5))


def test_a_window_that_does_not_bind_is_not_drawn():
    axes, _ = figure(replace(VIEWS["attention"], sliding_window=8)).axes
    assert len(axes.lines) == 2  # where the answer begins
