"""How kernels may be cut into tiles: for each shape a bounded list, the most promising first.

It knows no kernel and no device but its processors and its shared memory; nothing is tried here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from costlab.bench.roofline import FEED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.bench.kernels.work import Lines, Shape

SMALLEST = 16
"""The least side of a product of tiles (`tl.dot`)."""
HEIGHTS, WIDTHS, DEPTHS = (64, 128), (16, 32, 64, 128), (16, 32, 64)
FLOWS = ((4, 3), (4, 4), (8, 3))
"""Warps, and loads under way."""
WIDE = 128 * 64
"""Elements of a tile below which eight warps have too little to do."""
LATER = 0.1
"""By how much less a tile is thought of for each step from the deepest loads and the first flow."""
MOST = 40
PER_PROCESSOR = 2
"""Programs that are meant to be on a processor at once, so that one computes while one waits."""
LARGEST_HELD = 8
"""Blocks of positions that a tile of two convolutions in series has at most."""
SHORTEST = 4
"""Steps that a part of a sum has at least, so that its loads are under way while it multiplies."""
MOST_PARTS, PARTED = 32, 12
"""Parts of a sum, and tilings with parts that are tried of a convolution, at most."""
LINED, A_CUT = 3, 6
"""Cuts into lines that are tried of a pair, and tilings of each."""
WIDEST_SHARED, HELD_BYTES = 128, 640
"""Channels, to a power of two, that a tile holds in registers at most, and bytes of them a thread:
of the 1020 that it has, by what was seen to spill badly as it was compiled for 9.0."""


class Processors(NamedTuple):
    """What tiles are dealt to: so many, and the shared memory that one program may have.

    As it stands, an H200's (CUDA programming guide, "Technical specifications per compute
    capability").
    """

    number: int = 132
    shared_bytes: int = 227 * 1024


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a kernel is cut: sides of a tile, warps that share it, and loads that are under way.

    `lines` are those of a tile of two convolutions in series, 0 for two kernels one after the
    other; `shared` is whether what is between them stays in shared memory; `pdl` whether the second
    kernel starts while the first one ends. `parts` is into how many the sum is cut, for programs of
    their own.
    """

    block_m: int
    block_f: int
    block_k: int
    warps: int = 4
    stages: int = 3
    lines: int = 0
    shared: bool = False
    pdl: bool = False
    parts: int = 1

    @property
    def way(self) -> str:
        """In words, what kind of launches it is of.

        >>> Tiling(64, 64, 32).way, Tiling(64, 64, 32, lines=7).way
        ('a kernel each', 'one kernel, between in the cache')
        """
        if self.lines:
            return f"one kernel, between in {'shared memory' if self.shared else 'the cache'}"
        kind = "sums in parts" if self.parts > 1 else "a kernel each"
        return kind + ", the second early" * self.pdl

    def shared_bytes(self, element: int) -> int:
        """Shared memory that the loads under way take."""
        return self.stages * (self.block_m + self.block_f) * self.block_k * element


INTERPRETED = Tiling(128, 64, 64)
"""What is cheap to interpret."""


def power_of_two(number: int) -> int:
    """The least power of two that is no less than the number, and no less than a tile's side.

    >>> power_of_two(3), power_of_two(48), power_of_two(64)
    (16, 64, 64)
    """
    return max(SMALLEST, 1 << (number - 1).bit_length())


