"""What the page takes from Gradio beside its documented interface, all in one place.

Without it the page goes on: an event without data is refused in words, and who asks is
one unknown caller. A test names the version in which all of this was found.
"""

from importlib import import_module
from typing import Any, NamedTuple


class Caller(NamedTuple):
    """Who asks: the request, or None outside of one, and the name of the event."""

    request: Any = None
    event: str | None = None


def caller() -> Caller:
    """Who asked for what this thread does."""
    try:
        context = import_module("gradio.context").LocalContext
        return Caller(context.request.get(None), context.event_id.get(None))
    except (ImportError, AttributeError):  # another version moved it
        return Caller()


def data_of(event: Any) -> dict[str, Any]:
    """What a script of the page sent with an event, not checked yet; {} if nothing.

    `gr.EventData` gives single values as attributes alone, and fails for one that is
    not there.
    """
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}
