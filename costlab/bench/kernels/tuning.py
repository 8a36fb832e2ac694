"""Which of a list of tilings is the fastest: tried on the device within a time, and kept.

It knows no kernel. What was chosen stands in a JSON file of the user's cache, by GPU, kernel, shape
and type. A candidate is tried on poisoned outputs and must be right: in Triton 3.6 eight warps were
seen to give wrong convolutions (pytorch issue 173068). A wrong one is never chosen.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.bench.kernels.tilings import Tiling
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

VERSION = 3
FILE = "kernels.json"


SETTLED: dict[str, Tiling] = {}
"""What was chosen in this process, and so was found right: as many copies of a module as are timed
in turn need it once."""
TIMES: dict[str, dict[str, float]] = {}
"""Of what was chosen, the seconds of the fastest candidate of each way to run it."""
TIMED = "times_s"
"""The field of a kept choice that has them."""


def path() -> Path:
    """Where choices are kept: costlab/kernels.json in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "costlab" / FILE


@cache
def _kept(where: Path) -> dict[str, dict[str, Any]]:
    """The choices in a file; none if it cannot be read, since each can be found anew."""
    try:
        document = json.loads(where.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict) or document.get("version") != VERSION:
        return {}
    chosen = document.get("chosen")
    return chosen if isinstance(chosen, dict) else {}


def kept(key: str) -> Tiling | None:
    """The choice of an earlier run; None if there is none, or none that can be read."""
    fields = _kept(path()).get(key)
    try:
        own = {name: value for name, value in (fields or {}).items() if name != TIMED}
        return Tiling(**own) if fields is not None else None
    except (AttributeError, TypeError):
        return None


def kept_times(key: str) -> dict[str, float]:
    """The seconds that an earlier run found of each way; none if it kept none."""
    times = _kept(path()).get(key, {}).get(TIMED)
    if not isinstance(times, dict):
        return {}
    return {way: time_s for way, time_s in times.items() if isinstance(time_s, float)}


def choices() -> dict[str, dict[str, Any]]:
    """All that was chosen here, as `adopt` takes it on another machine with the same GPU."""
    return dict(_kept(path()))


def adopt(found: Mapping[str, dict[str, Any]]) -> None:
    """Takes choices that were made elsewhere; those that were made here stay."""
    if found:
        _add(lambda known: {**found, **known})


def keep(key: str, chosen: Tiling, times_s: Mapping[str, float] | None = None) -> None:
    """Adds a choice to the file, with what each way took."""
    timed = {TIMED: dict(times_s)} if times_s else {}
    _add(lambda known: {**known, key: asdict(chosen) | timed})


def _add(to: Callable[[dict[str, dict[str, Any]]], dict[str, dict[str, Any]]]) -> None:
    """Makes other choices of those in the file, which is written beside and renamed.

    What another process has added meanwhile stays. A cache that cannot be written costs time, and
    nothing else: the choice holds for this process anyway.
    """
    where = path()
    _kept.cache_clear()
    known = to(_kept(where))
    text = json.dumps({"version": VERSION, "chosen": known}, indent=1, sort_keys=True) + "\n"
    with contextlib.suppress(OSError):
        where.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=".costlab-", dir=where.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(beside).replace(where)
        finally:
            Path(beside).unlink(missing_ok=True)
    _kept.cache_clear()


@dataclass(slots=True)
class Budget:
    """The time that choices may take: so long each, and so long all of them in a process.

    Compiling a candidate takes about a second, and what compiles may not be stopped: a choice ends
    with the first candidate that is over its time. `spent_s` is what choices have taken.
    """

    each_s: float = 8.0
    all_s: float = 300.0
    spent_s: float = 0.0

    @property
    def left_s(self) -> float:
        """What the next choice may take; 0 when all is spent."""
        return max(0.0, min(self.each_s, self.all_s - self.spent_s))


BUDGET = Budget()


def best(
    key: str,
    candidates: Sequence[Tiling],
    right: Callable[[Tiling], bool],
    time_s: Callable[[Tiling], float],
    clock: Callable[[], float] = time.monotonic,
) -> Tiling:
    """The fastest of the candidates that are right, tried unless an earlier run has chosen.

    `right` runs a candidate on poisoned outputs and compares; what an earlier run chose must be
    right in this one as well. One that does not compile, or needs more of the device than there is,
    is passed over. They are tried in their order until `BUDGET` is spent, and until one is right. A
    choice for which there was no time is kept for this process alone.

    Raises:
        ArmError: none is right.
    """
    earlier = kept(key)
    if earlier is not None and earlier in candidates and _passes(right, earlier):
        SETTLED[key], TIMES[key] = earlier, kept_times(key)
        return earlier
    begun_s, limit_s = clock(), BUDGET.left_s
    times: dict[Tiling, float] = {}
    for one in candidates:
        if times and clock() - begun_s >= limit_s:
            break
        if _passes(right, one):
            times[one] = _timed(time_s, one) if limit_s else 0.0
    BUDGET.spent_s += clock() - begun_s
    if not times:
        raise ArmError(f"none of {len(candidates)} tilings of {key} gives the right result here")
    chosen = SETTLED[key] = min(times, key=times.__getitem__)
    if limit_s:
        TIMES[key] = by_way(times)
        keep(key, chosen, TIMES[key])
    return chosen


def by_way(times: Mapping[Tiling, float]) -> dict[str, float]:
    """The fastest of each way, of those that could be timed.

    >>> one = Tiling(64, 64, 32)
    >>> by_way({one: 3e-6, Tiling(64, 32, 32): 2e-6, Tiling(64, 64, 32, lines=7): math.inf})
    {'a kernel each': 2e-06}
    """
    found: dict[str, float] = {}
    for tiling, time_s in times.items():
        if math.isfinite(time_s):
            found[tiling.way] = min(time_s, found.get(tiling.way, math.inf))
    return found


def _passes(right: Callable[[Tiling], bool], one: Tiling) -> bool:
    try:
        return right(one)
    except Exception:  # noqa: BLE001 - a compiler raises anything on a tiling that it has no room for
        return False


def _timed(time_s: Callable[[Tiling], float], one: Tiling) -> float:
    """Seconds; without end where a candidate that is right cannot be timed."""
    try:
        return time_s(one)
    except Exception:  # noqa: BLE001 - as above: another may well be timed
        return math.inf
