"""Many people at once on the page of a real server: `make soak`.

Eight for ten minutes, then forty for four (PLAYGROUND_LOAD_SECONDS is the time of the
eight). They write, compare, go on, look inside, ask the endpoints, stop, change their
minds and close the page. Each of them is told what one who was alone was told before.
"""

import asyncio
import html
import os
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from playground.system.cache_folder import cache_folder
from tests.app_process import AppProcess
from tests.screen import text_of
from tests.scripted import Scripted
from tests.web.visitors import Action, Outputs, Site, Visitor

SECONDS = float(os.environ.get("PLAYGROUND_LOAD_SECONDS", "600"))
ROOM = {8: 1200 * 2**20, 40: 200 * 2**20}
"""Bytes that a crowd may add: the first fills what is bounded, such as kept texts."""
FORMS = 8
SAMPLERS = ("top_p", "top_k", "min_p", "random", "greedy", "beam", "contrastive")
COMPARED = ["top_p", "min_p", "greedy"]
QUESTIONS = ("candidates", "tokenize", "window", "score")
NAMES = ("ROMEO", "JULIET", "KING HENRY", "HAMLET", "OPHELIA", "First Citizen")
WORDS = ("love", "night", "king", "sword", "rose", "death", "honour", "crown", "sea")


@dataclass(frozen=True)
class Asked:
    """Something to ask for, and what one who was alone was told."""

    values: dict[str, Any]
    text: str = ""
    longer: str = ""
    """After Continue; "" where that is not the same as a longer run."""
    compared: tuple[str, ...] = ()
    answers: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """What was seen of one."""

    begun: float
    places: list[int] = field(default_factory=list)
    waited: float | None = None
    text: str = ""
    words: str = ""
    phase: str = ""


def values(dice: random.Random, number: int) -> dict[str, Any]:
    """What is on a person's form."""
    said = " ".join(dice.choices(WORDS, k=dice.choice([3, 20, 90])))
    return {
        "prompt": f"{dice.choice(NAMES)}:\nScene {number}. {said}",
        "chat": False,
        "sampler": dice.choice(SAMPLERS),
        "temperature": dice.choice([0.5, 0.9, 1.4]),
        "top_p": dice.choice([0.5, 0.9]),
        "top_k": dice.choice([5, 40]),
        "num_beams": 3,
        "contrastive_k": 3,
        "seed": str(dice.randrange(2**32)),
        "max_new_tokens": dice.choice([8, 24, 60, 400]),
        "repetition_penalty": dice.choice([1, 1, 1.2]),
        "sliding_window": dice.choice(["", "", "16"]),
    }


class Page:
    """What visitors do on it."""

    def __init__(self, url: str) -> None:
        self.site = site = Site(url)
        self.generate = site.action("generate", "click")
        self.go_on = site.action("answers", "click")
        self.stop = site.action("stop", "click")
        self.compare = site.action("compare", "click")
        self.tabs = site.action("tabs", "select")
        self.endpoints = {
            name: site.endpoint(name) for name in ("generate", *QUESTIONS)
        }

    async def told(
        self, visitor: Visitor, updates: AsyncIterator[Outputs]
    ) -> AsyncIterator[Run]:
        """The run after each update."""
        run = Run(time.monotonic())
        async for outputs in updates:
            for output in outputs[:2]:
                await note(run, output, visitor)
            yield run

    async def run(self, visitor: Visitor, action: Action, asked: Asked) -> Run:
        """One to its end."""
        run = Run(0)
        updates = await visitor.ask(action, **asked.values)
        async for each in self.told(visitor, updates):
            run = each
        return run

    async def comparison(self, visitor: Visitor, asked: Asked) -> tuple[str, ...]:
        """The texts that stand side by side at its end."""
        said = await visitor.all_of(
            self.compare, **{**asked.values, "compared": COMPARED}
        )
        shown = [each for each, _ in said if isinstance(each, str)]
        articles = re.findall(r"<article>.*?<p>(.*?)</p>", shown[-1], re.S)
        return tuple(html.unescape(re.sub("<[^>]*>", "", each)) for each in articles)

    async def answer(self, visitor: Visitor, name: str, asked: Asked) -> Any:
        """What an endpoint says last."""
        text = {"text": asked.values["prompt"][:200], "continuation": "I am dead."}
        window = {"sliding_window": int(asked.values["sliding_window"] or 32)}
        seed = {"seed": int(asked.values["seed"])}
        sent = {**asked.values, **text, **window, **seed, "strip_prompt": True}
        (last,) = (await visitor.all_of(self.endpoints[name], **sent))[-1]
        return last

    async def alone(self, visitor: Visitor, form: dict[str, Any]) -> Asked:
        """The same things, asked with nobody else there."""
        asked = Asked(form)
        first = await self.run(visitor, self.generate, asked)
        if form["sampler"] in ("beam", "contrastive"):
            return Asked(form, first.text)
        longer = ""
        if "Reached" in first.words:
            longer = (await self.run(visitor, self.go_on, asked)).text
        return Asked(
            values=form,
            text=first.text,
            longer=longer,
            compared=await self.comparison(visitor, asked),
            answers={
                name: await self.answer(visitor, name, asked)
                for name in ("generate", *QUESTIONS)
            },
        )


