"""Many small requests, and clients that ask and do not listen, hold up nobody else."""

import asyncio
import json
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest

from playground.session import start_engine
from playground.web import build
from playground.web.gradio_internals import Caller
from playground.web.limits import PAGES_OF_ONE, SILENT_PAGES_OF_ONE
from playground.web.listeners import Listeners
from playground.web.quota import Quota, QuotaExceeded
from tests.scripted import ANSWER, Scripted
from tests.web.conftest import Page, open_page, serve
from tests.web.visitors import API, Site, Visitor

ATTACKER, VISITOR = "10.0.0.1", "10.0.0.2"


def note_words(words, outputs):
    """What the status says, each once."""
    status = outputs[1]
    if isinstance(status, dict) and status.get("words") not in (None, *words[-1:]):
        words.append(status["words"])


async def join_silently(site, action, sessions, address=ATTACKER, **values):
    """Join the queue as the page does, and listen to nothing."""
    data = [
        values.get(name, default)
        for name, default in zip(action.inputs, action.defaults, strict=True)
    ]
    headers = {"X-Forwarded-For": address}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        for session in sessions:
            body = {"data": data, "fn_index": action.fn_index, "session_hash": session}
            answer = await client.post(f"{site.url}{API}/queue/join", json=body)
            assert answer.status_code == 200, answer.text


async def say(site, address, **values):
    """All that the status says to a visitor, and when the first token came."""
    words, begun, first = [], time.monotonic(), None
    async with Visitor(site, address) as visitor:
        generate = site.action("generate", "click")
        async for outputs in await visitor.ask(generate, prompt="ROMEO:", **values):
            note_words(words, outputs)
            if isinstance(outputs[0], dict) and outputs[0].get("answer"):
                first = first or time.monotonic() - begun
    return words, first


@pytest.fixture(scope="module")
def real():
    """A page over the small model, which writes for eight at once and never is done."""
    engine = start_engine("shakespeare_mistral")
    assert engine.wait().phase == "ready"
    demo = build(engine, "shakespeare_mistral")
    yield Page(engine, demo, serve(demo))
    demo.close(verbose=False)
    engine.close()


@pytest.mark.parametrize(
    "sessions",
    [
        pytest.param([f"s{n}" for n in range(24)], id="invented"),
        pytest.param(["s"] * 24, id="repeated"),
        pytest.param([f"s{n}" for n in range(160)], id="many", marks=pytest.mark.slow),
    ],
)
def test_visitors_are_served_though_one_address_asks_for_ever_more(real, sessions):
    async def play():
        site = Site(real.url)
        generate = site.action("generate", "click")
        endless = {"prompt": "KING:", "chat": False, "max_new_tokens": 4096}
        await join_silently(site, generate, sessions, **endless)
        assert real.engine._num_active <= SILENT_PAGES_OF_ONE
        for address in (VISITOR, ATTACKER):
            words, first = await say(site, address, max_new_tokens=3, chat=False)
            assert first is not None, words
            assert first < 10
            assert "Reached 3 new tokens" in words[-1]

    asyncio.run(play())


def test_who_has_all_active_places_and_listens_is_not_in_the_way_of_others(real):
    async def hear(updates):
        async for _ in updates:
            pass

    async def play():
        site = Site(real.url)
        generate = site.action("generate", "click")
        visitors = [Visitor(site, ATTACKER) for _ in range(10)]
        endless = {"prompt": "KING:", "chat": False, "max_new_tokens": 4096}
        hears = []
        for each in visitors:
            await each.__aenter__()
            updates = await each.ask(generate, **endless)
            hears.append(asyncio.create_task(hear(updates)))
        while not real.engine._waiting:
            await asyncio.sleep(0.01)
        words, first = await say(site, VISITOR, max_new_tokens=3, chat=False)
        assert first is not None, words
        assert not any("Queued" in each for each in words)
        for each in visitors:
            await each.__aexit__()
        for each in hears:
            each.cancel()

    asyncio.run(play())


@pytest.fixture(scope="module")
def endless_page():
    """A page over a script that ends by itself only after a long time."""
    page = open_page(Scripted(answer=ANSWER * 100))
    yield page
    page.demo.close(verbose=False)


@pytest.fixture
def endless(endless_page, monkeypatch):
    """The page, on which nothing runs before or after the test."""
    scripted = endless_page.engine
    scripted.said, scripted.seconds_per_token = 0, 0.02
    scripted.allow(None)
    yield endless_page
    monkeypatch.setattr("playground.web.quota.SECONDS_UNHEARD", 0)
    assert scripted.wait_for_runs(0)


ASKED = ["generate", "compare"]


