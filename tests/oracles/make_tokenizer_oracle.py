"""Makes smollm2_tokenizer.json: what llama.cpp makes of many texts.

llama.cpp is the oracle because it reads the pre-tokenizer "smollm" from the file;
transformers ignores it when it loads a GGUF and does not split digits. It comes as
prebuilt code in an npm package:

    npm install --ignore-scripts node-llama-cpp@3.22.1      (in some folder)
    python tests/oracles/make_tokenizer_oracle.py THAT_FOLDER MODEL.gguf
"""

import json
import random
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import fs from "node:fs";
import {getLlama} from "node-llama-cpp";
const [model_path, texts_path] = process.argv.slice(2);
const llama = await getLlama({build: "never", gpu: false, logLevel: "error"});
const model = await llama.loadModel({modelPath: model_path, vocabOnly: true});
const texts = JSON.parse(fs.readFileSync(texts_path, "utf8"));
fs.writeFileSync("answers.json", JSON.stringify({
    node_llama_cpp: JSON.parse(
        fs.readFileSync("node_modules/node-llama-cpp/package.json")).version,
    llama_cpp: llama.llamaCppRelease,
    adds_start_token: model.tokens.shouldPrependBosToken,
    ids: texts.map((text) => [...model.tokenize(text, false)]),
    special_ids: texts.map((text) => [...model.tokenize(text, true)]),
}));
process.exit(0);
"""

_BY_HAND = [
    "Hello world",
    "What is gravity?",
    " leading space",
    "trailing space ",
    "  two  spaces  here  ",
    "1",
    "12345",
    " 1",
    "  1",
    "   12  34 ",
    "3.14159 and 2,718,281",
    "a1b2c3",
    "x = 10; y=20\n",
    "2024-01-31T12:34:56Z",
    "٣٤٥ ½ Ⅷ 一二三 ๑๒๓ ²³",
    "0x1F 1e-10 +49 (0)30",
    "I'm you're we've they'll he'd it's DON'T I'M",
    "'s 't 're",
    "Tabs\tand\t\ttabs",
    "line\nline\n\nline\n\n\n",
    "\r\nwindows\r\n",
    " \n \n",
    "\n\n  indented\n    more",
    "def f(x):\n    return x**2  # square\n",
    "for (int i = 0; i < n; ++i) { a[i] += 1; }",
    "<html><body class='x'>&amp;</body></html>",
    "https://example.org/a/b?c=d&e=f#g",
    "$100.50 €20 £3 ¥4",
    "!!! ??? ... --- ___ ***",
    "(a)[b]{c}<d>",
    "äöüß ÄÖÜ éèê ñ ç ø å",
    "e\u0301 combining a\u0308\u0301",
    "Привет, мир! Как дела?",
    "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "こんにちは世界、元気ですか。",
    "你好\uff0c世界\uff01",
    "안녕하세요 세계",
    "😀 😃😄 👍🏽 👨‍👩‍👧‍👦 🇩🇪",
    "\u00a0non-breaking\u00a0space\u2003em\u3000wide",
    "zero\u200bwidth\u200djoin\ufeffbom",
    "\u2028line\u2029paragraph",
    "NUL\x00inside",
    "\x01\x02\x03\x05\x07\x08\x0b\x0c\x0e\x1b\x7f",
    "\x85 \x9f",
    "MiXeD CaSe CamelCase snake_case kebab-case",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Ġ Ċ ▁ are letters here",
    "antidisestablishmentarianism",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|><|im_end|><|endoftext|>",
    "a <|im_end|> b",
    " <|im_end|>  ",
    "<|im_end",
    "|im_end|>",
    "<repo_name>x<file_sep>y<empty_output>",
    "<|IM_END|> <|im_end |>",
    "1<|im_end|>2",
]
_POOLS = [
    "abcdefghijklmnopqrstuvwxyz     ",
    "ABC abc 0123456789 .,;:!?'\"()",
    " \t\n\r",
    " 0123456789",
    "'stremvld SLT",
    "äöüéàñçøÅßœ ",
    "абвгд еёжз ЁЖ",
    "αβγδ εζηθ",
    "漢字仮名交じり文。、 ",
    "가나다 라마바 ",
    "अआइई \u093e\u0940\u0941\u094d ",
    "ابتث جحخ \u064b\u064e ",
    "😀😁😂🤣👍🏽\u200d🇩🇪 ",
    "²³¹½⅓Ⅷ٣४๔ 1a",
    "+-*/=<>|&^%$#@!~`\\ a",
    "\u00a0\u2002\u2003\u3000\u200b\u2028 ab1",
    "{}[]();\n    =x1",
    "<|im_startend>\n ",
]


def texts() -> list[str]:
    """The same texts each time."""
    draw = random.Random(0)
    drawn = [
        "".join(draw.choices(pool, k=draw.randint(1, 40)))
        for pool in _POOLS
        for _ in range(10)
    ]
    mixed = ["".join(draw.choices("".join(_POOLS), k=30)) for _ in range(60)]
    return _BY_HAND + drawn + mixed


def main(folder: Path, model: Path) -> None:
    (folder / "texts.json").write_text(json.dumps(texts()))
    (folder / "tokenize.mjs").write_text(SCRIPT)
    command = ["node", "tokenize.mjs", str(model.absolute()), "texts.json"]
    subprocess.run(command, cwd=folder, check=True)
    answers = json.loads((folder / "answers.json").read_text())
    rows = zip(texts(), answers["ids"], answers["special_ids"], strict=True)
    stored = {
        "made_by": "tests/oracles/make_tokenizer_oracle.py",
        "node-llama-cpp": answers["node_llama_cpp"],
        "llama.cpp": answers["llama_cpp"],
        "model": model.name,
        "rows": ["text", "ids", "ids when special tokens in the text count"],
    }
    head = json.dumps(stored, indent=1)[:-2]
    lines = ",\n".join(json.dumps(row) for row in rows)
    target = Path(__file__).with_name("smollm2_tokenizer.json")
    target.write_text(f'{head},\n "texts": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
