"""Panels over a scripted engine: no model, no kernel, no browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.scripted import Scripted
from tests.web.conftest import pytest_configure as pytest_configure
from widgets import PlaygroundPanel


@pytest.fixture
def scripted() -> Scripted:
    """A scripted engine that is ready."""
    return Scripted()


@pytest.fixture
def panel_for() -> Iterator[Callable[..., PlaygroundPanel]]:
    """Makes panels and closes them after the test."""
    panels: list[PlaygroundPanel] = []

    def make(model: Any) -> PlaygroundPanel:
        panels.append(PlaygroundPanel(model))
        return panels[-1]

    yield make
    for panel in panels:
        panel.stop()
        panel.close()


@pytest.fixture
def panel(
    panel_for: Callable[..., PlaygroundPanel], scripted: Scripted
) -> PlaygroundPanel:
    """A panel over `scripted`."""
    return panel_for(scripted)
