"""Standard output and error as they are: narrow, redirected, or closed by their reader.

A start imports this before the packages are known to be there.
"""

import contextlib
import io
import os
import sys


def write_any_text() -> None:
    r"""What the console's encoding lacks is written as \u6771, instead of an error.

    Models write in all scripts, and a redirected console of Windows knows cp1252 alone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Nothing more is written: the reader of the output left, as `head` does.

    Python would complain at its end of what it could not write.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
