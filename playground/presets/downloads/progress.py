"""How far a download is, out of the progress bars of the hubs' own clients."""

import io
from typing import Any

from playground.system.progress import Progress


def bar_class(what: str, progress: Progress) -> type:
    """A class for the bars of a client. They draw nothing and tell `progress`.

    Args:
        what: What is downloaded, for the message.
        progress: Told the message, and the fraction done in 0..1.
    """

    # Every start comes by here, and few download anything.
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no thread of its own

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            drawing = {"file": io.StringIO(), "disable": False, "leave": False}
            super().__init__(*arguments, **settings | drawing)

        def display(self, *_arguments: Any, **_settings: Any) -> bool:
            # A client counts files, too, with bars of another unit.
            if self.unit == "B" and self.total:
                megabytes = f"{self.n / 1e6:.0f} of {self.total / 1e6:.0f} MB"
                done = min(self.n / self.total, 1.0)
                progress(f"Downloading {what}: {megabytes}", done)
            return True

    return Bar
