"""The caches of texts that have ended, so that the next run reads only what is new.

Position p lies in slot p % S, so a cache can go back to an earlier position: what lies
behind it is seen by nobody until it is written over. Only what a full ring has written
over is gone.

Worked example: a ring of 11 slots, window 7, 15 tokens read. It holds 4 to 14.

    go back to 12    the token there sees 6 to 12: all in the ring
    go back to 9     it would see 3 to 9: 3 is gone, so the text is read anew
"""

import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import jax

from playground.engine.kv_cache import KVCache, RingPlan
from playground.system import free_memory

MAX_BYTES = 512 * 2**20


@dataclass(frozen=True, kw_only=True)
class KeptText:
    """A text's tokens and its cache.

    `written` is the end (exclusive) of all positions that were ever written, padding
    included. `logits` [1, V] are those after the first `num_read` tokens, the prompt.
    """

    token_ids: tuple[int, ...]
    cache: KVCache
    plan: RingPlan
    written: int
    window: int
    weights: list["weakref.ref[jax.Array]"]
    logits: jax.Array
    num_read: int

    def shared_with(
        self, prompt: Sequence[int], window: int, weights: Sequence[jax.Array]
    ) -> int:
        """How many tokens of `prompt` need not be read again.

        All of them only if this text began with just this prompt, as then the logits
        after it are known; else at least the last one is read.
        """
        same_weights = len(weights) == len(self.weights) and all(
            ref() is weight for ref, weight in zip(self.weights, weights, strict=True)
        )
        if window != self.window or not same_weights:
            return 0
        shared = _common(prompt, self.token_ids)
        if shared == len(prompt) and shared != self.num_read:
            shared -= 1
        windows = (self.plan.window(n, window) for n in range(len(self.cache.rings)))
        is_whole = all(
            self.written - ring.num_slots <= max(0, shared - seen + 1)
            for ring, seen in zip(self.cache.rings, windows, strict=True)
        )
        return shared if is_whole else 0

    @property
    def num_bytes(self) -> int:
        return sum(array.nbytes for array in jax.tree.leaves(self.cache))


class KeptTexts:
    """One text for each owner, bounded in bytes together; the oldest goes first.

    None is kept while memory is scarce.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._texts: OrderedDict[Hashable, KeptText] = OrderedDict()

    def take(self, owner: Hashable) -> KeptText | None:
        """The owner's text, which is not kept any longer: its cache gets used up."""
        return self._texts.pop(owner, None)

    def put(self, owner: Hashable, text: KeptText | None) -> None:
        """Keep a text, if there is one, in the place of the owner's older one."""
        if text is None:
            return
        self._texts.pop(owner, None)
        self._texts[owner] = text
        while self._texts and self.num_bytes > self._max_bytes:
            self._texts.popitem(last=False)
        self.make_room(free_memory.SCARCE_BYTES)

    def make_room(self, num_bytes: int) -> bool:
        """Let texts go until so many bytes are free; False if they never are."""
        while free_memory.free_bytes() < num_bytes:
            if not self._texts:
                return False
            self._texts.popitem(last=False)
        return True

    @property
    def num_bytes(self) -> int:
        return sum(text.num_bytes for text in self._texts.values())


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many items two sequences begin with alike."""
    pairs = zip(one, other, strict=False)
    return next(
        (i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other))
    )