async def note(run: Run, output: Any, visitor: Visitor) -> None:
    """What the output or the status says of a run."""
    if not isinstance(output, dict):
        return
    if "answer" in output:
        await visitor.show(output)
        run.text = visitor.screen.text
    if "words" in output:
        run.words, run.phase = output["words"], output["phase"]
        if place := re.match(r"Queued \((\d+) ahead\)", run.words):
            run.places.append(int(place[1]))
        elif run.words != "Starting" and run.waited is None:
            run.waited = time.monotonic() - run.begun


class Person:
    """Does one thing after the other, and notes what was not as it should be."""

    def __init__(self, page: Page, asked: list[Asked], number: int) -> None:
        self.page, self.asked = page, asked
        self.dice = random.Random(number)
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.runs: list[Run] = []

    def check(self, what: str, said: Any, expected: Any) -> None:
        self.counts[what] += 1
        if said != expected:
            self.faults.append(f"{what}:\n  {said!r:.500}\n  {expected!r:.500}")

    async def play(self, until: float) -> None:
        """Come, do a few things, leave, and come again."""
        while time.monotonic() < until:
            async with Visitor(self.page.site) as visitor:
                try:
                    for _ in range(self.dice.randint(1, 12)):
                        if visitor.is_there and time.monotonic() < until:
                            await self.do_something(visitor)
                            await asyncio.sleep(self.dice.uniform(0, 0.3))
                except Exception as error:  # the others go on; the test fails
                    self.faults.append(repr(error))

    async def do_something(self, visitor: Visitor) -> None:
        asked = self.dice.choice(self.asked)
        does = self.dice.choices(
            [self.write, self.stop, self.change, self.compare, self.ask, self.leave],
            [12, 3, 3, 2, 4, 1],
        )[0]
        await does(visitor, asked)

    async def write(self, visitor: Visitor, asked: Asked) -> None:
        """To the end; then, often, on from there, or a look inside."""
        run = await self.follow(visitor, self.page.generate, asked.values, asked.text)
        self.check("write", run.text, asked.text)
        if asked.longer and self.dice.random() < 0.3:
            run = await self.follow(
                visitor, self.page.go_on, asked.values, asked.longer
            )
            self.check("go on", run.text, asked.longer)
        elif self.dice.random() < 0.2:
            index = self.dice.choice([(0, "Candidates"), (3, "Heads"), (2, "Window")])
            sent = dict(zip(("index", "value"), index, strict=True))
            said = str(await visitor.all_of(self.page.tabs, sent))
            self.check("look inside", "<img" in said or "<table" in said, True)

    async def follow(
        self, visitor: Visitor, action: Action, form: dict[str, Any], whole: str
    ) -> Run:
        """Watch a run: its text only grows, and is never anything else's.

        But for that of a beam search, which shows what leads so far.
        """
        run, before = Run(0), ""
        updates = await visitor.ask(action, **form)
        async for run in self.page.told(visitor, updates):
            if run.phase == "generating" and form["sampler"] != "beam":
                self.check("update", run.text, whole[: len(run.text)])
                self.check("growth", run.text[: len(before)], before)
                before = run.text
        self.runs.append(run)
        return run

    async def stop(self, visitor: Visitor, asked: Asked) -> None:
        """Stop it after a while: what was there stays."""
        patience, before, run = self.dice.randint(1, 20), "", Run(0)
        updates = await visitor.ask(self.page.generate, **asked.values)
        async for run in self.page.told(visitor, updates):
            patience -= 1
            if patience == 0:
                before = run.text if run.phase == "generating" else ""
                await visitor.at_once(self.page.stop)
        if asked.values["sampler"] != "beam":
            self.check("stop", run.text, asked.text[: len(run.text)])
            self.check("growth", run.text[: len(before)], before)

    async def change(self, visitor: Visitor, asked: Asked) -> None:
        """Generate something else while it still writes: only that is shown then."""
        first = await visitor.ask(self.page.generate, **asked.values)
        hears = asyncio.create_task(anext(first))
        await hears
        other = self.dice.choice(self.asked)
        run = await self.follow(visitor, self.page.generate, other.values, other.text)
        self.check("change", run.text, other.text)
        async for _ in first:
            pass

    async def compare(self, visitor: Visitor, asked: Asked) -> None:
        if asked.compared:
            said = await self.page.comparison(visitor, asked)
            self.check("compare", said, asked.compared)

    async def ask(self, visitor: Visitor, asked: Asked) -> None:
        if asked.answers:
            name = self.dice.choice([*asked.answers])
            said = await self.page.answer(visitor, name, asked)
            self.check(name, said, asked.answers[name])

    async def leave(self, visitor: Visitor, asked: Asked) -> None:
        """Close the page in the middle of it."""
        action = self.dice.choice([self.page.generate, self.page.compare])
        sent = {**asked.values, "compared": COMPARED}
        updates = await visitor.ask(action, **sent)
        with suppress(asyncio.TimeoutError, StopAsyncIteration):
            for _ in range(self.dice.randint(1, 4)):
                await asyncio.wait_for(anext(updates), 1)
        await visitor.leave()
        self.counts["left"] += 1


