"""The bar of a long measurement: on a terminal alone, and the time that it says is left."""

from __future__ import annotations

import sys
import time
from io import StringIO
from typing import TYPE_CHECKING

from costlab.bench.progress import Moment, nobody
from costlab.cli import progress
from costlab.cli.progress import bar, left
from costlab.cli.voice import Voice

if TYPE_CHECKING:
    import pytest


class Terminal(StringIO):
    """A stream that says that somebody is watching."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Yes."""
        return True


def installed(monkeypatch: pytest.MonkeyPatch, patience_s: float) -> Terminal:
    """A terminal as stderr; in a test itself, as pytest puts its own there after each fixture."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE_S", patience_s)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_terminal_is_shown_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The case, how many there are, and the time left; the names of a model are literal."""
    terminal = installed(monkeypatch, 0.0)
    with bar(Voice()) as watch:
        for done, what in enumerate(("ceilings", "5x5 [bold]eager\x1b[31m")):
            watch(Moment(what, done, 6, 600.0))
            end = time.monotonic() + 10
            while what[:3] not in terminal.getvalue() and time.monotonic() < end:
                time.sleep(0.01)  # the bar begins in a thread of its own
    shown = terminal.getvalue()
    assert "0/6" in shown
    assert "at most 10 min left" in shown
    assert "5x5 [bold]eager\\x1b[31m" in shown


def test_nothing_is_shown_before_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over before anybody waits shows nothing."""
    terminal = installed(monkeypatch, 60.0)
    with bar(Voice()) as watch:
        watch(Moment("ceilings", 0, 6, 600.0))
    assert terminal.getvalue() == ""


def test_nobody_is_told_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing for the quiet voice, and at first nothing in a pipe."""
    installed(monkeypatch, 0.0)
    with bar(Voice(quiet=True)) as watch:
        assert watch is nobody
    with bar(Voice()) as watch:
        assert watch is not nobody
    pipe = StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with bar(Voice()) as watch:
        watch(Moment("ceilings", 0, 6, 600.0))
    assert pipe.getvalue() == ""


def test_the_time_left_is_the_lesser_of_pace_and_limit() -> None:
    """Ten cases in a minute leave a minute for ten more, unless the limit comes before."""
    moment = Moment("", 10, 20, 600.0)
    assert left(moment, 0.0, 60.0) == "about 60 s left"
    assert left(moment, 0.0, 6000.0) == "at most 10 min left"
    assert left(Moment("", 0, 20, 600.0), 0.0, 60.0) == "at most 10 min left"


def test_a_pipe_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten seconds after the last line there is another; what is over before says nothing."""
    now = [0.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: now[0])
    with bar(Voice()) as watch:
        for at in (1.0, 9.0, 11.0, 12.0, 22.0):
            now[0] = at
            watch(Moment(f"case at {at:g}", 1, 6, 600.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"1/6 case at {at} (at most 10 min left)" for at in (11, 22)]
    with bar(Voice(quiet=True)) as watch:
        assert watch is nobody
