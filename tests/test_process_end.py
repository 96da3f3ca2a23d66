"""A process ends cleanly and soon, whatever its threads are computing."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from playground.engine import Engine
from playground.system import threads
from playground.system.threads import ComputingThread, end_threads


@pytest.fixture(autouse=True)
def only_these_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other tests, such as the engine that all share, go on."""
    monkeypatch.setattr(threads, "_started", weakref.WeakSet())


SCRIPTS = {
    "after a run, while programs for several people are built": """
        from playground.session import Session, start_engine
        from playground.settings import GenerationSettings
        engine = start_engine("shakespeare_mistral", warm_rows=8)
        settings = GenerationSettings(max_new_tokens=3)
        print(len(list(Session(engine).generate("KING.", settings))) > 3)
    """,
    "while a model is loaded": """
        from playground.session import start_engine
        engine = start_engine("shakespeare_mistral")
        print(engine.wait_for_model(0.0) is False)
    """,
    "while a program is compiled": """
        from playground.session import start_engine
        engine = start_engine("shakespeare_mistral")
        print(engine.wait_for_model(60.0))
    """,
    "while a text is read for a picture": """
        from playground.interface.long_work import in_steps
        from playground.models import MistralCausalLM, explain
        model = MistralCausalLM.from_preset("shakespeare_mistral")
        def work(progress, stopped):
            while True:
                explain(model, [5] * 99, progress=progress, stopped=stopped)
        print(next(in_steps(work)) is not None)
    """,
    "after a widget's run": """
        from widgets import generate
        print(len(generate("shakespeare_mistral", "KING.", max_new_tokens=3).text) > 3)
    """,
}


def end_of(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


OFTEN_FATAL = ["while a program is compiled", "while a text is read for a picture"]


@pytest.mark.parametrize("case", OFTEN_FATAL)
def test_a_process_ends_by_itself(case: str) -> None:
    end_of(SCRIPTS[case])


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_process_ends_by_itself_each_time(script: str) -> None:
    for _ in range(8):
        end_of(script)


COMMAND = [sys.executable, "-m", "playground", "generate", "KING."]
COMMAND += ["--preset", "shakespeare_mistral", "--max-new-tokens", "4000"]


def started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def interrupt(process: subprocess.Popen[str]) -> str:
    """What it says after Ctrl-C, which ends it as a shell expects."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    return said


def test_ctrl_c_ends_a_command_that_writes() -> None:
    process = started()
    assert process.stdout is not None
    assert process.stdout.read(8)
    assert "Traceback" not in interrupt(process)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6])
def test_ctrl_c_ends_a_command_at_any_moment(seconds: float) -> None:
    process = started()
    time.sleep(seconds)
    assert interrupt(process).strip() in ("", "Loading weights")


def test_an_interrupt_that_a_callback_swallows_is_raised_again() -> None:
    script = """
        import gc, signal, time
        from playground.system.interrupts import watch_interrupts
        interrupted = watch_interrupts()
        def swallow(phase, info):
            gc.callbacks.remove(swallow)
            signal.raise_signal(signal.SIGINT)
        gc.callbacks.append(swallow)
        gc.collect()
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            print(interrupted())
    """
    end_of(script)


def test_threads_are_told_to_stop_and_waited_for() -> None:
    asked, ended = threading.Event(), []

    def work() -> None:
        asked.wait(30)
        time.sleep(0.1)
        ended.append(True)

    ComputingThread(work, asked.set, "work").start()
    assert end_threads(seconds=30)
    assert ended == [True]


def test_a_thread_that_does_not_end_is_left_after_a_while() -> None:
    let_go = threading.Event()
    thread = ComputingThread(lambda: let_go.wait(30) and None, lambda: None, "stays")
    thread.start()
    assert not end_threads(seconds=0.05)
    let_go.set()
    thread.join()
    assert end_threads(seconds=0.05)


def test_an_engine_that_loads_ends_when_it_is_closed() -> None:
    def load(report: Callable[[str, float | None], None], _: object) -> object:
        while True:
            report("Loading", 0.5)
            time.sleep(0.01)

    engine: Engine[object] = Engine(load)  # type: ignore[type-var, arg-type]
    engine.close()
    assert engine.status.phase == "closed"
