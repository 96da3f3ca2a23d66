"""Who comes next in a line: callers take turns, so that many of one's are in no way.

waiting  a a a b c    served  a b c a a    (a, b and c have nothing in work)
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import itemgetter
from typing import TypeVar

T = TypeVar("T")


def in_turns(
    waiting: Sequence[T], caller_of: Callable[[T], Hashable], active: Iterable[Hashable]
) -> list[T]:
    """`waiting` in the order in which it is served; `active` are callers, one a run.

    Who has least in work comes first, then who came first. What has no caller, None, is
    one of its own.
    """
    turns = Counter(active)
    ordered: list[tuple[int, T]] = []
    for each in waiting:
        caller = caller_of(each)
        ordered.append((0 if caller is None else turns[caller], each))
        turns[caller] += 1
    return [each for _, each in sorted(ordered, key=itemgetter(0))]
