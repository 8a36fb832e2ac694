"""How a kernel is cut into tiles: a bounded list to choose from, tried on the device, and kept.

It knows no kernel. What was chosen stands in a JSON file of the user's cache, by GPU, kernel, shape
and type. A candidate is tried on poisoned outputs and must be right: in Triton 3.6 eight warps were
seen to give wrong convolutions (pytorch issue 173068). A wrong one is never chosen.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SHARED_BYTES = 227 * 1024
"""Shared memory that one program may have on compute capability 9.0 (CUDA programming guide,
"Technical specifications per compute capability")."""
SMALLEST = 16
"""The least side of a product of tiles (`tl.dot`)."""
VERSION = 1
FILE = "kernels.json"


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a kernel is cut: sides of a tile, warps that share it, and loads that are under way.

    `lines` are those of a tile of two convolutions in series, 0 for two kernels one after the
    other; `shared` is whether what is between them stays in shared memory; `pdl` whether the second
    kernel starts while the first one ends.
    """

    block_m: int
    block_f: int
    block_k: int
    warps: int = 4
    stages: int = 3
    lines: int = 0
    shared: bool = False
    pdl: bool = False

    def shared_bytes(self, element: int) -> int:
        """Shared memory that the loads under way take."""
        return self.stages * (self.block_m + self.block_f) * self.block_k * element


SETTLED: dict[str, Tiling] = {}
"""What was chosen in this process, and so was found right: as many copies of a module as are timed
in turn need it once."""


def power_of_two(number: int) -> int:
    """The least power of two that is no less than the number, and no less than a tile's side.

    >>> power_of_two(3), power_of_two(48), power_of_two(64)
    (16, 64, 64)
    """
    return max(SMALLEST, 1 << (number - 1).bit_length())


def tilings(positions: int, filters: int, channels: int, element: int) -> tuple[Tiling, ...]:
    """What is tried for one convolution.

    A tile is no wider than there are filters, nor deeper than there are channels, each rounded to a
    power of two, and its loads fit in shared memory.
    """
    widest = min(128, power_of_two(filters))
    widths = [width for width in (16, 32, 64, 128) if widest // 4 <= width <= widest]
    deepest = min(64, power_of_two(channels))
    depths = [depth for depth in (16, 32, 64) if deepest // 2 <= depth <= deepest]
    heights = [height for height in (64, 128) if height == 64 or positions > height]  # noqa: PLR2004 - the smaller side always
    found = [
        Tiling(height, width, depth, warps, stages)
        for height, width, depth, (warps, stages) in product(
            heights, widths, depths, ((4, 3), (4, 4), (8, 3))
        )
        if not (warps == 8 and height * width < 128 * 64)  # noqa: PLR2004 - too little for 8 warps
    ]
    return tuple(one for one in found if one.shared_bytes(element) <= SHARED_BYTES)


def lines_of(length: int, block_m: int, most: int) -> Iterator[int]:
    """How many lines a tile may hold so that the last block of it is at least 7/8 full.

    >>> list(lines_of(35, 128, 4 * 128)), list(lines_of(17, 128, 2 * 128))
    ([7, 10, 13, 14], [7, 14, 15])
    """
    for lines in range(1, most // length + 1):
        blocks = -(-lines * length // block_m)
        if 8 * lines * length >= 7 * blocks * block_m:
            yield lines


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
        return Tiling(**fields) if fields is not None else None
    except TypeError:
        return None


def keep(key: str, chosen: Tiling) -> None:
    """Adds a choice to the file, which is written beside and renamed.

    What another process has added meanwhile stays. A cache that cannot be written costs time, and
    nothing else: the choice holds for this process anyway.
    """
    where = path()
    _kept.cache_clear()
    known = {**_kept(where), key: asdict(chosen)}
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


def best(
    key: str,
    candidates: Sequence[Tiling],
    right: Callable[[Tiling], bool],
    time_s: Callable[[Tiling], float],
) -> Tiling:
    """The fastest of the candidates that are right, tried unless an earlier run has chosen.

    `right` runs a candidate on poisoned outputs and compares; what an earlier run chose must be
    right in this one as well. One that does not compile, or needs more of the device than there is,
    is passed over.

    Raises:
        ArmError: none is right.
    """
    earlier = kept(key)
    if earlier is not None and earlier in candidates and _is_right(earlier, right):
        SETTLED[key] = earlier
        return earlier
    times = {one: time_s(one) for one in candidates if _is_right(one, right)}
    if not times:
        raise ArmError(f"none of {len(candidates)} tilings of {key} gives the right result here")
    chosen = SETTLED[key] = min(times, key=times.__getitem__)
    keep(key, chosen)
    return chosen


def _is_right(one: Tiling, right: Callable[[Tiling], bool]) -> bool:
    try:
        return right(one)
    except Exception:  # noqa: BLE001 - a compiler raises anything on a tiling that it has no room for
        return False