@pytest.mark.parametrize("button", ASKED)
def test_a_run_that_nobody_reads_ends_after_a_heartbeat(endless, monkeypatch, button):
    monkeypatch.setattr("playground.web.quota.SECONDS_UNHEARD", 0.5)

    async def play():
        site = Site(endless.url)
        action = site.action(button, "click")
        await join_silently(site, action, ["a"], prompt="Hello", max_new_tokens=4000)
        rows = {"generate": 1, "compare": 3}[button]
        assert await asyncio.to_thread(endless.engine.wait_for_runs, rows)
        begun = time.monotonic()
        assert await asyncio.to_thread(endless.engine.wait_for_runs, 0)
        assert time.monotonic() - begun < 5

    asyncio.run(play())


@pytest.mark.parametrize("route", ["call/generate", "call/v2/generate"])
def test_a_call_whose_answer_nobody_fetches_ends_too(endless, monkeypatch, route):
    monkeypatch.setattr("playground.web.quota.SECONDS_UNHEARD", 0.5)
    info = httpx.get(f"{endless.url}gradio_api/info", timeout=30).json()
    parameters = info["named_endpoints"]["/generate"]["parameters"]
    sent = {
        each["parameter_name"]: each.get("parameter_default") for each in parameters
    }
    sent |= {"prompt": "Hello", "max_new_tokens": 4000}
    body = sent if "v2" in route else {"data": list(sent.values())}
    answer = httpx.post(f"{endless.url}gradio_api/{route}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert endless.engine.wait_for_runs(1)
    assert endless.engine.wait_for_runs(0)
    with httpx.stream("GET", f"{endless.url}gradio_api/{route}/x", timeout=30) as gone:
        assert "Not Found" in gone.read().decode()


def test_a_stream_that_is_open_and_not_read_is_no_listener(monkeypatch):
    """Until what lies before it is taken in."""
    now = [0.0]
    monkeypatch.setattr("playground.web.listeners.time.monotonic", lambda: now[0])
    listeners = Listeners()
    assert not listeners.hear("a")
    with listeners.listening("a") as stream:
        assert listeners.hear("a")
        with stream.sending():
            now[0] = 14
            assert listeners.hear("a")
            now[0] = 16
            assert not listeners.hear("a")
        assert listeners.hear("a")
        assert not listeners.hear("b")
    assert not listeners.hear("a")


def test_a_client_that_takes_nothing_in_loses_its_run(endless, monkeypatch):
    """It opens the stream and reads none of it, until nothing fits in between."""
    monkeypatch.setattr("playground.web.quota.SECONDS_UNHEARD", 0.3)
    monkeypatch.setattr("playground.web.listeners.SECONDS_UNTIL_DEAF", 0.3)
    endless.engine.seconds_per_token = 0.0
    host, port = endless.demo.server_name, endless.demo.server_port

    async def play():
        site = Site(endless.url)
        generate = site.action("generate", "click")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.connect((host, port))
            await join_silently(
                site, generate, ["deaf"], prompt="x" * 90_000, max_new_tokens=4000
            )
            deaf.sendall(
                f"GET {API}/queue/data?session_hash=deaf HTTP/1.1\r\n"
                f"Host: {host}\r\n\r\n".encode()
            )
            assert await asyncio.to_thread(endless.engine.wait_for_runs, 0)
            assert endless.engine.said < 4000

    asyncio.run(play())


def test_a_listener_that_comes_and_goes_frees_its_place_each_time(endless):
    async def play():
        site = Site(endless.url)
        generate = site.action("generate", "click")
        for _ in range(SILENT_PAGES_OF_ONE + 4):
            visitor = Visitor(site, ATTACKER)
            await visitor.ask(generate, prompt="Hello", max_new_tokens=4000)
            assert await asyncio.to_thread(endless.engine.wait_for_runs, 1)
            await visitor.leave()
            assert await asyncio.to_thread(endless.engine.wait_for_runs, 0)

    asyncio.run(play())


def test_who_is_over_the_limit_hears_so_on_the_status_at_once(endless, monkeypatch):
    monkeypatch.setattr("playground.web.quota.SECONDS_TO_LISTEN", 60)

    async def play():
        site = Site(endless.url)
        generate = site.action("generate", "click")
        names = map("s{}".format, range(SILENT_PAGES_OF_ONE))
        await join_silently(site, generate, names, prompt="Hello", max_new_tokens=4000)
        assert await asyncio.to_thread(
            endless.engine.wait_for_runs, SILENT_PAGES_OF_ONE
        )
        said, _ = await say(site, ATTACKER, max_new_tokens=3)
        assert said == [
            "You already have 8 texts in progress. Wait until one is finished."
        ]

    asyncio.run(play())


class Ears:
    def __init__(self, *heard):
        self.heard = set(heard)

    def hear(self, session):
        return session in self.heard


def place_of(places, session, monkeypatch, **more):
    """A place as a request of this session takes it; given back by its own exit."""
    request = SimpleNamespace(
        client=SimpleNamespace(host=more.pop("host", "here")), session_hash=session
    )
    monkeypatch.setattr("playground.web.quota.caller", lambda: Caller(request))
    taken = places.taken(**more)
    return taken, taken.__enter__()


def test_those_that_nobody_listens_to_make_room_once_they_could_have_been_heard(
    monkeypatch,
):
    monkeypatch.setattr("playground.web.quota.SECONDS_TO_LISTEN", 0)
    places = Quota(2, "texts", listeners=Ears("heard"))
    kept = [place_of(places, name, monkeypatch) for name in ("heard", "silent")]
    kept.append(place_of(places, "new", monkeypatch))
    assert [place.was_given_away for _, place in kept] == [False, True, False]
    monkeypatch.setattr("playground.web.quota.SECONDS_TO_LISTEN", 60)
    with pytest.raises(QuotaExceeded, match="You already have 2 texts"):
        place_of(places, "too many", monkeypatch)
    for taken, _ in kept:
        taken.__exit__(None, None, None)
    assert not places._held


def test_one_session_holds_one_place_and_a_comparison_one_for_each_text(monkeypatch):
    places = Quota(4, "texts", listeners=Ears("a", "b", "c"))
    first = place_of(places, "a", monkeypatch, one_a_session=True, count=3)
    again = place_of(places, "a", monkeypatch, one_a_session=True, count=3)
    assert first[1].was_replaced
    assert not first[1].is_over  # its own tab ends it, with its last words
    other = place_of(places, "b", monkeypatch, one_a_session=True)
    with pytest.raises(QuotaExceeded):
        place_of(places, "c", monkeypatch, one_a_session=True)
    elsewhere = place_of(places, "c", monkeypatch, host="there", count=4)
    for taken, _ in (first, again, other, elsewhere):
        taken.__exit__(None, None, None)
    assert not places._held


def test_all_addresses_together_have_a_bound_too(monkeypatch):
    places = Quota(2, "texts", total=3, listeners=Ears(*"abcd"))
    kept = [place_of(places, name, monkeypatch, host=name) for name in "abc"]
    with pytest.raises(QuotaExceeded, match="There are already 3 texts in progress"):
        place_of(places, "d", monkeypatch, host="d")
    for taken, _ in kept:
        taken.__exit__(None, None, None)


@pytest.fixture
def looking(monkeypatch):
    """A page on which each look inside takes until `page.go_on` is set."""
    go_on, reads = threading.Event(), threading.Semaphore(0)

    def explain(_model, _ids, _window, _progress, stopped):
        reads.release()
        while not (stopped() or go_on.is_set()):
            time.sleep(0.01)
        raise ValueError("It was read.")

    monkeypatch.setattr("playground.interface.explorer.explain", explain)
    scripted = Scripted()
    scripted.allow(None)
    page = open_page(scripted)
    page.go_on, page.reads = go_on, reads
    yield page
    go_on.set()
    page.demo.close(verbose=False)


def test_who_looks_inside_waits_with_words_and_callers_take_turns(looking):
    heads = {"index": 3, "value": "Heads"}

    async def look(visitor, site):
        updates = await visitor.ask(site.action("tabs", "select"), heads)
        return updates, await anext(updates)

    async def play():
        site = Site(looking.url)
        visitors = [Visitor(site, ATTACKER) for _ in range(5)]
        visitors.append(Visitor(site, VISITOR))
        generate = site.action("generate", "click")
        for each in visitors:
            await each.all_of(generate, prompt="Hello", max_new_tokens=1)
        said = [await look(each, site) for each in visitors]
        words = [json.dumps(first) for _, first in said]
        assert not any("Queued" in each for each in words[:2])
        for ahead, each in zip((2, 3, 4), words[2:5], strict=True):
            assert f"Queued ({ahead} ahead)" in each
        assert "Queued (2 ahead)" in words[5]  # before the others of that address
        looking.go_on.set()
        for updates, _ in said:
            rest = [json.dumps(each) async for each in updates]
            assert any("It was read." in each for each in rest)
        for each in visitors:
            with suppress(httpx.HTTPError):
                await each.leave()

    asyncio.run(play())


def test_gradio_lets_everything_begin_at_once(endless):
    queue = endless.demo._queue
    limits = [fn.concurrency_limit for fn in endless.demo.fns.values()]
    assert queue.default_concurrency_limit is None
    assert set(limits) <= {"default", None}
    assert queue.max_thread_count >= 200 > PAGES_OF_ONE
