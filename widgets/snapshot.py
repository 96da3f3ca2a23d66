"""How widgets look, and the picture of them that stays in a saved notebook."""

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import ipywidgets as w
from IPython.display import DisplayHandle, display

NO_KERNEL = "This is how it looked when the notebook was saved; run its cell to use it."


@cache
def style_tag() -> str:
    """The widgets' stylesheet."""
    css = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return f"<style>{css}</style>"


class Snapshot:
    """A widget that leaves a static picture of itself under it.

    A saved notebook shows it where there is no kernel, and on GitHub; the live widget
    brings a style that hides its own, and no other. It is a display of its own,
    since a new value of the widget's own output would rebuild the widget
    while it is used.
    """

    _handles: tuple[DisplayHandle, ...] = ()

    @cached_property
    def _mark(self) -> str:
        """The class of its pictures; a later kernel's widget has another."""
        return f"playground-of-{uuid4().hex}"

    def style_html(self) -> str:
        """The stylesheet, and what hides its pictures as long as it is on the page."""
        hidden = f".{self._mark}, .jp-OutputArea-child:has(.{self._mark})"
        return f"{style_tag()}<style>{hidden} {{ display: none; }}</style>"

    def snapshot_html(self) -> str:
        """What is seen now, as HTML that needs no kernel."""
        raise NotImplementedError

    def update_snapshots(self) -> None:
        """Renew the pictures, wherever the widget was displayed; from any thread."""
        for handle in self._handles:
            handle.update(self._picture(), raw=True)

    def close(self) -> None:
        """Leave the page, with all that stands in it; the static picture stays."""
        self.update_snapshots()
        self._handles = ()
        close_all(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _ipython_display_(self, **_options: Any) -> None:
        bundle: Any = self._repr_mimebundle_()  # type: ignore[attr-defined]
        live = bundle[0] if isinstance(bundle, tuple) else bundle
        display({**live, "text/plain": repr(self)}, raw=True)
        handle = display(self._picture(), raw=True, display_id=True)
        self._handles = (*self._handles, handle)

    def _picture(self) -> Mapping[str, str]:
        inside = self.snapshot_html()
        note = f"<p><small>{NO_KERNEL}</small></p>" if inside else ""
        return {
            "text/html": f'<div class="{self._mark}">{inside}{note}</div>',
            "text/plain": "",
        }


def close_all(widget: Any) -> None:
    """Close a widget and all in it, layouts and styles too: each is one of its own.

    ipywidgets keeps every widget that is open, here and in the page.
    """
    for name in widget.keys:
        value = getattr(widget, name)
        for part in value if isinstance(value, tuple | list) else [value]:
            if isinstance(part, w.Widget):
                close_all(part)
    w.Widget.close(widget)
