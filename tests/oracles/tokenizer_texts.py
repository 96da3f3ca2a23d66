"""Texts for comparing tokenizers: the same 2,365 each time."""

import random

from tests.oracles.make_tokenizer_oracle import texts

_SENTENCES = [
    "The quick brown fox jumps over the lazy dog, doesn't it?",
    "Le cœur a ses raisons que la raison ne connaît point ; voilà l'été à Genève.",
    "Der Fuß schmerzt über alle Maßen, sagte die Äbtissin.",
    "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío, ¿no?",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "いろはにほへと ちりぬるを。カタカナと漢字も。",
    "天地玄黃,宇宙洪荒。日月盈昃,辰宿列張。",
    "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.",
    "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ إِذ بَزَغَت",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
    "Pchnąć w tę łódź jeża lub ośm skrzyń fig. Příliš žluťoučký kůň úpěl.",
    "Pijamalı hasta yağız şoföre çabucak güvendi. IĞDIR İZMİR",
    "Do bạch kim rất quý nên sẽ dùng để lắp vô xương.",
    "def f(x: int) -> str:\n\treturn f'{x!r:>10}'  # ok\n\nclass A(B):\n    pass\n",
    "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 1 << 3); return 0; }\n",
    "SELECT a.*, COUNT(1) FROM t AS a WHERE x >= 10 AND y != 'z' GROUP BY 1;",
    "<div class=\"row\"><a href='https://x.org/?q=1&amp;r=2'>link</a></div>",
    "{\"key\": [1, 2.5, -3e-7, null, true], \"nested\": {\"a\": \"\\u00e9\"}}",
    "$ curl -sSL https://example.org/install.sh | sudo bash -s -- --yes",
    "\\frac{\\partial f}{\\partial x} = \\sum_{i=0}^{\\infty} a_i x^i",
    "| a | b |\n|---|:-:|\n| 1 | **2** |\n\n- [ ] item\n  1. `code`\n",
]  # fmt: skip
_SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u3000", "\u200b"]
_MARKS = [
    "<s>", "</s>", "<unk>", "<pad>", "[INST]", "[/INST]", "[TOOL_CALLS]", "<0x0A>",
    "<0x00>", "<0xFF>", "▁", "▁▁", "[control_8]", "[IMG]", "<<SYS>>", "<|im_start|>",
    "<S>", "[inst]", "<s", "s>", "[INST", " ", "\n", "hi", "Hello", "é", "你",
]  # fmt: skip
# First code points of blocks of 128: scripts, symbols, emoji, private use, unassigned.
_BLOCKS = [
    0x80, 0x100, 0x180, 0x250, 0x300, 0x370, 0x400, 0x530, 0x590, 0x600, 0x700, 0x900,
    0x980, 0xA00, 0xB80, 0xC00, 0xD00, 0xE00, 0xF00, 0x1000, 0x10A0, 0x1200, 0x13A0,
    0x1780, 0x1E00, 0x1F00, 0x2000, 0x2080, 0x2100, 0x2190, 0x2200, 0x2300, 0x2460,
    0x2500, 0x2600, 0x2700, 0x2800, 0x3000, 0x3080, 0x3100, 0x3200, 0x4E00, 0x6000,
    0x9F00, 0xA000, 0xAC00, 0xD700, 0xE000, 0xF900, 0xFB00, 0xFE00, 0xFF00, 0xFF80,
    0x10000, 0x10400, 0x12000, 0x1D400, 0x1F100, 0x1F300, 0x1F600, 0x1F900, 0x20000,
    0xE0000, 0xF0000, 0x10FF80,
]  # fmt: skip


def varied_texts() -> list[str]:
    """Texts of many scripts and kinds, all different, none with a lone surrogate."""
    draw = random.Random(3)
    found = ["", *texts()]
    found += [chr(code) for code in range(0x100)]
    found += [f"a{chr(code)}b {chr(code)}" for code in (*range(0x20), *range(127, 160))]
    found += _SENTENCES
    for sentence in _SENTENCES:
        for _ in range(20):
            start, end = sorted(draw.choices(range(len(sentence) + 1), k=2))
            found.append(sentence[start:end])
    for block in _BLOCKS:
        letters = [chr(code) for code in range(block, block + 128)]
        letters = [letter for letter in letters if not "\ud800" <= letter <= "\udfff"]
        letters += [" "] * 10
        found += [
            "".join(draw.choices(letters, k=draw.randint(1, 12))) for _ in "12345678"
        ]
    found += ["".join(draw.choices(_MARKS, k=draw.randint(1, 6))) for _ in range(300)]
    for _ in range(250):
        words = draw.choices(" ".join(_SENTENCES).split(), k=draw.randint(1, 5))
        pieces = [word + draw.choice(_SPACES) * draw.randint(0, 2) for word in words]
        found.append(draw.choice(_SPACES) * draw.randint(0, 2) + "".join(pieces))
    for _ in range(150):
        number = draw.uniform(-1, 1) * 10 ** draw.randint(0, 15)
        form = draw.choice([",.2f", ".0f", "e", "+.3g", "015.4f", "_.1f", "%"])
        found.append(format(number, form))
    found += [draw.choice("a1 ✓▁é👍") * length for length in range(1, 80)]
    return list(dict.fromkeys(found))
