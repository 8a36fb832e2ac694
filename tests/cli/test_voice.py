"""What is said on stderr: by default, with --quiet and with --verbose."""

import io
import json
import re
import sys
import time
from pathlib import Path
from threading import Timer

import pytest

from costlab.cli import voice
from costlab.cli.voice import USUAL, Voice
from costlab.errors import UsageError
from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE

WARNS = """\
import warnings

import torch


class Warns(torch.nn.Module):
    def forward(self, x):
        warnings.warn("the model's own warning")
        return torch.linalg.svdvals(x)
"""
TIMED = r"\d+(\.\d+)? [mµnp]?s"


@pytest.fixture
def lower_bound(desk: Path) -> tuple[str, ...]:
    """A report whose total is a lower bound, of a model that warns."""
    (desk / "warns.py").write_text(WARNS, encoding="utf-8")
    return ("report", "warns.py:Warns", "-i", "f32[4,4]", "--format", "csv")


@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_quiet_says_nothing(costlab: Costlab, lower_bound: tuple[str, ...], option: str) -> None:
    """Neither costlab's warnings nor Python's; the result is the same."""
    with pytest.warns(UserWarning, match="the model's own warning"):
        usual = costlab(*lower_bound)
    assert "warning: " in usual.err
    assert "lower bound" in usual.err
    assert costlab(*lower_bound, option) == (0, usual.out, "")


def test_quiet_still_tells_errors(costlab: Costlab, lower_bound: tuple[str, ...]) -> None:
    """What failed is told whatever the voice, with the code of a failure."""
    found = costlab(*lower_bound, "--quiet", "--strict")
    assert found.code == 2
    assert found.err.startswith("error: the total is a lower bound")


def test_quiet_leaves_the_table_as_it_is(costlab: Costlab, lower_bound: tuple[str, ...]) -> None:
    """A warning in a table belongs to the result, which no option changes."""
    assert "warning: unknown: " in costlab(*lower_bound[:-2], "--quiet").out


@pytest.mark.parametrize("option", ["--verbose", "-v"])
def test_verbose_tells_each_step(costlab: Costlab, desk: Path, option: str) -> None:
    """Each step is named when it begins, and at its end how long it took; the table stays."""
    asked = ("report", "inception_v3", "--format", "text", "--format", "json:a.json")
    usual = costlab(*asked)
    found = costlab(*asked, option)
    assert (found.code, usual.err) == (0, "")
    table, _, _ = usual.out.partition("MACs: multiply-adds")
    assert found.out.startswith(table)
    steps = {
        "import": "torch",
        "build": "inception_v3",
        "trace": r"f32\[1,3,299,299\] in eval mode",
        "render": "text, json:a.json",
    }
    lines = [f"{step}: {what}\n{step}: done in {TIMED}\n" for step, what in steps.items()]
    assert re.fullmatch("".join(lines) + "wrote a.json\n", found.err), found.err
    assert json.loads((desk / "a.json").read_text(encoding="utf-8"))["complete"]


def test_verbose_tells_of_a_cross_check(costlab: Costlab) -> None:
    """The other counters are a step of their own."""
    found = costlab(*("report", "torch.nn:Identity", "-i", "f32[1]", "--cross-check", "--verbose"))
    step = f"cross-check: FlopCounterMode, fvcore\ncross-check: done in {TIMED}\n"
    assert re.search(step, found.err)


def test_verbose_tells_where_it_stopped(costlab: Costlab, desk: Path) -> None:
    """A step that fails does not say that it is done."""
    del desk
    found = costlab("report", "net.py:Broken", "-i", IMAGE, "--verbose")
    assert found.code == 2
    assert re.search(f"^trace: stopped after {TIMED}$", found.err, re.MULTILINE)
    assert "trace: done" not in found.err


def test_every_command_has_a_voice(costlab: Costlab, desk: Path) -> None:
    """Reading a file and listing are steps as well."""
    costlab("report", "net.py:Net", "-i", IMAGE, "--format", "json:a.json")
    shown = costlab("show", str(desk / "a.json"), "--verbose")
    assert re.match(f"read: .*a.json\nread: done in {TIMED}\nrender: text\n", shown.err)
    assert re.fullmatch(
        f"render: json\nrender: done in {TIMED}\n",
        costlab("list", "--format", "json", "--verbose").err,
    )
    assert costlab("list", "--quiet").err == ""


@pytest.mark.parametrize("command", ["report net.py:Net", "show a.json", "list"])
def test_not_both(costlab: Costlab, desk: Path, command: str) -> None:
    """Quiet and verbose at once is a slip, and is said before anything is done."""
    del desk
    found = costlab(*command.split(), "--quiet", "--verbose")
    assert (found.code, found.out) == (2, "")
    assert found.err == "error: --quiet and --verbose exclude each other; give one of them\n"
    with pytest.raises(UsageError):
        Voice(quiet=True, verbose=True)


class Terminal(io.StringIO):
    """A stream that someone watches."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.mark.parametrize(
    ("chosen", "watched", "turns"),
    [
        (USUAL, True, True),
        (USUAL, False, False),
        (Voice(quiet=True), True, False),
        (Voice(verbose=True), True, False),
    ],
)
def test_what_turns(
    monkeypatch: pytest.MonkeyPatch, chosen: Voice, *, watched: bool, turns: bool
) -> None:
    """Only a terminal sees that something runs, unless it is told to be quiet or told each step."""
    stream = Terminal() if watched else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(voice, "PATIENCE_S", 0.0)
    monkeypatch.setenv("TERM", "xterm-256color")
    timers = []

    class Watched(Timer):
        def start(self) -> None:
            timers.append(self)
            super().start()

    monkeypatch.setattr(voice, "Timer", Watched)
    with chosen.working("analyzing a model"):
        end = time.monotonic() + 30
        while timers and "analyzing a model" not in stream.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
    assert bool(timers) is turns
    assert ("analyzing a model" in stream.getvalue()) is turns


def test_an_ascii_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time in microseconds, and a name that is no text, are told in what the stream has."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    Voice(verbose=True).tell("2.50 µs for 卷积\n\x1b[31m")
    USUAL.tell("not told")
    stream.flush()
    assert raw.getvalue() == b"2.50 us for \\u5377\\u79ef\\n\\x1b[31m\n"


def test_no_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stderr is closed, there is nobody to tell."""
    monkeypatch.setattr(sys, "stderr", None)
    with USUAL.working("nothing"):
        USUAL.warn("nobody hears it")
