"""What is said on stderr while a command runs: warnings, progress, and how long each step took.

Knows neither results, which go to stdout, nor errors, which `main` tells whatever the voice.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from time import perf_counter
from typing import Any, TextIO

from costlab.errors import UsageError
from costlab.render.lanes import own
from costlab.render.surface import survey
from costlab.units import seconds

PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Voice:
    """How much is said on stderr: `quiet` leaves errors only, `verbose` adds steps and times.

    Raises: UsageError, if it is to be both.
    """

    quiet: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        """Refuse two wishes that cannot both be met."""
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose exclude each other; give one of them")

    def warn(self, text: str) -> None:
        """Says what a reader of the result has to know."""
        if not self.quiet:
            _say(f"warning: {text}")

    def fail(self, text: str) -> None:
        """Says why something could not be said, however quiet the voice is."""
        _say(f"error: {text}")

    def tell(self, text: str) -> None:
        """Says what has been done, to who asked for it."""
        if self.verbose:
            _say(text)

    def report(self, text: str) -> None:
        """Says how far something long is."""
        if not self.quiet:
            _say(text)

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """Says what is being done and, at its end, how long it took."""
        self.tell(f"{name}: {what}")
        begin = perf_counter()
        end = "stopped after"
        try:
            yield
            end = "done in"
        finally:
            self.tell(f"{name}: {end} {seconds(perf_counter() - begin)}")

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Shows on a terminal that something runs; the quiet voice silences Python's warnings."""
        if self.quiet:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        elif self.verbose or sys.stderr is None or not sys.stderr.isatty():
            yield
        else:
            with _spinner(what):
                yield


USUAL = Voice()
"""Warnings, and on a terminal progress."""


def _say(text: str) -> None:
    """Writes a line to stderr, in characters that it has."""
    if sys.stderr is not None:
        write_err(f"{own(text, survey(sys.stderr))}\n")


def write_err(text: str) -> None:
    """Writes to stderr at once; where that takes no more, the text is lost, and no exit code."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # its reader went away (`2>&1 | head`), or the disk is full
        abandon(sys.stderr)


def abandon(stream: TextIO) -> None:
    """Lets the rest of a stream go nowhere: Python would complain again when it flushes at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def _spinner(what: str) -> Iterator[None]:
    """Something that turns, once it has taken two seconds."""
    shown: list[Any] = []
    turning = "line" if survey(sys.stderr).ascii else "dots"

    def begin() -> None:
        from rich.console import Console

        status = Console(stderr=True).status(what, spinner=turning)
        status.start()
        shown.append(status)

    timer = Timer(PATIENCE_S, begin)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for status in shown:
            status.stop()
