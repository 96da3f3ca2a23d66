"""Whose places something takes: the visitor's, also behind a proxy."""

import pytest
import requests
from gradio_client import Client
from gradio_client.exceptions import AppError
from uvicorn.config import Config

from playground.web.addresses import site_of
from playground.web.endpoints import TEXTS_OF_ONE
from tests.scripted import Scripted
from tests.web.conftest import open_page

GENERATE = {"api_name": "/generate", "max_new_tokens": 1}
PROXY = "10.0.3.7"
"""Of Hugging Face, within the Space's private network."""


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 100),
        ("", ""),
    ],
)
def test_one_customer_is_one_address(host, site):
    assert site_of(host) == site


@pytest.fixture
def space(monkeypatch):
    """A page on a Space; as every test, it is asked from this machine."""
    monkeypatch.setenv("SPACE_ID", "somebody/playground")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")  # so that it is put back
    monkeypatch.delenv("FORWARDED_ALLOW_IPS")
    page = open_page(Scripted())
    yield page
    page.engine.allow(None)
    page.demo.close(verbose=False)


def through_the_proxy(page, *hops):
    """A client whose request passed these, the last being what a proxy appended."""
    headers = {"X-Forwarded-For": ", ".join(hops)}
    return Client(page.url, verbose=False, headers=headers)


def test_on_a_space_each_visitor_has_places_whatever_they_write_in_front(space):
    for number in range(TEXTS_OF_ONE):
        invented = f"198.51.100.{number}"
        mine = through_the_proxy(space, invented, "203.0.113.1", PROXY)
        mine.submit("Hello", **GENERATE)
        assert space.engine.wait_for_runs(number + 1)
    with pytest.raises(AppError, match="You already have 8 texts in progress"):
        through_the_proxy(space, "8.8.8.8", "203.0.113.1", PROXY).predict(
            "Hello", **GENERATE
        )
    yours = through_the_proxy(space, "203.0.113.1", "203.0.113.2", PROXY)
    yours.submit("Hello", **GENERATE)
    assert space.engine.wait_for_runs(TEXTS_OF_ONE + 1)


def test_elsewhere_only_this_machine_is_trusted_unless_it_is_said(monkeypatch):
    async def app(_scope, _receive, _send):
        pass

    def trusted(address):
        config = Config(app)
        config.load()
        return address in config.loaded_app.trusted_hosts

    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert trusted("127.0.0.1")
    assert not trusted(PROXY)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", PROXY)
    assert trusted(PROXY)
    assert not trusted("127.0.0.1")


def test_a_header_that_names_no_address_harms_nothing(space):
    for forwarded in ("junk, ,,", ",", "[::1", "1.2.3.4:99:1", "é"):
        answer = requests.get(
            f"{space.url}config",
            headers={"X-Forwarded-For": forwarded.encode()},
            timeout=20,
        )
        assert answer.status_code == 200
