"""Work on many models, in processes that may die, and how far it is.

Does not know what the work is.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from rich.progress import track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console

    Told = dict[str, Any]
    Work = Callable[[str], tuple[str, Told]]

TASKS = 40
"""What a process does before a new one takes its place: what libraries leave behind piles up."""
DIED = "its process died"


def followed(
    told: Iterable[Any], todo: Sequence[str], console: Console, every: int
) -> Iterator[Any]:
    """The same, with a bar on a terminal, and a line now and then where there is none."""
    if console.is_terminal:
        yield from track(told, "models", total=len(todo), console=console)
        return
    for number, one in enumerate(told, start=1):
        yield one
        if number % every == 0 or number == len(todo):
            console.print(f"{number} of {len(todo)} models")


def each(
    todo: Sequence[str], cores: int, work: Work, prepare: Callable[[], None]
) -> Iterator[tuple[str, Told]]:
    """What comes of each name, in processes; those of one that dies are tried again, each alone."""
    for first in range(0, len(todo), TASKS * cores):
        waiting = list(todo[first : first + TASKS * cores])
        while waiting:
            lost: list[str] = []
            for name, found in _together(waiting, cores, work, prepare):
                waiting.remove(name)
                if found is None:
                    lost.append(name)
                else:
                    yield name, found
            for name in lost:
                ((_, alone),) = _together([name], 1, work, prepare)
                yield name, alone or {"error": DIED}


def _together(
    names: Sequence[str], cores: int, work: Work, prepare: Callable[[], None]
) -> Iterator[tuple[str, Told | None]]:
    """What comes of names; it ends when a process dies, with nothing for those that it may be."""
    left = list(reversed(names))
    running: dict[Any, str] = {}
    with ProcessPoolExecutor(cores, get_context("spawn"), prepare) as pool:
        while left or running:
            while left and len(running) < cores:
                name = left.pop()
                try:
                    running[pool.submit(work, name)] = name
                except BrokenProcessPool:
                    left.clear()
                    if not running:
                        yield name, None
            done = next(as_completed(running), None)
            if done is None:
                return
            name = running.pop(done)
            try:
                yield done.result()
            except BrokenProcessPool:
                left.clear()
                yield name, None
