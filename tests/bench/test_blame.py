"""Where an error began: in the user's own code, late, in a thread, or in what was compiled."""

from __future__ import annotations

import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from costlab.bench.arms import told
from costlab.bench.blame import in_words, line_of, threads_heard
from costlab.bench.runner import run
from tests.bench.pretended import REQUEST, Made, Pretended

if TYPE_CHECKING:
    from collections.abc import Callable


def boom() -> None:
    """Raises, at the line that is to be told."""
    raise ValueError("boom late")


LINE = boom.__code__.co_firstlineno + 2
PLACE = f" [{__file__}:{LINE}]"


def pooled() -> None:
    """Raises in a thread whose result is waited for."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(boom).result()


def wrapped() -> None:
    """Raises what torch does of an error in another thread: its traceback is in the text."""
    try:
        boom()
    except ValueError:
        raise RuntimeError(f"in replica 0. Original {traceback.format_exc()}") from None


def caught(call: Callable[[], None]) -> Exception:
    """What a call raises."""
    with pytest.raises((ValueError, RuntimeError)) as found:
        call()
    return found.value


@pytest.mark.parametrize("call", [boom, pooled, wrapped])
def test_the_line_is_the_users(call: Callable[[], None]) -> None:
    """However an error comes here, the message names the file and line where it began."""
    error = caught(call)
    assert line_of(error) == PLACE
    assert PLACE in in_words(error)
    assert PLACE in told("eager", error)


def test_what_has_no_line_has_its_causes() -> None:
    """An error without a frame of the user's own is placed where what it is from was raised."""
    error = RuntimeError("the forward failed")
    error.__cause__ = caught(boom)
    assert line_of(error) == PLACE
    assert line_of(RuntimeError("no room")) == ""


def test_a_side_that_breaks_late_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that raises while it is timed: kind, file, line and what it says."""
    call = Made.call
    calls: list[str] = []

    def late(self: Made) -> None:
        calls.append(self.name)
        if calls.count("two") > 10:
            boom()
        call(self)

    monkeypatch.setattr(Made, "call", late)
    error = run(REQUEST, Pretended()).found.cases[0].variant.error
    assert error == f"ValueError{PLACE}: boom late"


def test_a_thread_that_ended_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a thread ended, whose result is then missing, its error is told too, and shown once."""
    call = Made.call

    def threaded(self: Made) -> None:
        if self.name == "two":
            for _ in range(3):
                thread = threading.Thread(target=boom)
                thread.start()
                thread.join()
            raise IndexError("nothing came")
        call(self)

    before = threading.excepthook
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(Made, "call", threaded)
    first, second = run(REQUEST, Pretended()).found.cases
    assert first.variant.error.startswith("IndexError")
    assert first.variant.error.endswith(
        f"a thread had ended before by ValueError{PLACE}: boom late"
    )
    assert second.error == ""
    assert capsys.readouterr().err.count("ValueError: boom late") == 1
    monkeypatch.undo()
    assert threading.excepthook is before


def test_threads_are_heard_no_longer_than_asked() -> None:
    """Afterwards the hook is as it was, also after an error."""
    before = threading.excepthook
    with pytest.raises(KeyError), threads_heard():
        raise KeyError("x")
    assert threading.excepthook is before
