"""Runs of git, and of other processes in a folder: nothing is asked, and nothing fetched.

Knows neither refs nor worktrees.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from costlab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

# What git sets for its hooks points into one repository; where we run decides which it is.
_OF_HOOKS = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH",
})  # fmt: skip


def git(folder: Path, *arguments: str, why: str) -> str:
    """What git prints, without the line's end.

    Raises:
        UsageError: git fails; `why` and its own words are the message.
    """
    ended = run(folder, *arguments)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines()
        fatal = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
        raise UsageError(f"{why}: {' '.join(fatal) or 'it says nothing'}")
    return ended.stdout.removesuffix("\n")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of git in a folder: nothing is fetched, no hook runs, nobody is asked for a password.

    Raises:
        UsageError: git is not installed.
    """
    options = ("core.hooksPath=" + os.devnull, "protocol.allow=never", "core.fsmonitor=false")
    settings = [part for option in options for part in ("-c", option)]
    environment = own_environment() | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    try:
        return process(["git", *settings, *arguments], folder, environment)
    except FileNotFoundError as error:
        message = "git is not installed, or not on PATH; name a saved report in place of the ref"
        raise UsageError(message) from error


def process(
    command: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """A finished process, with what it wrote; it has no stdin, so that it cannot ask."""
    return subprocess.run(  # noqa: S603 - no shell; a ref is checked, and stands behind a `--`
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
    )


def own_environment() -> dict[str, str]:
    """The variables of this process, without those by which git binds its hooks to a repository."""
    return {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
