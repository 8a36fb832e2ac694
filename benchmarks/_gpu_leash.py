"""Runs a command that ends with the process which started it, however that one ends.

`python _gpu_leash.py PID COMMAND...` becomes the command, which Linux ends when process PID is
gone; elsewhere it runs on. Imports nothing of ours: it is run as a file.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
"""Source: prctl(2); what is set outlives execve(2)."""


def leashed(command: Sequence[str]) -> list[str]:
    """The command, such that it ends with this process."""
    return [sys.executable, str(Path(__file__).resolve()), str(os.getpid()), *command]


def follow() -> None:
    """From now on this process is killed when its parent ends, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def main(arguments: Sequence[str]) -> None:
    """Becomes the command, unless the parent is gone already."""
    parent, *command = arguments
    follow()
    if os.getppid() == int(parent):
        os.execvp(command[0], command)  # noqa: S606 - the command is the caller's own


if __name__ == "__main__":
    main(sys.argv[1:])
