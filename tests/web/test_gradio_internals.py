"""What the page takes from Gradio beside its documented interface."""

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import gradio.context
from gradio_client import Client

from playground.web import gradio_internals
from playground.web.gradio_internals import Caller, caller, data_of
from tests.web.conftest import serve


def test_it_is_there_in_the_version_that_is_pinned():
    """The address and the session of a call, and what a script sends with an event."""
    assert gr.__version__ == "6.31.0", "Look at `gradio_internals` again."
    seen = []

    def ask(text: str) -> str:
        seen.append(caller())
        return text

    with gr.Blocks() as demo:
        gr.api(ask, api_name="ask")
    try:
        Client(serve(demo), verbose=False).predict("a", api_name="/ask")
    finally:
        demo.close(verbose=False)
    ((request, event),) = seen
    assert request.client.host == "127.0.0.1"
    assert isinstance(request.session_hash, str)
    assert isinstance(event, str)
    assert data_of(gr.EventData(None, {"index": 3})) == {"index": 3}


def test_a_gradio_that_moved_it_costs_only_the_feature(monkeypatch):
    monkeypatch.delattr(gradio.context, "LocalContext")
    assert caller() == Caller(None, None)
    for event in (SimpleNamespace(), SimpleNamespace(_data=7), None):
        assert data_of(event) == {}


def test_nothing_else_on_the_page_names_them():
    for file in Path(gradio_internals.__file__).parent.glob("*.py"):
        if file.stem != "gradio_internals":
            text = file.read_text(encoding="utf-8")
            assert "LocalContext" not in text
            assert "._data" not in text
