"""A bar on stderr while something long is measured: what, how much of it, and the time left.

It draws only when it is told something new, so that nothing of it runs while times are taken.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from time import perf_counter
from typing import Any

from costlab.bench.progress import Moment, Watch, nobody
from costlab.cli.voice import PATIENCE_S, Voice
from costlab.render.lanes import own
from costlab.render.surface import survey

MINUTE_S = 60
LINE_S = 10.0


@contextmanager
def bar(voice: Voice) -> Iterator[Watch]:
    """Somebody to tell: a bar on a terminal once two seconds are over, lines if verbose, or nobody.

    Off a terminal a line is written when `LINE_S` went by since the last; nothing with the quiet
    voice.
    """
    if voice.verbose:
        yield lambda moment: voice.tell(
            f"{moment.done}/{moment.cases} {moment.what} ({left(moment)})"
        )
    elif voice.quiet or sys.stderr is None:
        yield nobody
    elif not sys.stderr.isatty():
        yield _Lines(voice).tell
    else:
        shown = _Bar()
        try:
            yield shown.tell
        finally:
            shown.stop()


def left(moment: Moment, begun_s: float | None = None, now_s: float = 0.0) -> str:
    """The time left: by the pace of the cases until now, but no more than the limit leaves.

    >>> left(Moment("", 2, 6, 600.0)), left(Moment("", 2, 6, 600.0), begun_s=0.0, now_s=20.0)
    ('at most 10 min left', 'about 40 s left')
    """
    if begun_s is not None and moment.done:
        pace_s = (now_s - begun_s) / moment.done * (moment.cases - moment.done)
        if pace_s < moment.left_s:
            return f"about {_rough(pace_s)} left"
    return f"at most {_rough(moment.left_s)} left"


def _rough(duration_s: float) -> str:
    if duration_s < 2 * MINUTE_S:
        return f"{duration_s:.0f} s"
    return f"{duration_s / MINUTE_S:.0f} min"


class _Lines:
    """Lines for who reads a pipe: at most one in `LINE_S`, none of what is over before."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.last_s = perf_counter()

    def tell(self, moment: Moment) -> None:
        """Writes the moment, if nothing was for long enough."""
        now_s = perf_counter()
        if now_s - self.last_s >= LINE_S:
            self.last_s = now_s
            self.voice.report(f"{moment.done}/{moment.cases} {moment.what} ({left(moment)})")


class _Bar:
    """A bar that appears when it has been waited for long enough."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.begun_s: float | None = None
        self.first = 0
        self.moment: Moment | None = None
        self.progress: Any = None
        self.task: Any = None
        self.timer = Timer(PATIENCE_S, self._begin)
        self.timer.daemon = True
        self.timer.start()

    def tell(self, moment: Moment) -> None:
        """Draws the moment, if it is time to."""
        with self.lock:
            if self.begun_s is None or moment.done <= self.first:
                # The pace is that of this run's cases: not of earlier ones, nor of ceilings.
                self.begun_s, self.first = perf_counter(), moment.done
            self.moment = moment
            if self.progress is not None:
                self._draw()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        with self.lock:
            self.progress = Progress(
                MofNCompleteColumn(),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[left]}"),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=True),
                auto_refresh=False,
                transient=True,
            )
            self.task = self.progress.add_task("", total=None, left="")
            self.progress.start()
            if self.moment is not None:
                self._draw()

    def _draw(self) -> None:
        moment = self.moment
        if moment is None:
            return
        ran = Moment(
            moment.what, moment.done - self.first, moment.cases - self.first, moment.left_s
        )
        self.progress.update(
            self.task,
            description=own(moment.what, survey(sys.stderr)),
            completed=moment.done,
            total=moment.cases or None,
            left=left(ran, self.begun_s, perf_counter()),
        )
        self.progress.refresh()

    def stop(self) -> None:
        """Takes the bar away."""
        self.timer.cancel()
        self.timer.join()
        if self.progress is not None:
            self.progress.stop()
