"""Requests by hand: each is answered or refused in words, and the page lives on."""

import gc
import os
import re
from collections.abc import Iterator
from itertools import cycle, islice

import pytest
import requests

from playground.web.gate import MAX_REQUEST, MAX_UPLOAD
from tests.hostile.raw_page import API, RawPage, Said

HOSTILE = (
    None,
    True,
    -1,
    float("inf"),
    10**400,
    [[1]],
    {"a": []},
    "\ud800",
    "x" * 20_000,
)
EVENTS = (
    None,
    [],
    "x",
    {},
    {"index": 10**30, "prompt": 1, "value": ["Heads"]},
    {"token": -5, "step": 1.0, "what": {"run": 1}, "index": -1, "value": "Heads"},
)
FILE = {"meta": {"_type": "gradio.FileData"}}
BY_ACCIDENT = re.compile(
    r"Traceback|File \"|unhashable|object is not|has no attribute|too large to"
    r"|recursion|indices must|not supported between|KeyError|positional argument"
    r"|unexpected keyword|SimpleNamespace|/site-packages/"
)
"""What Python says of a mistake of the program's own."""


@pytest.fixture(scope="module")
def page() -> Iterator[RawPage]:
    page = RawPage()
    page.engine.answer = page.engine.answer[:3]
    yield page
    page.demo.close(verbose=False)
    vars(page).clear()  # its loops and sockets go while their warnings are ignored
    gc.collect()


@pytest.fixture(scope="module")
def names(page: RawPage) -> list[str]:
    return list(page.functions)


def check_words(said: Said, *sent: object) -> None:
    assert said.status in (200, 400, 404, 413, 422, 500), sent
    assert not BY_ACCIDENT.search(said.text), (sent, said.text[-400:])
    assert len(said.error) < 5000
    assert said.status == 200 or said.text.startswith("{"), (sent, said.text)
    assert "root:" not in said.text


def check_alive(page: RawPage) -> None:
    assert "word2" in page.write().text


def test_every_function_of_the_page_is_tried(names):
    expected = {"run", "go_on", "branch", "open_file", "show", "compare", "restore"}
    expected |= {"generate", "candidates", "tokenize", "window", "score", "knobs_for"}
    assert expected <= set(names)
    assert len(names) > 20


@pytest.mark.parametrize("turn", [0, 4])
def test_any_value_in_every_place_is_refused_in_words(page, names, turn):
    page.write("visitor")
    turned = HOSTILE[turn:] + HOSTILE[:turn]
    for name in names:
        data = [*islice(cycle(turned), len(page.usual(name)))]
        check_words(page.ask(name, data, session="visitor"), name, data)
    check_alive(page)


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_any_event_is_refused_in_words(page, event):
    page.write("other visitor")
    for name in ("branch", "turn", "open", "focus", "save"):
        said = page.ask(name, page.usual(name), event, "other visitor")
        if "layer_programs" not in said.text:  # a scripted model has no layers
            check_words(said, name)
    check_alive(page)


@pytest.mark.parametrize("more", [-1, 1000])
def test_too_few_and_too_many_values_are_refused_in_words(page, more):
    for name in ("run", "generate", "show", "open_file", "knobs_for"):
        usual = page.usual(name)
        data = usual[:more] if more < 0 else usual + [1] * more
        check_words(page.ask(name, data), name)
    check_alive(page)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/etc/passwd", 500),
        ("../../../../etc/passwd", 500),
        ("http://127.0.0.1:1/x", 400),
        ("https://example.com/run.json", 400),
        ("file:///etc/passwd", 400),
    ],
)
def test_a_path_that_was_not_uploaded_is_not_read(page, path, status):
    said = page.ask("open_file", [None, {"path": path, **FILE}])
    assert "root:" not in said.text
    assert "not uploaded by a user" in said.text or said.status == status


@pytest.mark.parametrize(
    "route",
    [
        API + "file=/etc/passwd",
        API + "file=../../../../etc/passwd",
        API + "file=https://example.com/",
        API + "file%3D/etc/passwd",
        API + "file/etc/passwd",
        API + "proxy=https://someone.hf.space/",
        API + "deep_link?session_hash=a",
        API + "component_server",
        API + "dev/reload",
        "static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "static//etc/passwd",
        "assets/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "svelte//etc/passwd",
        "monitoring",
    ],
)
def test_nothing_else_is_given_out(page, route):
    answer = requests.get(page.url + route, timeout=20)
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text


def test_what_was_uploaded_is_for_the_page_alone(page):
    files = [
        ("files", ("../../../../tmp/hostile-name.json", b"{}")),
        ("files", ("<script>.html", b"<script>alert(1)</script>")),
    ]
    answer = requests.post(page.url + API + "upload", files=files, timeout=20)
    assert answer.status_code == 200
    assert not os.path.exists("/tmp/hostile-name.json")
    for path in answer.json():
        got = requests.get(page.url + API + "file=" + path, timeout=20)
        assert got.status_code == 404
        said = page.ask("open_file", [None, {"path": path, **FILE}])
        check_words(said, path)
        assert "schema" in said.text or "not JSON" in said.text


def test_too_long_a_body_is_not_read(page):
    body = b'{"data": ["' + b"x" * MAX_REQUEST + b'"]}'
    said = page.post("queue/join", body)
    assert said.status == 413
    assert f"{MAX_REQUEST:,} bytes" in said.error

    def endless() -> Iterator[bytes]:
        for _ in range(8):
            yield b" " * (MAX_REQUEST // 4)

    answer = requests.post(page.url + API + "queue/join", data=endless(), timeout=20)
    assert answer.status_code == 413
    half = b"x" * (MAX_UPLOAD // 2)
    files = [("files", (f"{n}.json", half)) for n in range(3)]
    answer = requests.post(page.url + API + "upload", files=files, timeout=20)
    assert answer.status_code == 413
    check_alive(page)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("junk", 422),
        ("[]", 422),
        ('{"data": 1, "fn_index": 8}', 422),
        ('{"data": [], "fn_index": "x"}', 422),
        ('{"data": [], "fn_index": 9999, "session_hash": "a"}', 400),
        ('{"data": [], "fn_index": -1, "session_hash": "a"}', 400),
        ('{"data": [], "fn_index": 1e999, "session_hash": "a"}', 400),
        ('{"data": [], "session_hash": "a"}', 400),
        ('{"data": [' + "1" * 5000 + '], "fn_index": 8}', 400),
        ("[" * 100_000 + "]" * 100_000, 400),
        ('{"data": ' + "[" * 40 + "]" * 40 + "}", 400),
        ('{"data": ' + '{"a":' * 40 + "1" + "}" * 40 + "}", 400),
    ],
)
def test_a_body_that_is_no_request_is_refused(page, body, status):
    said = page.post("queue/join", body)
    check_words(said, body[:80])
    assert said.status == status


def test_nobody_passes_the_line(page):
    data = page.usual("run")
    body = f'{{"data": {data!r}, "fn_index": {page.functions["run"]["id"]}}}'
    body = body.replace("None", "null").replace("True", "true")
    said = page.post("run/predict", body.replace("False", "false").replace("'", '"'))
    assert said.status == 404
    assert "queue" in said.error
