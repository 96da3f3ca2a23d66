"""`/candidates`, `/tokenize`, `/window` and `/score`, as programs call them."""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from gradio_client.exceptions import AppError

from playground.engine.compilation import keep_programs
from playground.models import MistralCausalLM
from playground.session import MAX_PROMPT_CHARACTERS
from tests.scripted import Scripted
from tests.web.conftest import open_page

ROOT = Path(__file__).parents[2]
QUESTIONS = ("candidates", "tokenize", "window", "score")
EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs/endpoints.md").read_text(), re.S
)


@pytest.fixture(scope="module")
def model():
    keep_programs()
    folder = ROOT / "assets/presets/shakespeare_mistral"
    return MistralCausalLM.from_preset(str(folder), dtype="float32")


@pytest.fixture(scope="module")
def page(model):
    """A page whose engine has a real model, and writes what its script says."""
    scripted = Scripted(model=model)
    tokenizer = model.text_preprocessor.tokenizer
    scripted.answer = tuple("I am")
    tokenizer.id_of = tokenizer.token_to_id
    scripted.allow(None)
    page = open_page(scripted)
    yield page
    del tokenizer.id_of
    page.demo.close(verbose=False)


@pytest.fixture(scope="module")
def ask(page):
    client = page.client()

    def predict(name, *texts, **values):
        return client.predict(*texts, **values, api_name=f"/{name}")

    return predict


def test_the_page_offers_five_endpoints_and_says_what_each_gives(page):
    client = page.client()
    offered = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert set(offered) == {f"/{name}" for name in ("generate", *QUESTIONS)}
    for name in QUESTIONS:
        endpoint = offered[f"/{name}"]
        assert len(endpoint["description"]) > 100
        assert endpoint["returns"][0]["type"]["type"] == "object"
    # MCP calls its tools by the functions' names.
    assert {each.name for each in page.demo.fns.values()} >= set(QUESTIONS)


def test_tokens_have_ids_names_and_bytes(ask):
    found = ask("tokenize", "I am é")
    assert found["tokens"] == ["<s>", "I", "␣am", "␣", "<0xC3>", "<0xA9>"]
    assert found["bytes"] == ["", "49", "20 61 6d", "20", "c3", "a9"]
    assert len(found["token_ids"]) == 6


def test_the_window_says_what_the_last_token_sees(ask):
    seen = ask("window", "ROMEO:\nI am", sliding_window=2)
    # 9 tokens; 5 layers with a window of 2 reach 5 back: 8 and 7, then 6 to 3.
    assert seen["num_tokens"] == 9
    assert (seen["directly"], seen["through_layers"], seen["not_at_all"]) == (2, 4, 3)
    assert seen["sliding_window"] == 2
    assert "sees 2 tokens directly (positions 7 and 8)" in seen["words"]
    rows = [dict(zip(seen["columns"], row, strict=True)) for row in seen["rows"]]
    assert rows[2]["seen by the next token"] == "not at all"
    assert [row["layers needed"] for row in rows[3:]] == [5, 4, 3, 2, 1, 1]


def probabilities(model, text):
    """Of each next token [T, V], by the model as it is trained."""
    ids = np.array([model.text_preprocessor.prompt_ids(text)])
    logits = np.float64(model.score(ids, scoring_mode="logits"))[0]
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return ids[0], weights / weights.sum(-1, keepdims=True)


def test_candidates_are_those_of_the_model_and_of_the_chain(ask, model):
    _, expected = probabilities(model, "ROMEO:\nI am")
    found = ask(
        *("candidates", "ROMEO:"),
        **{"text": "\nI am", "chat": False, "top_n": 4, "seed": 7},
        **{"sampler": "top_k", "top_k": 3, "temperature": 1},
    )
    likeliest = np.argsort(-expected[-1])[:4]
    rows = found["candidates"]
    assert [row["token_id"] for row in rows] == likeliest.tolist()
    before, after = ([row[name] for row in rows] for name in ("before", "after"))
    assert before == pytest.approx(expected[-1][likeliest], rel=1e-3)
    three = expected[-1][likeliest[:3]]
    assert after == pytest.approx([*(three / three.sum()), 0], rel=1e-3)
    assert found["stages"][-1]["tokens"] == 3
    assert found["stages"][-1]["probability"] == pytest.approx(three.sum(), rel=1e-3)
    assert found["drawn"] in [row["token"] for row in rows[:3]]
    assert found["seed"] == 7


