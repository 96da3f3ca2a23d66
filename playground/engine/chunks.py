"""How a prompt is cut into chunks of few sizes."""

from collections.abc import Iterator
from dataclasses import dataclass

CHUNKS = (32, 128)


@dataclass(frozen=True)
class Chunk:
    """`count` tokens from `start`, padded to `size`."""

    start: int
    count: int
    size: int


def plan_chunks(
    length: int, chunks: tuple[int, int] = CHUNKS, start: int = 0
) -> Iterator[Chunk]:
    """Cut a prompt into chunks of two sizes.

    Large ones first; the rest goes into one small chunk, two, or a padded large one,
    whichever is least work: 300 tokens -> 128, 128, 32 and 32 (of which 12 are real).
    """
    small, large = chunks
    while start < length:
        size = large if length - start > 2 * small else small
        count = min(size, length - start)
        yield Chunk(start, count, size)
        start += count
