"""A study that is killed, and two of one folder: nothing runs on, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import _gpu_files, gpu_study
from benchmarks._gpu_ending import REFUSED
from benchmarks._gpu_files import Folder
from costlab.errors import UsageError
from tests.bench.plain import ROOT, environment

PROC = Path("/proc")
pytestmark = pytest.mark.skipif(not (PROC / "self/stat").exists(), reason="needs Linux's /proc")
TINY = [sys.executable, "benchmarks/gpu_study.py", "--device", "cpu", "--tiny", "--minutes", "5"]
ENDS_S = 20.0
"""Far longer than a killed process takes to end, far less than one that is not lives on."""


def stat(process: int) -> list[str]:
    """The state of a process, its parent and what follows; nothing if there is no such process."""
    try:
        return (PROC / str(process) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    there = [int(one.name) for one in PROC.iterdir() if one.name.isdigit()]
    return [one for one in there if stat(one)[1:2] == [str(parent)]]


def outlives(process: int, limit_s: float = ENDS_S) -> bool:
    """Whether a process still runs after so long."""
    end_s = time.monotonic() + limit_s
    while stat(process)[:1] not in ([], ["Z"], ["X"]):
        if time.monotonic() > end_s:
            os.kill(process, signal.SIGKILL)
            return True
        time.sleep(0.02)
    return False


def orphan(command: list[str], line: str, folder: Path, env: dict[str, str] | None = None) -> int:
    """The child of a process that was killed, once it had said a line.

    It says so in a file: writing to a pipe that nobody reads would end the child as well.
    """
    said, end_s = folder / "said", time.monotonic() + 60
    with said.open("w", encoding="utf-8") as file:
        parent = subprocess.Popen(command, cwd=ROOT, env=env, stdout=file)
    try:
        while line not in said.read_text(encoding="utf-8"):
            assert time.monotonic() < end_s
            time.sleep(0.02)
        (child,) = children(parent.pid)
    finally:
        parent.kill()
        parent.wait()
    return child


def test_a_killed_study_measures_no_longer(tmp_path: Path) -> None:
    """The process that measures ends with the study, whose folder is whole and free at once."""
    site, out = tmp_path / "site", tmp_path / "gpu"
    site.mkdir()
    command = [*TINY, "--parts", "2,3", "--out", str(out)]
    child = orphan(command, "part 2: ceilings", tmp_path, environment(site))
    assert not outlives(child)
    with Folder(out).alone():
        assert Folder(out).record()["device"]
        assert all(Folder(out).document(file.stem) for file in out.glob("[!s]*.json"))
        # Else it went on until it was done.
        assert Folder(out).document("factorizations") is None


def test_what_a_killed_process_runs_ends_with_it(tmp_path: Path) -> None:
    """Tests, the memory checker and the counters are started by `within`: none of them runs on."""
    code = (
        "from pathlib import Path; from benchmarks._gpu_checks import within; "
        "import threading; "
        "threading.Timer(0.5, lambda: print('begun', flush=True)).start(); "
        "within(['sleep', '300'], Path(), 300)"
    )
    child = orphan([sys.executable, "-c", code], "begun", tmp_path)
    assert not outlives(child)


def test_two_studies_do_not_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second is refused while the first is there, and leaves nothing; then it may."""
    monkeypatch.setattr(_gpu_files, "PATIENCE_S", 0.2)
    asked = ["--device", "cpu", "--tiny", "--parts", "5", "--out", str(tmp_path)]
    with Folder(tmp_path).alone():
        assert gpu_study.main(asked) == REFUSED
        told = capsys.readouterr()
    assert told.err == (
        f"error: another study writes to {tmp_path}; wait for it, or name another folder by --out\n"
    )
    assert (told.out, list(tmp_path.iterdir())) == ("", [])
    assert gpu_study.main(asked) == 0


def test_a_child_keeps_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the process that measures lives, its folder is held, whatever became of others."""
    monkeypatch.setattr(_gpu_files, "PATIENCE_S", 0.0)
    with Folder(tmp_path).alone() as held:
        waiting = [sys.executable, "-c", "import time; time.sleep(300)"]
        child = subprocess.Popen(waiting, pass_fds=(held,))
    try:
        with pytest.raises(UsageError, match="another study"), Folder(tmp_path).alone():
            pass
    finally:
        child.kill()
        child.wait()
    with Folder(tmp_path).alone():
        pass


def test_a_folder_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the folder is a mistake in the command line, and stays as it is."""
    file = tmp_path / "file"
    file.write_text("kept", encoding="utf-8")
    assert gpu_study.main(["--device", "cpu", "--tiny", "--out", str(file)]) == REFUSED
    assert capsys.readouterr().err.startswith(f"error: cannot write to {file}: ")
    assert file.read_text(encoding="utf-8") == "kept"