def test_a_score_is_what_the_model_gives_to_each_token(ask, model):
    ids, expected = probabilities(model, "ROMEO:\nI am dead.")
    found = ask("score", "ROMEO:\n", "I am dead.", chat=False)
    rows = found["tokens"]
    assert [row["token"] for row in rows] == ["I", "␣am", "␣dead", "."]
    before = len(ids) - 4
    for at, row in enumerate(rows, start=before):
        own = expected[at - 1]
        assert row["surprisal"] == pytest.approx(-math.log(own[ids[at]]), rel=1e-3)
        assert row["rank"] == 1 + (own > own[ids[at]]).sum()
        assert row["entropy"] == pytest.approx(-(own * np.log(own)).sum(), rel=1e-3)
    assert (found["num_tokens"], found["num_bytes"]) == (4, 10)
    nats = sum(row["surprisal"] for row in rows)
    assert found["surprisal"] == pytest.approx(nats)
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / 10)


def test_a_narrow_window_changes_candidates_and_scores(ask):
    for sent in (("candidates", "ROMEO:\nI am"), ("score", "ROMEO:\n", "I am dead.")):
        more = {"chat": False, **({"seed": 1} if sent[0] == "candidates" else {})}
        assert ask(*sent, **more) != ask(*sent, **more, sliding_window=2)


def test_a_token_that_is_part_of_the_prompt_too_counts_whole(ask):
    found = ask("score", "I a", "m", chat=False)
    assert [row["token"] for row in found["tokens"]] == ["␣am"]
    assert found["num_bytes"] == 3


LONG = "a" * (MAX_PROMPT_CHARACTERS + 1)


@pytest.mark.parametrize(
    ("name", "texts", "sent", "words"),
    [
        ("tokenize", [7], {}, "`text` must be text, got int"),
        ("tokenize", [None], {}, "`text` must be text, got NoneType"),
        ("tokenize", [LONG], {}, "at most 100,000 are read"),
        ("window", ["a"], {"sliding_window": 0}, "`sliding_window` must be"),
        ("window", ["a"], {"sliding_window": 65}, "from 1 to the model's own 64"),
        ("window", ["a"], {"sliding_window": "wide"}, "`sliding_window` must be"),
        ("window", ["a" * 9000], {}, "1 to 8,192 tokens, got 9,001"),
        ("candidates", ["a" * 9000], {}, "1 to 8,192 tokens, got 9,001"),
        ("candidates", ["a", ["b"]], {}, "`text` must be text, got list"),
        ("candidates", ["a"], {"top_n": 0}, "`top_n` must be a whole number from 1"),
        ("candidates", ["a"], {"top_n": 10**9}, "`top_n` must be a whole number from"),
        ("candidates", ["a"], {"top_n": "many"}, "`top_n` must be a whole number"),
        ("candidates", ["a"], {"temperature": -1}, "`temperature` must be a number"),
        ("candidates", ["a"], {"sampler": "beam"}, "Choose another sampler"),
        ("candidates", ["a"], {"banned_tokens": [99_999]}, "must be in the vocabulary"),
        ("candidates", ["a"], {"logit_bias": [[99_999, 1.0]]}, "in the vocabulary"),
        ("candidates", ["a"], {"chat": True}, "no chat template"),
        ("score", ["a", ""], {}, "no token to be scored"),
        ("score", ["", ""], {}, "no token to be scored"),
        ("score", [LONG, "a"], {}, "`prompt` has 100,001 characters"),
        ("score", ["a", {"b": 1}], {}, "`continuation` must be text, got dict"),
    ],
)
def test_bad_input_is_refused_in_words(ask, name, texts, sent, words):
    if name in ("candidates", "score"):
        sent = {"chat": False} | sent
    with pytest.raises(AppError) as refusal:
        ask(name, *texts, **sent)
    assert words in str(refusal.value)
    assert ask("tokenize", "I")["tokens"] == ["<s>", "I"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tokenize", ["a\ud800"]),
        ("window", ["a\ud800", None]),
        ("score", ["a", "\ud800", None, False]),
    ],
)
def test_half_a_character_is_refused_and_the_page_lives(page, ask, name, values):
    """The client cannot send one; whoever writes the request by hand can."""
    address = f"{page.url}gradio_api/call/{name}"
    sent = httpx.post(
        address,
        content=json.dumps({"data": values}),
        headers={"content-type": "application/json"},
    )
    told = httpx.get(f"{address}/{sent.json()['event_id']}", timeout=30).text
    assert "event: error" in told
    assert "lone surrogate (U+D800)" in told
    assert ask("tokenize", "I")["tokens"] == ["<s>", "I"]


def test_a_model_that_still_loads_is_said_so(page_for, scripted):
    scripted.model = None
    scripted.status = SimpleNamespace(
        phase="loading", message="Downloading", fraction=0.5
    )
    client = page_for(scripted).client()
    with pytest.raises(AppError, match="not there yet: Downloading"):
        client.predict("a", api_name="/tokenize")


def test_the_examples_in_the_documents_run(page):
    said = []
    known = {"print": lambda *values: said.append(values)}
    assert len(EXAMPLES) == 6
    for example in EXAMPLES:
        exec(example.replace("http://127.0.0.1:7860", page.url), known)
    assert len(said) > 20
