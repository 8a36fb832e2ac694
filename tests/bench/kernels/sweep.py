"""The whole space of tilings compiled for a Hopper GPU, or a sample of it, within a time.

`python -m tests.bench.kernels.sweep --minutes 5` tells what does not compile, does not fit in
shared memory, or spills registers; the suite takes a sample (`test_ahead.py`).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import torch

from costlab.bench.kernels.tilings import Processors, fusions, parted, tilings
from costlab.bench.kernels.weights import weights_of
from costlab.bench.kernels.work import Lines
from tests.bench.kernels.ahead import compiling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.bench.kernels.tilings import Tiling
    from costlab.bench.kernels.weights import Weights
    from tests.bench.kernels.ahead import Compiled

META = torch.device("meta")
BATCHES = (1, 32, 256)
DTYPES = (torch.bfloat16, torch.float32)
PAIRS = (
    (35, 64, (3, 1), (1, 3)),
    (35, 96, (3, 1), (1, 3)),
    (35, 96, (3, 3), (3, 3)),
    (35, 64, (2, 2), (2, 2)),
    (17, 128, (1, 7), (7, 1)),
    (17, 192, (1, 7), (7, 1)),
    (8, 384, (3, 1), (1, 3)),
)
"""Grid, width, and the two patches: those of the study, and of Inception-v3."""
SINGLES = (
    (35, 48, 64, (5, 5)),
    (35, 96, 96, (3, 3)),
    (35, 288, 176, (1, 1)),
    (17, 160, 160, (1, 7)),
    (17, 768, 192, (1, 1)),
    (8, 448, 384, (3, 3)),
)
"""Grid, channels, filters and patch."""


class Point(NamedTuple):
    """A shape, a type and a tiling; `second` is the patch of the second of two in series."""

    images: int
    grid: int
    channels: int
    filters: int
    first: tuple[int, int]
    second: tuple[int, int] | None
    dtype: torch.dtype
    tiling: Tiling


def points() -> Iterator[Point]:
    """Every tiling that is tried of every shape."""
    for batch in BATCHES:
        for dtype in DTYPES:
            for grid, channels, filters, patch in SINGLES:
                shape = layer(channels, filters, patch, dtype).shape((batch, channels, grid, grid))
                whole = tilings(shape.positions, filters, channels, dtype.itemsize)
                for tiling in (*whole, *parted(shape, dtype.itemsize)):
                    yield Point(batch, grid, channels, filters, patch, None, dtype, tiling)
            for grid, width, first, second in PAIRS:
                one = layer(width, width, first, dtype).shape((batch, width, grid, grid))
                two = layer(width, width, second, dtype).shape((batch, width, grid, grid))
                for tiling in fusions(Lines(one, two, 1), dtype.itemsize):
                    yield Point(batch, grid, width, width, first, second, dtype, tiling)


def layer(channels: int, filters: int, patch: tuple[int, int], dtype: torch.dtype) -> Weights:
    """A convolution on shapes alone that keeps its grid."""
    conv = torch.nn.Conv2d(channels, filters, patch, padding="same", device=META, dtype=dtype)
    return weights_of(conv, None, relu=True)


def compiled(point: Point) -> Compiled:
    """What the kernel of a point takes of a processor, of two the one that spills or takes more."""
    from costlab.bench.kernels.in_series import convolve_in_series
    from costlab.bench.kernels.running import convolve

    def images(channels: int) -> torch.Tensor:
        shape = (point.images, channels, point.grid, point.grid)
        empty = torch.empty(shape, dtype=point.dtype, device=META)
        return empty.contiguous(memory_format=torch.channels_last)

    x, y = images(point.channels), images(point.filters)
    first = layer(point.channels, point.filters, point.first, point.dtype)
    with compiling() as found:
        if point.second is None:
            convolve(x, first, [y], point.tiling)
        else:
            second = layer(point.filters, point.filters, point.second, point.dtype)
            convolve_in_series(x, first, second, y, point.tiling)
    return max(found, key=lambda one: (one.spilled, one.shared))


def tell(text: str) -> None:
    """Writes a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Compiles in an order of chance until the time is over; 1 if something does not compile."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    every = list(points())
    random.Random(asked.seed).shuffle(every)  # noqa: S311 - nothing secret
    end_s = time.monotonic() + 60 * asked.minutes
    done, spilled, large, failed, longest_s = 0, 0, 0, 0, 0.0
    for point in every:
        begun_s = time.monotonic()
        if begun_s > end_s:
            break
        try:
            made = compiled(point)
        except Exception as error:  # noqa: BLE001 - a compiler raises anything
            failed += 1
            tell(f"does not compile: {point}: {type(error).__name__}: {error}")
            continue
        took_s = time.monotonic() - begun_s
        done, longest_s = done + 1, max(longest_s, took_s)
        if made.shared > Processors().shared_bytes:
            large += 1
            tell(f"too large by its {made.shared} bytes: {point}")
        if made.spilled:
            spilled += 1
            tell(f"spills {made.spilled} bytes, {took_s:.1f} s: {point}")
    tell(
        f"{done} of {len(every)} compiled, the longest in {longest_s:.1f} s; {failed} failed, "
        f"{large} too large, {spilled} spilled"
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
