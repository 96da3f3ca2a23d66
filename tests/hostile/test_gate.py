"""The gate: which routes are open, what odd requests get, and how long files stay."""

import http.client
import json
import re
import time
from urllib.parse import unquote, urlsplit

import gradio as gr
import pytest
import requests

from playground.exports import to_file
from playground.settings import GenerationSettings
from playground.transcript import Transcript
from playground.web import gate, uploads
from playground.web.routes import methods_of
from tests.hostile.raw_page import API, RawPage

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
OPEN = {
    "GET": {
        *("/", "/config", "/config/", "/theme.css", "/favicon.ico", "/robots.txt"),
        *("/manifest.json", "/pwa_icon", "/assets/{path:path}", "/static/{path:path}"),
        *("/svelte/{path:path}", "/gradio_api/info", "/gradio_api/info/"),
        *("/gradio_api/openapi.json", "/gradio_api/theme.css", "/gradio_api/user"),
        *("/gradio_api/user/", "/gradio_api/login_check", "/gradio_api/login_check/"),
        *("/gradio_api/token", "/gradio_api/token/", "/gradio_api/app_id"),
        *("/gradio_api/app_id/", "/gradio_api/startup-events"),
        *("/gradio_api/heartbeat/{session_hash}", "/gradio_api/queue/data"),
        *("/gradio_api/queue/status", "/gradio_api/call/{api_name}/{event_id}"),
        "/gradio_api/call/v2/{api_name}/{event_id}",
    },
    "HEAD": {"/"},
    "POST": {
        *("/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset"),
        *("/gradio_api/reset/", "/gradio_api/upload", "/gradio_api/run/{api_name}"),
        *("/gradio_api/run/{api_name}/", "/gradio_api/api/{api_name}"),
        *("/gradio_api/api/{api_name}/", "/gradio_api/call/{api_name}"),
        *("/gradio_api/call/{api_name}/", "/gradio_api/call/v2/{api_name}"),
        "/gradio_api/call/v2/{api_name}/",
    },
}
ODD = ("x", "-1", "100000", "%00", "%2e%2e%2f", "%ff", "a" * 3000, "generate", "run")


@pytest.fixture(scope="module")
def page():
    page = RawPage()
    page.engine.answer = page.engine.answer[:1]
    page.engine.allow(None)
    yield page
    page.demo.close(verbose=False)


def routes_of(routes):
    """All that Gradio has, those of its own router too."""
    for route in routes:
        if hasattr(route, "path"):
            yield route
        else:
            yield from routes_of(route.original_router.routes)


def test_only_what_the_page_uses_is_open(page):
    assert gr.__version__ == "6.31.0", "Look at the routes of the new version."
    found = {method: set() for method in OPEN}
    for route in routes_of(page.demo.app.routes):
        filled = re.sub(r"\{[^}]*\}", "x", route.path)
        for method in methods_of(filled, mcp=False):
            if method in route.methods:
                found[method].add(route.path)
    assert found == OPEN
    assert methods_of("/pwa_icon/512", mcp=False) == ("GET",)
    assert not methods_of("/pwa_icon/100000", mcp=False)
    assert not methods_of("/gradio_api/mcp/sse", mcp=False)
    assert "POST" in methods_of("/gradio_api/mcp/", mcp=True)


def ask(connection, method, path, body=None, headers=None):
    """Status and beginning of an answer; of a stream, what comes at once."""
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    is_stream = "event-stream" in (answer.headers["content-type"] or "")
    said = answer.readline() if is_stream else answer.read()
    if is_stream or answer.headers["connection"] == "close":
        connection.close()
    return answer.status, said


def test_every_route_and_method_with_odd_parts_is_answered_in_words(page, capfd):
    connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=20)
    paths = {route.path for route in routes_of(page.demo.app.routes)}
    json_type = {"content-type": "application/json"}
    for path in sorted(paths):
        parts = ODD if "{" in path else ODD[:1]
        for filled in {re.sub(r"\{[^}]*\}", part, path) for part in parts}:
            known = methods_of(unquote(filled), mcp=False)
            for method in METHODS if filled.endswith("x") else ("GET", "POST"):
                bodies = [None, "{}", '{"data": []}'] if method == "POST" else [None]
                for body in bodies:
                    status, said = ask(connection, method, filled, body, json_type)
                    asked = method, filled[:80], body, status, said[:200]
                    assert status < 500, asked
                    if method not in known and method != "HEAD":
                        assert status in (403, 404, 405), asked
                        assert json.loads(said)["detail"], asked
    said = capfd.readouterr().err
    assert "Traceback" not in said, said[-3000:]


