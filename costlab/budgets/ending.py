"""Signals that end a process, held off or answered in order, so that what was made is removed.

Knows signals, not what is cleaned up.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import NoReturn

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a process at once, unless it is answered: a service that cancels, a closed terminal."""

LAST_WORD = "COSTLAB_LAST_WORD"
"""The variable with the file for a process's exit code, read by whoever started it."""


class _Ended(BaseException):
    """A signal to end has come; no handler of errors is to stop it."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def in_order() -> Iterator[None]:
    """Within it a signal to end unwinds as Ctrl-C does; afterwards it ends the process, as it was.

    Signals that somebody else answers or ignores are left to them.
    """

    def end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the form of a handler
        raise _Ended(number)

    taken = []
    try:
        for number in ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, end)
                taken.append(number)
    except ValueError:  # only the main thread may
        yield
        return
    try:
        yield
    except _Ended as ended:
        _restore(taken)
        os.kill(os.getpid(), ended.number)
        raise
    finally:
        _restore(taken)


def _restore(taken: list[int]) -> None:
    for number in taken:
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within it signals wait, here and in the processes that are started."""
    before = {}
    try:
        for number in (signal.SIGINT, *ENDING):
            before[number] = signal.signal(number, signal.SIG_IGN)
    except ValueError:  # only the main thread is interrupted
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
