"""Whoever leaves frees the model within a second, however the connection ends."""

import asyncio
import socket
import threading
import time

import pytest

from playground.models.interpretability.text_reading import ExplainStopped
from tests.scripted import ANSWER, Scripted
from tests.web.conftest import open_page
from tests.web.visitors import Site, Visitor

CUTS = ("heartbeat", "stream", "both")


@pytest.fixture(scope="module")
def page():
    """A page on which every run takes far longer than a test."""
    scripted = Scripted(answer=ANSWER * 100, seconds_per_token=0.02)
    scripted.allow(None)
    page = open_page(scripted)
    yield page
    page.demo.close(verbose=False)


async def cut(visitor, which):
    if which != "stream":
        await visitor.cut_heartbeat()
    if which != "heartbeat":
        await visitor.cut_stream()


async def begin(visitor, action, event_data=None, **values):
    """Ask, and listen in the background."""
    updates = await visitor.ask(action, event_data, **values)

    async def hear():
        async for _ in updates:
            pass

    return asyncio.create_task(hear())


@pytest.mark.parametrize("which", CUTS)
@pytest.mark.parametrize(("button", "rows"), [("generate", 1), ("compare", 3)])
def test_who_closes_the_page_frees_the_model_within_a_second(page, button, rows, which):
    async def play():
        site = Site(page.url)
        async with Visitor(site) as visitor:
            action = site.action(button, "click")
            hearing = await begin(visitor, action, prompt="Hello", max_new_tokens=4000)
            assert await asyncio.to_thread(page.engine.wait_for_runs, rows)
            left_at = time.monotonic()
            await cut(visitor, which)
            assert await asyncio.to_thread(page.engine.wait_for_runs, 0)
            assert time.monotonic() - left_at < 1
            hearing.cancel()

    asyncio.run(play())


@pytest.mark.parametrize("which", CUTS)
def test_who_closes_the_page_ends_what_is_read_for_it(page, which, monkeypatch):
    reads, ended = threading.Event(), threading.Event()

    def explain(_model, _ids, _window, _progress, stopped):
        reads.set()
        while not stopped():
            time.sleep(0.01)
        ended.set()
        raise ExplainStopped

    monkeypatch.setattr("playground.interface.explorer.explain", explain)

    async def play():
        site = Site(page.url)
        async with Visitor(site) as visitor:
            generate = site.action("generate", "click")
            await visitor.all_of(generate, prompt="Hello", max_new_tokens=1)
            heads = {"index": 3, "value": "Heads"}
            hearing = await begin(visitor, site.action("tabs", "select"), heads)
            assert await asyncio.to_thread(reads.wait, 15)
            left_at = time.monotonic()
            await cut(visitor, which)
            assert await asyncio.to_thread(ended.wait, 15)
            assert time.monotonic() - left_at < 1
            hearing.cancel()

    asyncio.run(play())


def test_a_later_comparison_is_not_ended_by_the_one_before(page):
    async def play():
        site = Site(page.url)
        async with Visitor(site) as visitor:
            compare = site.action("compare", "click")
            hearing = await begin(visitor, compare, prompt="Hello", max_new_tokens=4000)
            assert await asyncio.to_thread(page.engine.wait_for_runs, 3)
            said = await visitor.all_of(compare, prompt="You", max_new_tokens=2)
            shown = [html for html, _ in said if isinstance(html, str)]
            assert shown[-1].count("word0 word1") == 2 * 3  # in its column, in a table
            assert "cancelled" not in shown[-1]
            await asyncio.wait_for(hearing, 15)

    asyncio.run(play())


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has the option"
)
def test_a_connection_that_nobody_answers_on_ends_by_itself(page):
    """Tried with a network that was cut: 20 s after it with a limit of 20 s."""
    state = page.demo.server.server_state
    before = set(state.connections)
    address = page.demo.server_name, page.demo.server_port
    with socket.create_connection(address):
        end = time.monotonic() + 15
        while not (new := set(state.connections) - before):
            assert time.monotonic() < end
            time.sleep(0.01)
        for connection in new:
            accepted = connection.transport.get_extra_info("socket")
            milliseconds = accepted.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
            )
            assert milliseconds == 30_000