@pytest.mark.parametrize(
    ("method", "route", "status", "words"),
    [
        ("GET", "pwa_icon/100000", 404, "no such address"),
        ("POST", API + "call/v2/open_file", 400, "no function"),
        ("GET", API + "queue/join", 405, "takes POST only"),
        ("PUT", API + "queue/join", 405, "takes POST only"),
        ("OPTIONS", API + "upload", 405, "takes POST only"),
        ("DELETE", "", 405, "takes HEAD and GET only"),
    ],
)
def test_a_refusal_is_one_line_of_words(page, capfd, method, route, status, words):
    answer = requests.request(method, page.url + route, json={}, timeout=20)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert len(capfd.readouterr().err.splitlines()) <= 1


def test_an_answer_that_is_not_there_is_said_so_in_the_stream(page, capfd):
    answer = requests.get(page.url + API + "call/generate/nothing", timeout=20)
    assert answer.status_code == 200
    assert "event: error" in answer.text
    assert "Not Found" in answer.text
    assert len(capfd.readouterr().err.splitlines()) <= 1


@pytest.mark.parametrize(
    "changed",
    [
        {"fn_index": True},
        {"fn_index": "7"},
        {"session_hash": ""},
        {"session_hash": "a" * 200},
        {"batched": True},
        {"data": [{"path": 5}]},
        {"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]},
    ],
    ids=repr,
)
def test_a_call_that_fits_no_function_never_reaches_gradio(page, capfd, changed):
    for name in ("run", "open_file", "leave", "count"):
        function = page.functions[name]
        usual = {"data": page.usual(name), "fn_index": function["id"]}
        body = {**usual, "session_hash": "s", **changed}
        for route in ("queue/join", "run/predict", f"call/{name}"):
            said = page.post(route, json.dumps(body))
            assert said.status < 500, (name, route, said)
    assert "Traceback" not in capfd.readouterr().err


def upload(page, content, address="10.1.1.1"):
    return requests.post(
        page.url + API + "upload",
        files=[("files", ("run.json", content))],
        headers={"X-Forwarded-For": address},
        timeout=30,
    )


def kept(page):
    folder = page.demo.uploads._folder
    return [] if folder is None else [*folder.rglob("*.json")]


def test_a_file_is_deleted_once_it_is_read(page):
    run = Transcript(settings=GenerationSettings(), seed=1, prompt="Hello")
    (path,) = upload(page, to_file(run)).json()
    assert [str(each) for each in kept(page)] == [path]
    sent = {"path": path, "meta": {"_type": "gradio.FileData"}}
    page.ask("open_file", [None, sent])
    assert not kept(page)
    said = page.ask("open_file", [None, sent])
    assert said.status == 400
    assert "not uploaded by a user" in said.error


def test_uploads_are_bounded_for_each_address_and_in_total(page):
    for _ in range(60):
        assert upload(page, b"{}").status_code == 200
    assert len(kept(page)) == uploads.UPLOADS_OF_ONE
    answers = [upload(page, b"{}", f"10.1.2.{n}").status_code for n in range(20)]
    assert answers.count(429) == len(answers) + uploads.UPLOADS_OF_ONE - (
        uploads.UPLOADS_OF_ALL
    )
    assert len(kept(page)) == uploads.UPLOADS_OF_ALL
    assert "Try again in a minute" in upload(page, b"{}", "10.1.3.1").text


def test_what_nobody_reads_is_deleted_after_a_while(page, monkeypatch):
    monkeypatch.setattr("playground.web.uploads.SECONDS_A_FILE_STAYS", 0)
    monkeypatch.setattr(gate, "SECONDS_A_FILE_STAYS", -0.9)
    assert upload(page, b"{}").status_code == 200
    end = time.monotonic() + 15
    while kept(page) and time.monotonic() < end:
        time.sleep(0.02)
    assert not kept(page)


def test_an_upload_that_breaks_off_leaves_nothing(page, monkeypatch):
    monkeypatch.setattr(gate, "SECONDS_FOR_MORE", 0.3)
    host, port = urlsplit(page.url).netloc.split(":")
    before = len(kept(page))
    for _ in range(uploads.UPLOADS_OF_ONE + 1):
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        connection.putrequest("POST", f"/{API}upload")
        connection.putheader("content-type", "multipart/form-data; boundary=b")
        connection.putheader("content-length", "1000000")
        connection.endheaders(b'--b\r\ncontent-disposition: form-data; name="files"')
        answer = connection.getresponse()
        assert answer.status == 408
        assert "Nothing came" in json.loads(answer.read())["detail"]
        connection.close()
    assert len(kept(page)) == before
    assert all(each.files for each in page.demo.uploads._held)


@pytest.mark.parametrize(
    "body", [b"", b"junk", b"--b\r\n\r\n--b--", b"--b--"], ids=repr
)
def test_a_form_that_is_none_is_refused(page, body):
    answer = requests.post(
        page.url + API + "upload",
        data=body,
        headers={"content-type": "multipart/form-data; boundary=b"},
        timeout=20,
    )
    assert answer.status_code == 400
    assert answer.json()["detail"]
