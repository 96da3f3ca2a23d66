"""Panels over a scripted engine: no model, no kernel, no browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from playground.models import MistralCausalLM, MistralCausalLMPreprocessor
from tests.conftest import tiny_model
from tests.scripted import Scripted
from tests.web.conftest import browser as browser
from tests.web.conftest import pytest_configure as pytest_configure
from widgets import PlaygroundPanel


@pytest.fixture(scope="session")
def model(preprocessor: MistralCausalLMPreprocessor) -> MistralCausalLM:
    """Small, random: window 7, two key/value heads, a head_dim of its own."""
    size = preprocessor.tokenizer.vocabulary_size()
    return MistralCausalLM(tiny_model(vocabulary_size=size).backbone, preprocessor)


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures have tests of their own, and take most of the time."""
    monkeypatch.setattr("playground.plots.picture", lambda *_, **__: b"\x89PNG")


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
