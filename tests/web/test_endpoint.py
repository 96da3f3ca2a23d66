"""`/generate`, as programs call it."""

import pytest
from gradio_client.exceptions import AppError

from tests.scripted import ANSWER, Scripted
from tests.web.conftest import open_page

GENERATE = {"api_name": "/generate"}


def test_it_streams_all_of_the_text_each_time(page, scripted):
    scripted.allow(None)
    job = page.client().submit("Hello", max_new_tokens=3, **GENERATE)
    texts = list(dict.fromkeys(job))
    assert texts == ["", " word0", " word0 word1", " word0 word1 word2"]


def test_the_prompt_is_part_of_the_text_unless_stripped(page, scripted):
    scripted.allow(None)
    text = page.client().predict(
        "Hello", max_new_tokens=1, strip_prompt=False, chat=False, **GENERATE
    )
    assert text == "Hello word0"


def test_two_clients_get_their_own_text(page, scripted):
    clients = page.client(), page.client()
    jobs = [
        client.submit(
            f"Prompt {i}", chat=False, strip_prompt=False, max_new_tokens=2, **GENERATE
        )
        for i, client in enumerate(clients)
    ]
    assert scripted.wait_for_runs(2)
    scripted.allow(None)
    assert [job.result(timeout=30) for job in jobs] == [
        "Prompt 0 word0 word1",
        "Prompt 1 word0 word1",
    ]


def test_a_cancelled_job_frees_the_model(page, scripted):
    scripted.answer, scripted.seconds_per_token = ANSWER * 100, 0.02
    scripted.allow(None)
    client = page.client()
    job = client.submit("Hello", max_new_tokens=4000, **GENERATE)
    assert next(iter(job)) == ""
    job.cancel()
    assert scripted.wait_for_runs(0)
    assert scripted.said < 4000
    assert client.predict("Hello", max_new_tokens=1, **GENERATE) == " word0"


@pytest.fixture(scope="module")
def refusing():
    """A client of a page on which nothing runs."""
    page = open_page(Scripted())
    yield page.client()
    page.demo.close(verbose=False)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"temperature": -1}, "`temperature` must be a number from 0 to 2, got -1"),
        ({"temperature": "hot"}, "`temperature` must be a number"),
        ({"sampler": ["top_p"]}, "`sampler` must be one of"),
        ({"top_k": 2.5}, "`top_k` must be a whole number from 0 to 1000, got 2.5"),
        ({"seed": "abc"}, "`seed` must be a whole number"),
        ({"stop_token_ids": "end"}, "Stop tokens must be auto, none, or ids"),
        ({"stop_token_ids": {"2": 198}}, "`stop_token_ids` must be"),
        ({"max_new_tokens": 0}, "`max_new_tokens` must be a whole number"),
        ({"chat": "yes"}, "`chat` must be true or false"),
        ({"prompt": ""}, "The prompt is empty"),
        ({"prompt": 7}, "The prompt must be text, got int"),
    ],
)
def test_bad_input_is_refused_in_words(refusing, sent, words):
    with pytest.raises(AppError) as refusal:
        refusing.predict(**{"prompt": "Hello"} | sent, **GENERATE)
    assert words in str(refusal.value)


def test_a_page_can_bound_the_new_tokens(page_for, scripted):
    client = page_for(scripted, max_new_tokens=16).client()
    with pytest.raises(AppError, match="from 1 to 16, got 17"):
        client.predict("Hello", max_new_tokens=17, **GENERATE)


def test_a_page_that_bounds_them_below_the_default_has_its_bound_as_the_default(
    page_for, scripted
):
    scripted.allow(None)
    client = page_for(scripted, max_new_tokens=2).client()
    assert client.predict("Hello", **GENERATE) == " word0 word1"
    assert client.predict("Hello", max_new_tokens=None, **GENERATE) == " word0 word1"
