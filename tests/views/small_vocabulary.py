"""A byte-level vocabulary for views: two special tokens, every byte, a few words."""

from playground.tokenizers import ByteLevelBPETokenizer
from playground.tokenizers.byte_level_bpe import byte_letters

END, USER = 0, 1
_MERGES = [("l", "o"), ("lo", "w"), ("Ġ", "low"), ("a", "b"), ("Ã", "©")]
LOW, SPACE_LOW, AB = 259, 260, 261


def small_vocabulary() -> ByteLevelBPETokenizer:
    """Byte b is the id 2 + b."""
    tokens = ["<|end|>", "<|user|>", *byte_letters(), *map("".join, _MERGES)]
    return ByteLevelBPETokenizer(
        tokens, _MERGES, special_token_ids=[END, USER], end_token_id=END
    )


def byte(letter: str) -> int:
    """The id of a one-byte character."""
    return 2 + ord(letter)
