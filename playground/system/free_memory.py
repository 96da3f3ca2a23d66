"""How much memory this process may still take: the machine's, or its container's.

A container's limit is a control group's (cgroup): the kernel kills who goes over it,
without a word, however much the machine has left. Files of both versions are read:

    v2   /sys/fs/cgroup/PATH/memory.max, memory.high, memory.current
    v1   /sys/fs/cgroup/memory/PATH/memory.limit_in_bytes, memory.usage_in_bytes

PATH is in /proc/self/cgroup, and each group above it has limits of its own. Inside a
container the path may be one of the host's, which is not there: then the group that
is mounted is the container's.
"""

import ctypes
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
SCARCE_BYTES = 256 * 2**20
"""With less than this free, what is only kept for speed is given up."""
_LIMITS = {
    "memory.current": ("memory.max", "memory.high"),
    "memory.usage_in_bytes": ("memory.limit_in_bytes",),
}
"""By the file that says how much a group uses."""


def free_bytes() -> int:
    """Bytes that this process may still take before it would be killed or swap."""
    machine = psutil.virtual_memory().available
    return int(max(0, min([machine, *map(_room, _own_groups())])))


def held_bytes() -> int:
    """Bytes of memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def is_scarce() -> bool:
    """Whether so little is free that nothing should be kept only for speed."""
    return free_bytes() < SCARCE_BYTES


def give_back() -> None:
    """Return what the C heap holds, and nobody uses, to the system.

    glibc keeps the memory of a compilation, hundreds of MB; other heaps give theirs
    back by themselves.
    """
    if trim := _malloc_trim():
        trim(0)


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library or system
        return None


def _own_groups() -> Iterator[Path]:
    """The folders of the groups that this process is in, as far as they are there."""
    for line in _text(OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = GROUPS
        elif "memory" in controllers.split(","):
            root = GROUPS / "memory"
        else:
            continue
        group = Path(path.strip("/"))
        if ".." in group.parts:  # moved out of what this namespace shows
            group = Path()
        yield from (root / each for each in (group, *group.parents))


def _room(group: Path) -> float:
    """Bytes left below the limits of a group; infinite where it has none.

    Of what it uses, files that were read and can be dropped are still free.
    """
    rooms = [float("inf")]
    for used, limits in _LIMITS.items():
        in_use = _number(group / used)
        if in_use is None:
            continue
        held = in_use - _inactive_files(group)
        found = (_number(group / limit) for limit in limits)
        rooms += [limit - held for limit in found if limit is not None]
    return min(rooms)


def _inactive_files(group: Path) -> int:
    """Bytes of files in memory that nobody used lately, of groups below it too."""
    rows = dict(
        line.split(" ", 1) for line in _text(group / "memory.stat").splitlines()
    )
    return int(rows.get("total_inactive_file") or rows.get("inactive_file") or 0)


def _number(file: Path) -> int | None:
    """The number in a file; None where there is no such file, or it says "max"."""
    text = _text(file).strip()
    return int(text) if text.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except OSError:
        return ""
