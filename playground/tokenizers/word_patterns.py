r"""How byte-level BPE cuts a text into words, by the names that llama.cpp gives them.

The patterns stand as the models' own files spell them. A file may only name one of
these: a pattern of somebody else's could be made to take forever.
"""

from typing import Literal, get_args

from tokenizers import Regex, pre_tokenizers

PreTokenizer = Literal["gpt-2", "smollm", "llama-bpe", "qwen2", "tekken"]
PRE_TOKENIZERS: tuple[PreTokenizer, ...] = get_args(PreTokenizer)

_LLAMA_BPE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
PATTERNS: dict[PreTokenizer, str] = {
    "llama-bpe": _LLAMA_BPE,  # up to three digits
    "qwen2": _LLAMA_BPE.replace("{1,3}", ""),  # each digit alone
    "tekken": (  # a capital letter begins a word
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+"
        rf"|[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*"
        r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


def name_of_pattern(pattern: object) -> PreTokenizer | None:
    """Which of them has this pattern, if any."""
    return next((name for name, known in PATTERNS.items() if known == pattern), None)


def word_cutter(name: PreTokenizer) -> pre_tokenizers.PreTokenizer:
    """Cuts words and spells them in the letters of bytes.

    Raises:
        ValueError: No such name.
    """
    if name not in PRE_TOKENIZERS:
        raise ValueError(
            f"The pre-tokenizer must be one of {', '.join(PRE_TOKENIZERS)}, got {name}."
        )
    if name in PATTERNS:
        words = pre_tokenizers.Split(Regex(PATTERNS[name]), behavior="isolated")
        letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return pre_tokenizers.Sequence([words, letters])
    words_and_letters = pre_tokenizers.ByteLevel(add_prefix_space=False)  # GPT-2's own
    digits = [pre_tokenizers.Digits(individual_digits=True)] * (name == "smollm")
    return pre_tokenizers.Sequence([*digits, words_and_letters])
