"""Every kernel compiles for a Hopper GPU at the study's shapes, and fits its processors."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from costlab.bench.kernels.interpreted import interpreting
from costlab.bench.kernels.tilings import Processors, Tiling

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from costlab.bench.kernels.weights import Weights
    from tests.bench.kernels.ahead import Compiled

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(interpreting(), reason="here Triton interprets, and cannot compile")

META = torch.device("meta")
WIDE = Tiling(128, 64, 64)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled anew, and nothing kept."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


def weights(channels: int, filters: int, kernel: tuple[int, int], **layer: Any) -> Weights:
    """A convolution on shapes alone."""
    from costlab.bench.kernels.weights import weights_of

    dtype = layer.pop("dtype", torch.bfloat16)
    layer.setdefault("padding", (kernel[0] // 2, kernel[1] // 2))
    conv = nn.Conv2d(channels, filters, kernel, **layer).to(dtype)
    return weights_of(conv, None, relu=True).of(META)


def images(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Images on shapes alone, channels last."""
    return torch.empty(shape, dtype=dtype, device=META, memory_format=torch.channels_last)


def checked(compiled: list[Compiled]) -> Compiled:
    """The one kernel that was compiled: it fits, and its products are the matrix units'."""
    (found,) = compiled
    assert found.shared <= Processors().shared_bytes
    assert "wgmma" in found.ptx
    return found


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_convolution(dtype: torch.dtype) -> None:
    """Its shared memory is what the tiling says, so that candidates are judged by it rightly."""
    from costlab.bench.kernels.running import convolve
    from tests.bench.kernels.ahead import compiling

    layer = weights(192, 192, (1, 7), dtype=dtype)
    joined = images(32, 768, 17, 17, dtype=dtype)
    with compiling() as found:
        convolve(images(32, 192, 17, 17, dtype=dtype), layer, [joined[:, 192:384]], WIDE)
    one = checked(found)
    assert one.shared == WIDE.shared_bytes(dtype.itemsize)
    assert one.spilled == 0
    assert "cp.async" in one.ptx  # loads are under way while products are formed
    assert "griddepcontrol" not in one.ptx


def test_programmatic_dependent_launch() -> None:
    """A kernel that may start early waits for the one before it, and lets the next one start."""
    from costlab.bench.kernels.running import convolve
    from tests.bench.kernels.ahead import compiling

    with compiling() as found:
        x, y = images(1, 128, 17, 17), images(1, 128, 17, 17)
        convolve(x, weights(128, 128, (7, 1)), [y], WIDE, pdl=True)
    ptx = checked(found).ptx
    assert ptx.index("griddepcontrol.wait") < ptx.index("ld.global")
    assert "griddepcontrol.launch_dependents" in ptx


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("pdl", [False, True])
def test_in_parts(dtype: torch.dtype, pdl: bool) -> None:
    """Partial sums of the matrix units, and what adds them; no atomics, so that order is fixed."""
    from costlab.bench.kernels.running import convolve
    from tests.bench.kernels.ahead import compiling

    joined = images(1, 2048, 8, 8, dtype=dtype)
    x, layer = images(1, 448, 8, 8, dtype=dtype), weights(448, 384, (3, 3), dtype=dtype)
    with compiling() as found:
        convolve(x, layer, [joined[:, 320:704]], Tiling(64, 32, 64, parts=11, pdl=pdl))
    first, second = found
    for one in checked([first]), second:
        assert one.spilled == 0
        assert not re.search(r"\b(atom|red)\.", one.ptx)
        assert ("griddepcontrol.wait" in one.ptx) == pdl
        assert ("griddepcontrol.launch_dependents" in one.ptx) == pdl
    assert first.shared == Tiling(64, 32, 64).shared_bytes(dtype.itemsize)
    assert "cp.async" in first.ptx
    assert len(re.findall(r"ld\.global\.v4", second.ptx)) >= 11  # 16 bytes of each part


def test_a_single_position() -> None:
    """Sizes of 1, which Triton takes for constants, compile as others do."""
    from costlab.bench.kernels.running import convolve
    from tests.bench.kernels.ahead import compiling

    for parts in (1, 4):
        with compiling() as found:
            x, y = images(1, 2048, 1, 1), images(1, 64, 1, 1)
            convolve(x, weights(2048, 64, (1, 1)), [y], Tiling(64, 32, 64, parts=parts))
        checked(found[:1])
        assert len(found) == (1 if parts == 1 else 2)


def test_what_is_no_number_stays_none() -> None:
    """ReLU keeps NaN, as torch's does; Triton's maximum would give 0, but not when interpreted."""
    from costlab.bench.kernels.running import convolve
    from tests.bench.kernels.ahead import compiling

    with compiling() as found:
        x, y = images(1, 64, 17, 17), images(1, 64, 17, 17)
        convolve(x, weights(64, 64, (1, 1)), [y], WIDE)
    assert "max.NaN.f32" in found[0].ptx
    assert "max.f32" not in found[0].ptx


def test_images_and_siblings() -> None:
    """Three channels, and three outputs."""
    from costlab.bench.kernels.running import convolve
    from tests.bench.kernels.ahead import compiling

    with compiling() as found:
        stem = weights(3, 32, (3, 3), stride=2, padding=(0, 0))
        convolve(images(1, 3, 299, 299), stem, [images(1, 32, 149, 149)], Tiling(128, 32, 32))
    checked(found)
    with compiling() as found:
        outputs = [images(1, filters, 35, 35) for filters in (64, 48, 64)]
        convolve(images(1, 288, 35, 35), weights(288, 176, (1, 1)), outputs, WIDE)
    assert checked(found).spilled == 0


