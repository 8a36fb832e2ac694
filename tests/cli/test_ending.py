"""A run that is asked to end while nothing of Python runs: it ends, and keeps what was measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from costlab.bench.document import Measurements
from costlab.cli import ending
from costlab.cli.ending import Terminated, terminable
from costlab.store import load
from tests.bench.plain import ROOT
from tests.cli.pretending import TOML

if TYPE_CHECKING:
    from pathlib import Path

# A hash of so many rounds takes minutes, and no signal is answered meanwhile: as in a compiler, or
# a kernel. With arguments of its own `main` starts no child, so that the signal has one way to go.
STUCK = """
import hashlib, sys
from threading import Timer
from costlab.bench import backends
from costlab.cli import main
from tests.bench.pretended import Pretended

class Stuck(Pretended):
    def step(self, what, of=""):
        super().step(what, of)
        if (what, of) == ("AT", "two") and self.steps.count((what, of)) == TIMES:
            Timer(0.3, lambda: print("stuck", file=sys.stderr, flush=True)).start()
            hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1)

backends.choose = lambda name, threads=None: Stuck()
main(["bench", "study.toml", "--out", "a.json"])
"""


@pytest.mark.parametrize(
    ("number", "at", "times"),
    # The second case is prepared, and checked: twice in the first.
    [(signal.SIGTERM, "prepare", "2"), (signal.SIGINT, "check", "3")],
    ids=["prepared", "checked"],
)
def test_what_was_measured_is_shown_and_kept(
    tmp_path: Path, number: int, at: str, times: str
) -> None:
    """In the midst of what Python cannot leave: the first case is in the table and in the file."""
    (tmp_path / "study.toml").write_text(TOML, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK.replace("AT", at).replace("TIMES", times)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        assert next(line for line in process.stderr if line == "stuck\n")
        process.send_signal(number)
        told, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == -number
    assert told.count("FASTER") == 1
    assert "interrupted after 1 case; --out a.json --resume goes on" in errors
    kept = load(tmp_path / "a.json")
    assert isinstance(kept, Measurements)
    assert [case.batch for case in kept.cases] == [1]
    assert any(note.startswith("Interrupted") for note in kept.notes)
    assert not kept.complete


SLOW = """
import time
from costlab.bench import backends
from costlab.cli import main
from tests.bench.pretended import Pretended

class Slow(Pretended):
    def step(self, what, of=""):
        super().step(what, of)
        if (what, of) == ("prepare", "one"):
            time.sleep(60)

backends.choose = lambda name, threads=None: Slow()
main()
"""


def test_a_run_that_is_late_is_no_fault_of_the_model(tmp_path: Path) -> None:
    """What does not end is ended: one error, of the time, with what took it; and exit code 2."""
    (tmp_path / "study.toml").write_text(TOML, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", SLOW, "bench", "study.toml", "--quick", "--minutes", "0.1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 2
    (told,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert told == (
        "error: the time was over, 0.1 min, before any case was measured, in the midst of "
        "identical arms: one eager; --minutes gives more"
    )
    assert "os._exit" not in ended.stderr


def test_what_ends_in_time_is_not_ended_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that Python answers: nothing else is done, and all handlers are as before."""
    monkeypatch.setattr(ending, "GRACE_S", 0.05)
    asked: list[int] = []
    threads = threading.active_count()
    handler, wakeup = signal.getsignal(signal.SIGTERM), signal.set_wakeup_fd(-1)
    seen: list[int] = []

    def interrupted() -> None:
        with terminable(asked.append) as signals:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(30)
            finally:
                seen.extend(signals)

    with pytest.raises(Terminated):
        interrupted()
    time.sleep(0.1)
    assert (asked, seen) == ([], [signal.SIGTERM])
    assert signal.getsignal(signal.SIGTERM) is handler
    assert signal.set_wakeup_fd(-1) == wakeup
    assert threading.active_count() == threads


def test_what_does_not_end_is_ended_from_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that goes on after the signal: the other thread is told which it was, once."""
    monkeypatch.setattr(ending, "GRACE_S", 0.05)
    asked: list[int] = []
    with terminable(asked.append):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        except Terminated:
            time.sleep(0.2)
    assert asked == [signal.SIGTERM]
