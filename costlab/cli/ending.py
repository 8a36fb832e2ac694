"""How a measurement ends that somebody asks to end: as soon as Python can, or without waiting.

A signal is answered between two steps of Python: while a compiler, a kernel or a copy runs, which
may take minutes, it is not. So a thread of its own hears of it too, and after a moment does what is
left to be done. Does not know what that is.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Lock, Thread
from types import FrameType
from typing import NoReturn

from costlab.cli.attended import say

GRACE_S = 1.0
"""Enough for a step of Python, and for what a side gives back; hardly felt by who waits."""
ENDING = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end: as Ctrl-C does, and to be met in the same way."""


class _Block:
    """Whether a block has ended, and who decides it first: it, or a thread that waits for it."""

    def __init__(self) -> None:
        self._over, self._decided = Event(), Lock()

    def unless_over(self, after_s: float, last: Callable[[], None]) -> None:
        """Calls `last` if the block has not ended after so many seconds; it ends no more then."""
        if not self._over.wait(after_s):
            with self._decided:
                if not self._over.is_set():
                    last()

    def end(self) -> None:
        """The block has ended; waits for `last` if that was called before."""
        with self._decided:
            self._over.set()


@contextmanager
def terminable(last: Callable[[int], None]) -> Iterator[list[int]]:
    """Within it SIGTERM raises `Terminated`, so that what was measured can be kept.

    What comes is a list, which then has the signal. If the block has not ended `GRACE_S` after it,
    or after Ctrl-C, `last` is called in another thread, with the number of the signal, and the
    block ends no more: `last` is to end the process.
    """
    signals: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signals.append(number)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with _impatient(last):
            yield signals
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def overdue(after_s: float, last: Callable[[], None]) -> Iterator[None]:
    """Calls `last` in another thread, if the block has not ended after so long, to end the process.

    The block ends no more then.
    """
    block = _Block()
    thread = Thread(target=lambda: block.unless_over(after_s, last), daemon=True)
    thread.start()
    try:
        yield
    finally:
        block.end()
        thread.join()


def leave(code: int) -> NoReturn:
    """Ends the process with an exit code, from any thread, whatever the others do."""
    _flush()
    with suppress(OSError):
        say(code)  # else who waits takes it for an end that the model's code brought about
    os._exit(code)


def end_by(number: int) -> NoReturn:
    """Ends the process by a signal, from any thread; who waits for it sees which.

    Source: Python/C API, "Operating System Utilities": PyOS_setsig. `signal.signal` is for the main
        thread alone, which is busy.
    """
    _flush()
    ctypes.pythonapi.PyOS_setsig(number, ctypes.c_void_p(int(signal.SIG_DFL)))
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # where a signal to itself does not end a process


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()


@contextmanager
def _impatient(last: Callable[[int], None]) -> Iterator[None]:
    """Calls `last` if a signal to end comes, and the block has not ended a moment later."""
    heard, told = os.pipe()
    for end in (heard, told):
        os.set_blocking(end, end == heard)
    block = _Block()

    def listen() -> None:
        while number := next(iter(os.read(heard, 1)), 0):
            if number in ENDING:
                block.unless_over(GRACE_S, partial(last, number))

    # What is written to the pipe is the number of the signal, by the interpreter itself, at once.
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    thread = Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        block.end()
        signal.set_wakeup_fd(before)
        with suppress(BlockingIOError):
            os.write(told, b"\0")
        thread.join()
        os.close(heard)
        os.close(told)