def test_two_in_a_launch() -> None:
    """1×3 beside 3×1, and a strided convolution beside a pooling."""
    from costlab.bench.kernels.running import Pooling, convolve_and_pool, convolve_both
    from tests.bench.kernels.ahead import compiling

    joined = images(32, 768, 8, 8)
    with compiling() as found:
        rows, columns = weights(384, 384, (1, 3)), weights(384, 384, (3, 1))
        halves = joined[:, :384], joined[:, 384:]
        convolve_both(images(32, 384, 8, 8), rows, columns, halves, WIDE)
    assert checked(found).spilled == 0
    x, y = images(32, 288, 35, 35), images(32, 768, 17, 17)
    with compiling() as found:
        layer = weights(288, 384, (3, 3), stride=2, padding=(0, 0))
        pool = Pooling(3, 2, 0)
        convolve_and_pool(x, layer, y[:, :384], x, pool, y[:, 480:], WIDE)
    assert checked(found).spilled == 0


@pytest.mark.parametrize(
    ("first", "second", "grid", "width", "tiling"),
    [
        ((3, 1), (1, 3), 35, 64, Tiling(128, 64, 64, lines=14)),
        ((3, 1), (1, 3), 35, 64, Tiling(128, 64, 64, 8, lines=3, shared=True)),
        ((3, 3), (3, 3), 35, 96, Tiling(128, 32, 32, lines=11)),
        ((1, 7), (7, 1), 17, 192, Tiling(128, 64, 64, lines=15)),
    ],
)
def test_series(
    first: tuple[int, int], second: tuple[int, int], grid: int, width: int, tiling: Tiling
) -> None:
    """Pairs at the study's widths; a barrier stands between writing and reading what is between."""
    from costlab.bench.kernels.in_series import convolve_in_series
    from tests.bench.kernels.ahead import compiling

    x, y = images(256, width, grid, grid), images(256, width, grid, grid)
    with compiling() as found:
        one, two = weights(width, width, first), weights(width, width, second)
        convolve_in_series(x, one, two, y, tiling)
    made = checked(found)
    assert made.spilled == 0
    assert "bar.sync" in made.ptx


@pytest.mark.parametrize(
    ("capability", "dtype", "units"),
    [
        (80, torch.bfloat16, "mma.sync"),
        (100, torch.bfloat16, "tcgen05.mma"),
        (120, torch.float32, "mma.sync"),
    ],
)
def test_other_devices(capability: int, dtype: torch.dtype, units: str) -> None:
    """From compute capability 8.0 on each kernel compiles, for the matrix units that are there."""
    from costlab.bench.kernels.in_series import convolve_in_series
    from costlab.bench.kernels.running import Pooling, convolve, convolve_and_pool, convolve_both
    from tests.bench.kernels.ahead import compiling

    small = Tiling(64, 32, 32)
    x, y = images(1, 64, 17, 17, dtype=dtype), images(1, 64, 17, 17, dtype=dtype)
    rows = weights(64, 64, (1, 3), dtype=dtype)
    columns = weights(64, 64, (3, 1), dtype=dtype)
    with compiling(capability) as found:
        convolve(x, rows, [y], small)
        convolve(x, rows, [y], replace(small, parts=3))
        convolve_in_series(x, columns, rows, y, replace(small, lines=7))
        convolve_in_series(x, columns, rows, y, replace(small, lines=3, shared=True))
        convolve_both(x, rows, columns, (y, y), small)
        convolve_and_pool(x, rows, y, x, Pooling(3, 1, 1), y, small)
    assert len(found) == 7
    for one in found:
        assert one.shared <= 99 * 1024
        assert (units in one.ptx) == (one is not found[2])  # which adds parts


SAMPLE = 3


def test_a_sample_of_all_tilings() -> None:
    """Drawn from all that is tried: each compiles, and takes the shared memory that it is let.

    `python -m tests.bench.kernels.sweep` compiles as many as there is time for.
    """
    from tests.bench.kernels.sweep import compiled, points

    every = list(points())
    assert {point.tiling.shared for point in every} == {False, True}
    assert max(point.tiling.parts for point in every) > 1
    for point in random.Random(7).sample(every, SAMPLE):  # noqa: S311 - nothing secret
        assert compiled(point).shared <= Processors().shared_bytes


def test_rows_are_loaded_in_sixteen_bytes() -> None:
    """Channels of a slice are read in vectors, and a pair of one image compiles as others do.

    A place that is no multiple of 16 bytes by what the compiler knows would be read piece by piece.
    """
    from costlab.bench.kernels.in_series import convolve_in_series
    from tests.bench.kernels.ahead import compiling

    with compiling() as found:
        x, y = images(1, 64, 35, 35), images(1, 64, 35, 35)
        one, two = weights(64, 64, (3, 1)), weights(64, 64, (1, 3))
        convolve_in_series(x, one, two, y, Tiling(64, 64, 64, lines=7))
    copies = re.findall(r"cp\.async\.c[ag]\.shared\.global [^;]*?, (0x[0-9a-f]+|\d+)", found[0].ptx)
    assert copies
    assert {int(size, 0) for size in copies} == {16}
