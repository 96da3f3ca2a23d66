"""What takes long, on one line of standard error that is written over."""

import sys


class StatusLine:
    """Shows a line at a time, on a terminal only."""

    def __init__(self) -> None:
        self._width = 0

    def show(self, message: str, fraction: float | None = None) -> None:
        """Show what happens, and the fraction done in 0..1; "" clears the line."""
        line = message if fraction is None else f"{message} {fraction:.0%}"
        if sys.stderr.isatty() and (line or self._width):
            padded = line.ljust(self._width)
            print(f"\r{padded}\r{line}", end="", file=sys.stderr, flush=True)
            self._width = len(line)