def tilings(
    positions: int, filters: int, channels: int, element: int, there: Processors | None = None
) -> tuple[Tiling, ...]:
    """What is tried for one convolution, the most promising first.

    A tile is no wider than there are filters, nor deeper than there are channels, each rounded to a
    power of two, and its loads fit in shared memory. First come those that leave the fewest
    processors idle, as the roofline deals tiles to them; of each its deepest loads.
    """
    there = there or Processors()
    widest, deepest = min(128, power_of_two(filters)), min(64, power_of_two(channels))
    ranked: list[tuple[float, Tiling]] = []
    for height, width in product(HEIGHTS, WIDTHS):
        if not widest // 4 <= width <= widest or (height > HEIGHTS[0] and positions <= HEIGHTS[0]):
            continue
        tiles = -(-positions // height) * -(-filters // width)
        fed = max(1.0, FEED / (height * width / (height + width)))
        taken = -(-tiles // there.number) * height * width * fed
        depths = [depth for depth in DEPTHS if deepest // 2 <= depth <= deepest]
        for late, depth in enumerate(reversed(depths)):
            for later, (warps, stages) in enumerate(FLOWS):
                if warps == 8 and height * width < WIDE:  # noqa: PLR2004 - eight warps
                    continue
                one = Tiling(height, width, depth, warps, stages)
                ranked.append((taken * (1 + LATER * (late + later)), one))
    fit = [pair for pair in ranked if pair[1].shared_bytes(element) <= there.shared_bytes]
    return tuple(one for _, one in sorted(fit, key=lambda pair: pair[0]))[:MOST]


def parted(shape: Shape, element: int, there: Processors | None = None) -> tuple[Tiling, ...]:
    """What is tried of a convolution with its sum in parts, the most promising first.

    Only tiles that are fewer than the processors are cut so: into parts for half of these, for each
    one, and for two a processor. Where all tilings have tiles enough there are none.
    """
    there = there or Processors()
    found: dict[Tiling, float] = {}
    for whole in tilings(shape.positions, shape.filters, shape.channels, element, there):
        tiles = -(-shape.positions // whole.block_m) * -(-shape.filters // whole.block_f)
        if tiles >= there.number:
            continue
        most = min(MOST_PARTS, _steps(shape, whole) // SHORTEST)
        for programs in (there.number // 2, there.number, PER_PROCESSOR * there.number):
            parts = min(most, programs // tiles)
            if parts > 1:
                one = replace(whole, parts=parts)
                later = FLOWS.index((one.warps, one.stages))
                found[one] = taken(shape, one, element, there) * (1 + LATER * later)
    return tuple(sorted(found, key=found.__getitem__)[:PARTED])


def taken(shape: Shape, tiling: Tiling, element: int, there: Processors) -> float:
    """Multiply-adds that the busiest processor has the time of, until a convolution is done.

    ⌈tiles · parts / processors⌉ · rows · columns · depth of a part, longer where the tile waits for
    its operands; and of parts the time in which their sums, in float32, are written and read, by
    the same measure of what comes from memory. The launch of a second kernel is not in it.
    """
    tiles = -(-shape.positions // tiling.block_m) * -(-shape.filters // tiling.block_f)
    area = tiling.block_m * tiling.block_f
    waits = max(1.0, FEED * (tiling.block_m + tiling.block_f) / area)
    depth = -(-_steps(shape, tiling) // tiling.parts) * tiling.block_k
    products = -(-tiles * tiling.parts // there.number) * area * waits * depth
    if tiling.parts == 1:
        return products
    sums = tiling.parts * shape.positions * shape.filters
    return products + 2 * sums * (4 / element) * FEED / there.number


def _steps(shape: Shape, tiling: Tiling) -> int:
    """Steps of a sum; taps and few channels are one axis (`tiles.summed`)."""
    if shape.channels < SMALLEST:
        return -(-shape.taps * shape.channels // tiling.block_k)
    return shape.taps * -(-shape.channels // tiling.block_k)


def lines_of(length: int, block_m: int, most: int) -> Iterator[int]:
    """How many lines a tile may hold so that the last block of it is at least 7/8 full.

    >>> list(lines_of(35, 128, 4 * 128)), list(lines_of(17, 128, 2 * 128))
    ([7, 10, 13, 14], [7, 14, 15])
    """
    for lines in range(1, most // length + 1):
        blocks = -(-lines * length // block_m)
        if 8 * lines * length >= 7 * blocks * block_m:
            yield lines


def fusions(pair: Lines, element: int, there: Processors | None = None) -> tuple[Tiling, ...]:
    """What is tried for two convolutions as one kernel, the most promising first."""
    there = there or Processors()
    a, b = pair.first, pair.second
    base = tilings(a.positions, max(a.filters, b.filters), a.channels, element, there)
    found: list[Tiling] = []
    # In shared memory nothing is written at all; there are few of these.
    middle = power_of_two(a.filters)
    if not pair.halo and middle <= WIDEST_SHARED:
        for height, warps in ((128, 4), (128, 8), (256, 8)):
            lines = height // pair.length
            # The sums of the first convolution, and what they are rounded to.
            held = height * middle * (4 + element) / (32 * warps)
            if lines and held <= HELD_BYTES:
                width, depth = min(64, power_of_two(b.filters)), min(64, power_of_two(a.channels))
                found.append(Tiling(height, width, depth, warps, 3, lines, shared=True))
    for lines, height in _cuts(pair, there):
        found += [
            replace(one, lines=lines)
            for one in base
            if one.block_m == height and one.warps == 4  # noqa: PLR2004 - others gain nothing here
        ][:A_CUT]
    fit = tuple(one for one in found if one.shared_bytes(element) <= there.shared_bytes)
    lines = max(1, INTERPRETED.block_m // pair.length - pair.halo)
    return fit or (Tiling(128, 64, 32, lines=lines),)


def _cuts(pair: Lines, there: Processors) -> list[tuple[int, int]]:
    """The cuts into lines that take the least, as tiles are dealt to processors: lines, height.

    A few large tiles would leave most processors idle; many small ones compute halos again.
    """
    taken: dict[tuple[int, int], float] = {}
    for height in HEIGHTS:
        for lines in lines_of(pair.length, height, LARGEST_HELD * 128):
            cut = replace(pair, lines=lines)
            turns = -(-cut.tiles // there.number)
            work = sum(
                -(-held // height) * height * shape.taps * shape.channels * shape.filters
                for held, shape in ((cut.held, pair.first), (lines * pair.length, pair.second))
            )
            taken[lines, height] = turns * work
    return sorted(taken, key=taken.__getitem__)[:LINED]
