"""Of several things that were asked for, only the latest is shown."""

import threading


class Latest:
    """Numbers what begins, from 1; safe to use from several threads."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._number = 0

    @property
    def number(self) -> int:
        """That of the latest; 0 before there is one."""
        return self._number

    def begin(self) -> int:
        """The number of one more, which is the latest from now on."""
        with self._changing:
            self._number += 1
            return self._number
