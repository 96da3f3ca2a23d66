"""How widgets look, and the picture of them that stays in a saved notebook."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from IPython.display import DisplayHandle, display

NO_KERNEL = "This is how it looked when the notebook was saved; run its cell to use it."


@cache
def style_tag() -> str:
    """The widgets' stylesheet; it also hides the saved pictures of live widgets."""
    css = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return f"<style>{css}</style>"


class Snapshot:
    """A widget that leaves a static picture of itself under it.

    A saved notebook shows it where there is no kernel, and on GitHub; beside the live
    widget the stylesheet hides it. It is a display of its own, since a new value of the
    widget's own output would build the widget anew, under the person's hands.
    """

    _handles: tuple[DisplayHandle, ...] = ()

    def snapshot_html(self) -> str:
        """What is seen now, as HTML that needs no kernel."""
        raise NotImplementedError

    def update_snapshots(self) -> None:
        """Renew the pictures, wherever the widget was displayed; from any thread."""
        for handle in self._handles:
            handle.update(self._picture(), raw=True)

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
            "text/html": f'<div class="playground-snapshot">{inside}{note}</div>',
            "text/plain": "",
        }
