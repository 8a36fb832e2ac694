"""A command that runs a user's code, in a process of its own that another waits for.

A model's code may end its process at any time (`os._exit`), with any exit code: 0 too, which would
let a gate pass that nobody held. So the command runs in a child, which leaves its exit code as its
last word; the parent, which imports neither torch nor the model, believes nothing but that word.
Does not know what a command does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from costlab.budgets.ending import ENDING, LAST_WORD

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

RUNNING_CODE = frozenset({
    "report", "compare", "diff", "check", "init", "baseline", "explain", "bench",
})  # fmt: skip
"""The commands that run code of a user's."""
SIGNALS = (signal.SIGINT, *ENDING)
_words: list[Path] = []
"""The file that `last_word` found, for whoever ends the process before the command is done."""


class Unsaid(Exception):  # noqa: N818 - it is no error of the parent's, but what it has to tell
    """The child ended before it could say what came of the command."""


def runs_code(arguments: Iterable[str]) -> bool:
    """Whether a command with these arguments may run code of a user's.

    >>> runs_code(["check", "--max", "macs=5G"]), runs_code(["list"])
    (True, False)
    """
    return not RUNNING_CODE.isdisjoint(arguments)


def last_word() -> Path | None:
    """The file for this process's exit code if it is such a child; no child of it inherits that."""
    named = os.environ.pop(LAST_WORD, None)
    _words[:] = [Path(named)] if named else []
    return _words[0] if named else None


def say(code: int) -> None:
    """Leaves an exit code as the last word, if this process is such a child."""
    for word in _words:
        word.write_text(str(code), encoding="ascii")


def attend() -> int:
    """Runs this very command again, as a child, and gives the exit code that it leaves.

    A signal to end is passed on, and ends this process as it ended the child.

    Raises:
        Unsaid: the child left none.
    """
    # What Python was started with, its own options too; a program that embeds it has none.
    command = [sys.executable, *sys.orig_argv[1:]]
    with tempfile.TemporaryDirectory(prefix="costlab-") as folder:
        word = Path(folder) / "code"
        ended = _waited(command, {**os.environ, LAST_WORD: str(word)})
        said = word.read_text(encoding="ascii") if word.exists() else ""
    if said.isdigit():
        return int(said)
    if -ended in SIGNALS:
        signal.signal(-ended, signal.SIG_DFL)
        os.kill(os.getpid(), -ended)
    raise Unsaid(_how(ended))


def _waited(command: list[str], environment: dict[str, str]) -> int:
    """The exit code of a process that has our streams; negative for a signal, as subprocess."""
    child: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's form
        if number == signal.SIGINT and _in_front():
            return  # a terminal sends it to both of us
        if child:
            child[0].send_signal(number)
        else:
            early.append(number)

    # What is ignored (nohup) stays so, for both.
    ours = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in ours}
    try:
        child.append(subprocess.Popen(command, env=environment))  # noqa: S603 - our own command line
        for number in early:
            child[0].send_signal(number)
        return child[0].wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_front() -> bool:
    """Whether a terminal sends its Ctrl-C to this process, and so to the child as well."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        with open("/dev/tty", "rb", buffering=0) as tty:  # noqa: PTH123 - a device, unbuffered
            return os.tcgetpgrp(tty.fileno()) == os.getpgrp()
    except OSError:
        return False


def _how(ended: int) -> str:
    """In what way a child went without a word, and what may be done about it."""
    if ended < 0:
        name = signal.Signals(-ended).name if -ended in set(signal.Signals) else f"signal {-ended}"
        return (
            f"the process that the model ran in was ended by {name} before there was a result; "
            "SIGKILL is most often memory that ran out, and others a fault in compiled code"
        )
    return (
        f"the process that the model ran in ended by itself, with exit code {ended}, before there "
        "was a result; code of the model's may call os._exit or close stdout and stderr: raise an "
        "error there instead"
    )