class Watch:
    """Samples the server's memory and threads, and whether it is busy."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.samples: list[tuple[float, int]] = []

    async def sample(self, every: float) -> None:
        """Until it is cancelled: when, and how many bytes."""
        while True:
            memory = self.process.memory_info().rss
            self.samples.append((time.monotonic(), memory))
            await asyncio.sleep(every)

    def grown(self) -> int:
        """Bytes from the first fifth of the time to the last one."""
        fifth = max(1, len(self.samples) // 5)
        early = max(memory for _, memory in self.samples[:fifth])
        return max(memory for _, memory in self.samples[-fifth:]) - early

    async def is_idle(self) -> bool:
        """Whether nothing is written or read for anybody."""
        self.process.cpu_percent()
        await asyncio.sleep(2)
        return float(self.process.cpu_percent()) < 30

    async def num_threads(self, url: str) -> int:
        """Once those that wait for work have given up, after ten seconds."""
        for seconds in (11, 1):
            await asyncio.sleep(seconds)
            await asyncio.to_thread(httpx.get, url, timeout=30)
        return int(self.process.num_threads())


def report(people: list[Person], watch: Watch, seconds: float) -> str:
    """What the people saw, in lines."""
    counts = sum((person.counts for person in people), Counter[str]())
    runs = [run for person in people for run in person.runs]
    waits = sorted(run.waited for run in runs if run.waited is not None)
    written = sum(len(run.text) for run in runs)
    at = [waits[min(len(waits) - 1, int(len(waits) * p))] for p in (0.5, 0.95, 1)]
    curve = watch.samples[:: max(1, len(watch.samples) // 10)]
    return (
        f"{len(people)} people, {seconds:.0f} s: {dict(counts)}\n"
        f"{len(runs)} runs followed, {written / seconds:.0f} characters/s; waits p50 "
        f"{at[0]:.2f} p95 {at[1]:.2f} max {at[2]:.2f} s\n"
        f"MB: {' '.join(f'{memory / 2**20:.0f}' for _, memory in curve)}"
    )


async def crowd(
    page: Page, asked: list[Asked], size: int, seconds: float, watch: Watch
) -> list[Person]:
    """So many people for so long."""
    people = [Person(page, asked, 1000 * size + number) for number in range(size)]
    watching = asyncio.create_task(watch.sample(seconds / 100))
    until = time.monotonic() + seconds
    await asyncio.gather(*(person.play(until) for person in people))
    watching.cancel()
    return people


def unfair(people: list[Person]) -> list[str]:
    """Where somebody was overtaken, or waited far longer than most who waited."""
    runs = [run for person in people for run in person.runs if run.places]
    faults = [
        f"The place in line rose: {run.places}"
        for run in runs
        if run.places != sorted(run.places, reverse=True)
    ]
    waits = sorted(run.waited for run in runs if run.waited is not None)
    if waits and waits[-1] > 5 * waits[len(waits) // 2] + 2:
        faults.append(
            f"One waited {waits[-1]:.1f} s, half {waits[len(waits) // 2]:.1f}."
        )
    return faults


@pytest.fixture
def app(tmp_path: Path) -> Iterator[AppProcess]:
    """The page as `make run` starts it."""
    kept = str(cache_folder())
    app = AppProcess(tmp_path, PLAYGROUND_MODELS="", PLAYGROUND_CACHE_DIR=kept)
    try:
        app.wait_until_it_says("Ready", seconds=600)
        yield app
    finally:
        app.end()


def test_forty_people_wait_in_line_and_each_gets_their_own(page, scripted):
    site, starts = Site(page.url), []

    async def write(number: int) -> tuple[Run, str]:
        async with Visitor(site) as visitor:
            form = {"prompt": f"Mine is {number}.", "max_new_tokens": 3}
            updates = await visitor.ask(site.action("generate", "click"), **form)
            run, prompt, begun = Run(time.monotonic()), "", False
            async for outputs in updates:
                for output in outputs[:2]:
                    await note(run, output, visitor)
                if run.phase == "generating" and not begun:
                    starts.append(number)
                    begun = True
                if isinstance(outputs[0], dict) and outputs[0].get("prompt"):
                    prompt = text_of(visitor.screen.prompt)
            return run, prompt

    async def play() -> None:
        people = []
        for number in range(40):
            people.append(asyncio.create_task(write(number)))
            assert await asyncio.to_thread(scripted.wait_for_runs, number + 1)
        async with Visitor(site) as last:  # who stops does not wait for the others
            hears = await last.ask(site.action("generate", "click"), prompt="Hello")
            assert await asyncio.to_thread(scripted.wait_for_runs, 41)
            await last.at_once(site.action("stop", "click"))
            assert await asyncio.to_thread(scripted.wait_for_runs, 40)
            assert len([each async for each in hears]) > 1
        scripted.allow(None)
        for number, (run, prompt) in enumerate(await asyncio.gather(*people)):
            assert run.text == " word0 word1 word2"
            assert prompt == f"<|user|>Mine is {number}.\n<|model|>"
            assert run.places == sorted(run.places, reverse=True)
            assert run.places[:1] in ([number], [])
        assert starts == list(range(40))

    asyncio.run(play())


def test_what_is_sent_of_a_token_does_not_grow_with_the_text(page_for):
    engine = Scripted(answer=tuple(f" word{n % 10}" for n in range(1000)))
    page = Page(page_for(engine).url)
    asked = Asked({"prompt": "Hello", "max_new_tokens": 400})

    async def play() -> None:
        async with Visitor(page.site) as visitor:
            updates = await visitor.ask(page.generate, **asked.values)
            run, heard = page.told(visitor, updates), []
            for count in range(100, 500, 100):
                engine.allow(100)
                while len(visitor.screen.answer) < count:
                    await anext(run)
                heard.append(visitor.bytes_heard)
            async for _ in run:
                pass
            first, *later = (b - a for a, b in pairwise(heard))
            assert max(later) < 1.2 * first
            engine.allow(1)
            before, asked.values["max_new_tokens"] = visitor.bytes_heard, 1
            await page.run(visitor, page.go_on, asked)
            assert len(visitor.screen.answer) == 401
            assert visitor.bytes_heard - before < heard[-1] / 20

    asyncio.run(play())


@pytest.mark.slow
def test_a_server_on_which_eight_people_write_ends_when_told_to(
    app: AppProcess,
) -> None:
    page = Page(app.url)

    async def play() -> float:
        visitors = [Visitor(page.site) for _ in range(8)]
        form = {"prompt": "ROMEO:", "chat": False, "max_new_tokens": 4000}
        for visitor in visitors:
            await visitor.__aenter__()
            said = page.told(visitor, await visitor.ask(page.generate, **form))
            while (await anext(said)).phase != "generating":
                pass
        told_at = time.monotonic()
        assert await asyncio.to_thread(app.end) == 0
        for visitor in visitors:
            await visitor.__aexit__()
        return time.monotonic() - told_at

    assert asyncio.run(play()) < 5


@pytest.mark.soak
def test_eight_people_and_then_forty_are_told_what_one_alone_was(
    app: AppProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, watch = random.Random(0), Watch(app.pid)
    page = Page(app.url)

    async def play() -> list[str]:
        async with Visitor(page.site) as visitor:
            forms = [values(dice, number) for number in range(FORMS)]
            asked = [await page.alone(visitor, form) for form in forms]
        faults, threads = [], await watch.num_threads(app.url)
        for size, seconds in ((8, SECONDS), (40, 0.4 * SECONDS)):
            watch.samples = []
            people = await crowd(page, asked, size, seconds, watch)
            left = await watch.num_threads(app.url) - threads
            with capsys.disabled():
                print(f"\n{report(people, watch, seconds)}; {left} more threads")
            faults += [fault for person in people for fault in person.faults]
            faults += unfair(people)
            if left > 2:
                faults.append(f"{left} threads are left of {size} people.")
            if watch.grown() > ROOM[size]:
                faults.append(f"{watch.grown():,} bytes more after {size} people.")
            if not await watch.is_idle():
                faults.append(f"Something still runs after {size} people left.")
        return faults

    faults = asyncio.run(play())
    assert not faults, "\n".join(faults)
