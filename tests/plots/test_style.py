"""Colours that say the same to every eye, and letters that every font has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.cbook import is_math_text
from matplotlib.font_manager import findfont, get_font

from playground.plots.lettering import FONT, MONO, printable
from playground.plots.running_text import flow
from playground.plots.style import Style, lightness, style_for

STYLES = [
    style_for(dark=dark, narrow=narrow)
    for dark in (False, True)
    for narrow in (False, True)
]


def contrast(one: str, other: str) -> float:
    """WCAG 2's, from 1 to 21, from the luminance that the lightness stands for."""

    def luminance(color: str) -> float:
        star = lightness(color)
        return ((star + 16) / 116) ** 3 if star > 8 else star / 903.3

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_lightness_of_known_colors():
    known = {"#000000": 0, "#ffffff": 100, "#ff0000": 53.2, "#777777": 50.0}
    for color, wanted in known.items():
        assert lightness(color) == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("style", STYLES)
def test_a_ramps_lightness_is_even(style: Style):
    levels = np.array([lightness(style.ramp(at)) for at in np.linspace(0, 1, 33)])
    steps = np.diff(levels)
    assert (np.sign(steps) == np.sign(steps[0])).all()
    straight = np.linspace(levels[0], levels[-1], 33)
    assert np.abs(levels - straight).max() < 2
    assert abs(levels[-1] - levels[0]) > 70
    assert abs(levels[0] - lightness(style.paper)) < 1


@pytest.mark.parametrize("style", STYLES)
def test_a_change_is_the_stronger_the_further_from_the_middle(style: Style):
    levels = np.array([lightness(style.diverging(at)) for at in np.linspace(0, 1, 33)])
    away = np.abs(levels - lightness(style.paper))
    assert (np.diff(away[16:]) > 0).all()
    assert (np.diff(away[:17]) < 0).all()


@pytest.mark.parametrize("style", STYLES)
def test_words_can_be_read(style: Style):
    assert contrast(style.ink, style.paper) > 7
    assert contrast(style.muted, style.paper) > 4.5
    for at in np.linspace(0, 1, 21):
        fill = style.tint(at)
        assert contrast(style.over(fill), fill) > 4.5


@pytest.mark.parametrize("style", STYLES)
def test_accent_and_its_tint_differ_without_color(style: Style):
    assert abs(lightness(style.accent) - lightness(style.tint(0.28))) > 30


@given(st.text(), st.integers(2, 60))
def test_any_text_can_be_lettered(text: str, limit: int):
    told = printable(text, limit)
    glyphs = [get_font(findfont(name)).get_charmap() for name in (FONT, MONO)]
    assert all(ord(c) in chars for c in told for chars in glyphs)
    assert len(told.replace(r"\$", "$")) <= limit
    assert not is_math_text(told)


def test_hostile_text_is_told():
    assert printable("a\x00\u202e", 40) == "a<U+0000><U+202E>"
    assert printable("漢") == "<U+6F22>"
    assert printable("$x$") == r"\$x\$"
    assert printable("x" * 10**6) == "x" * 15 + "…"


def test_text_flows_in_lines():
    assert flow((3, 4, 3, 5), 8) == [(0, 0), (0, 3), (1, 0), (1, 3)]
    assert flow((14, 1), 4) == [(0, 0), (1, 0)]
