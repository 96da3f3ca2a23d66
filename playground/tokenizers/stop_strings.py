"""Stops that are text, found across token borders while the text streams."""

from collections.abc import Sequence


class StopScanner:
    r"""Lets text through up to the first stop; holds back what may begin one.

    The stop that is complete first counts, and of those the longest, so it does not
    matter into which pieces the text is cut. With the stop "\n\n":

        pushed    let through    held back
        "a\n"     "a"            "\n"
        "b\n"     "\nb"          "\n"
        "\nc"     ""             found

    Attributes:
        found: The stop, once it was found; "" before.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.found = ""
        self._stops = [stop for stop in stops if stop]
        self._held = ""

    def push(self, text: str) -> str:
        """What may be shown now; nothing after a stop."""
        if self.found:
            return ""
        self._held += text
        places = [
            (place + len(stop), place, stop)
            for stop in self._stops
            if (place := self._held.find(stop)) >= 0
        ]
        if places:
            _, place, self.found = min(places)
            return self._let_through(place)
        return self._let_through(len(self._held) - self._may_begin())

    def pass_by(self) -> str:
        """Let the stop that was found through, and look for the next behind it.

        Gives what may be shown now.
        """
        shown = self._let_through(len(self.found))
        self.found = ""
        return shown + self.push("")

    def flush(self) -> str:
        """The rest that was held back: no more text comes."""
        return "" if self.found else self._let_through(len(self._held))

    def _may_begin(self) -> int:
        """How many characters at the end could be the beginning of a stop."""
        return max(
            (
                length
                for stop in self._stops
                for length in range(1, len(stop))
                if self._held.endswith(stop[:length])
            ),
            default=0,
        )

    def _let_through(self, length: int) -> str:
        shown, self._held = self._held[:length], self._held[length:]
        return shown
