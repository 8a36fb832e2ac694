"""What a worktree leaves behind, however its use ends: nothing."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from costlab.budgets.refs import parse_ref, resolve
from costlab.budgets.worktrees import worktree
from tests.budgets.refs import gone, left_behind
from tests.cli.repository import git


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_worktree_is_removed(repository: Path, error: type[BaseException]) -> None:
    """After an error, after Ctrl-C, whatever was written into it: nothing is left."""
    with pytest.raises(BaseException), worktree(resolve(parse_ref("git:main"))) as tree:  # noqa: B017, PT011, PT012 - any
        folder = tree.folder
        (folder / "net.py").write_text("changed", encoding="utf-8")
        raise error
    assert gone(folder)
    assert left_behind(repository) == []


def is_running(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    told = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)],  # noqa: S607 - any ps will do
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()[:1] not in {"", "Z"}


@pytest.mark.parametrize(
    ("number", "both"),
    [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGHUP, True)],
    ids=["Ctrl-C", "a service cancels", "a group is ended", "a terminal closes"],
)
def test_a_signal_while_the_model_runs(
    repository: Path, tmp_path: Path, number: signal.Signals, both: bool
) -> None:
    """What ends the process, or the one that it waits for too, leaves nothing behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    slow = "from pathlib import Path\nimport os, time\n"
    slow += f"Path({str(tmp_path / 'on')!r}).write_text(str(os.getpid()))\n"
    (repository / "slow.py").write_text(f"{slow}time.sleep(60)\n", encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "slow")
    code = textwrap.dedent(
        """
        from costlab.budgets.refs import parse_ref, resolve
        from costlab.budgets.worktrees import worktree
        with worktree(resolve(parse_ref("git:HEAD"))) as tree:
            tree.report("slow.py:Net")
        """
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=repository,
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "on").exists() or not (tmp_path / "on").read_text("utf-8"):
            assert running.poll() is None, "it ended before the model ran"
            assert time.monotonic() < end
            time.sleep(0.01)
        (os.killpg if both else os.kill)(running.pid, number)
        ended = running.wait(timeout=30)
        assert ended == -number if number != signal.SIGINT else ended != 0
    finally:
        running.kill()
    assert not is_running(int((tmp_path / "on").read_text(encoding="utf-8")))
    assert list(scratch.iterdir()) == []
    assert left_behind(repository) == []
