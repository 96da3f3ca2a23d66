"""What stays of a widget in a saved notebook."""

import re
from typing import Any

import pytest

from tests.scripted import ANSWER
from widgets import snapshot

LIVE = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def displayed(monkeypatch):
    """What was displayed: bundles in order; a later value of one takes its place."""
    bundles: list[dict[str, Any]] = []

    class Handle:
        def __init__(self, number):
            self.number = number

        def update(self, bundle, raw):
            assert raw
            bundles[self.number] = bundle

    def display(bundle, *, raw, display_id=False):
        assert raw
        bundles.append(bundle)
        return Handle(len(bundles) - 1) if display_id else None

    monkeypatch.setattr(snapshot, "display", display)
    return bundles


def test_the_panel_leaves_its_last_state_beside_itself(panel, scripted, displayed):
    panel._ipython_display_()
    live, picture = displayed
    assert LIVE in live
    assert live["text/plain"] == "<PlaygroundPanel>"
    assert "Ready" in picture["text/html"]
    scripted.allow(None)
    panel.generate("<Hello>", chat=False, strip_prompt=False)
    assert panel.join(60)
    assert displayed[0] is live  # the widget itself is not built anew
    html = displayed[1]["text/html"]
    assert f"&lt;Hello&gt;{''.join(ANSWER)}" in html
    assert "Stopped: end token" in html
    assert html.count('<img class="" width="720" alt="Kept 2 of 100 tokens') == 1
    assert "<style" not in html


def test_every_display_of_a_panel_is_renewed(panel, scripted, displayed):
    panel._ipython_display_()
    panel._ipython_display_()
    scripted.allow(None)
    panel.generate("Hello", max_new_tokens=1)
    assert panel.join(60)
    assert displayed[1] == displayed[3]
    assert "word0" in displayed[3]["text/html"]


def test_a_live_widget_hides_its_own_picture_and_no_other():
    one, other = _Empty(), _Empty()
    (mark,) = re.findall('<div class="([^"]+)">', one._picture()["text/html"])
    hidden = f".{mark}, .jp-OutputArea-child:has(.{mark}) {{ display: none; }}"
    assert hidden in one.style_html()
    assert mark not in other.style_html() + snapshot.style_tag()
    assert mark not in other._picture()["text/html"]


def test_a_closed_panel_leaves_its_picture(panel, scripted, displayed):
    panel._ipython_display_()
    scripted.allow(None)
    panel.generate("Hello", max_new_tokens=1)
    assert panel.join(60)
    panel.close()
    html = displayed[1]["text/html"]
    assert "word0" in html
    assert "<img" in html
    panel.update_snapshots()
    assert displayed[1]["text/html"] is html


class _Empty(snapshot.Snapshot):
    def snapshot_html(self) -> str:
        return ""
