"""Models whose code ends, or tries to end, the process that measures them: no gate passes so."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from costlab.cli import main
from costlab.cli.app import LISTED
from costlab.cli.attended import RUNNING_CODE
from tests.cli.repository import environment

COSTLAB = (sys.executable, "-m", "costlab")
NET = """
import atexit, os, signal, sys, time
from pathlib import Path
from torch import nn

class Net(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
        BUILT
    def forward(self, x):
        RUN
        return super().forward(x)
"""
LIMIT = ("net.py:Net", "-i", "f32[1,4]")


def written(folder: Path, built: str = "pass", run: str = "pass") -> None:
    """Writes the model, with a line that runs when it is built and one in its forward."""
    text = NET.replace("BUILT", built).replace("RUN", run)
    (folder / "net.py").write_text(text, encoding="utf-8")


def costlab(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of the command as a process, as a service runs it."""
    return subprocess.run(
        [*COSTLAB, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("built", "run"), [("os._exit(0)", "pass"), ("pass", "os._exit(0)")], ids=["built", "run"]
)
def test_a_model_that_ends_the_process_does_not_pass(tmp_path: Path, built: str, run: str) -> None:
    """`os._exit(0)` is exit code 2, with a line that says so, and no verdict is written."""
    written(tmp_path, built, run)
    found = costlab(tmp_path, "check", *LIMIT, "--max", "macs=100", "--format", "json:a.json")
    assert (found.returncode, found.stdout) == (2, "")
    assert "ended by itself, with exit code 0, before there was a result" in found.stderr
    assert not (tmp_path / "a.json").exists()


def test_a_report_is_not_cut_off_in_silence(tmp_path: Path) -> None:
    """What runs a model without a limit says it as well."""
    written(tmp_path, run="os._exit(0)")
    found = costlab(tmp_path, "report", *LIMIT)
    assert (found.returncode, "os._exit" in found.stderr) == (2, True)


def test_the_verdict_is_the_exit_code_whatever_happens_behind_it(tmp_path: Path) -> None:
    """Code that runs when Python ends cannot turn 1 into 0."""
    written(tmp_path, built="atexit.register(lambda: os._exit(0))")
    assert costlab(tmp_path, "check", *LIMIT, "--max", "macs=15").returncode == 1
    assert costlab(tmp_path, "check", *LIMIT, "--max", "macs=16").returncode == 0


@pytest.mark.parametrize("kind", ["GeneratorExit", "SystemExit(0)"])
def test_what_is_no_exception_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """A model may raise anything: it is told like any error, and other models go on."""
    written(tmp_path, run=f"raise {kind}")
    found = costlab(tmp_path, "check", *LIMIT, "--max", "macs=16", "--format", "json:a.json")
    assert found.returncode == 2
    assert "net.py" in found.stderr
    assert "Traceback" not in found.stderr
    assert (tmp_path / "a.json").exists()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["report", *LIMIT])
    told = capsys.readouterr().err
    assert (end.value.code, "error: " in told, "Traceback" in told) == (2, True, False)


def test_a_fault_in_compiled_code_is_told(tmp_path: Path) -> None:
    """A signal that nobody sent ends with 2, and its name."""
    written(tmp_path, run="os.kill(os.getpid(), signal.SIGKILL)")
    found = costlab(tmp_path, "check", *LIMIT, "--max", "macs=16")
    assert (found.returncode, "SIGKILL" in found.stderr) == (2, True)


def test_closed_streams_are_no_verdict(tmp_path: Path) -> None:
    """A model that closes stdout leaves nobody who could be told: 2."""
    written(tmp_path, run="sys.stdout.close(); os.close(1)")
    assert costlab(tmp_path, "check", *LIMIT, "--max", "macs=16").returncode == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_reaches_the_model(tmp_path: Path, number: signal.Signals) -> None:
    """Who cancels the command cancels the process below it too, and sees it end as always."""
    written(tmp_path, run="Path('pid').write_text(str(os.getpid())); time.sleep(60)")
    command = [*COSTLAB, "check", *LIMIT, "--max", "macs=16"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), start_new_session=True) as run:
        end = time.monotonic() + 60
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text("utf-8"):
            assert run.poll() is None, "it ended before the model ran"
            assert time.monotonic() < end
            time.sleep(0.01)
        run.send_signal(number)
        assert run.wait(30) == (130 if number == signal.SIGINT else -number)
    below = int((tmp_path / "pid").read_text(encoding="utf-8"))
    assert below != run.pid
    with pytest.raises(ProcessLookupError):
        os.kill(below, 0)


def test_each_command_says_whether_it_runs_code() -> None:
    """A command that is new is either among those that run models, or known not to."""
    assert LISTED.keys() - RUNNING_CODE == {"list", "claims", "show", "schema"}
