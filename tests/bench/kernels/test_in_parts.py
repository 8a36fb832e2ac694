"""Convolutions whose sums are cut into parts: results, tilings, bytes."""

from __future__ import annotations

from math import ceil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from costlab.bench.kernels.tilings import Processors, Tiling, parted, taken, tilings
from costlab.bench.kernels.work import InParts, Shape
from costlab.bench.roofline import FEED
from tests.bench.kernels.conftest import LIMITS
from tests.bench.kernels.pages import RATES
from tests.bench.kernels.test_convolutions import FINISHES, SAME

if TYPE_CHECKING:
    from tests.bench.kernels.conftest import Ask

BF16 = 2
THERE = Processors()
DEEP = Shape(1, (8, 8), 448, 384, (3, 3), padding=(1, 1, 1, 1))


def right(found: dict[str, Any], dtype: str, elements: int) -> bool:
    """Whether a result is right, in its place, and took just so much of a workspace of NaN."""
    scratch = {"elements": elements, "written": True, "intact": True}
    near = found["error"] < LIMITS[dtype]
    return bool(near and found["intact"] and found["scratch"] == scratch)


@pytest.mark.parametrize("dtype", list(LIMITS))
@pytest.mark.parametrize("parts", [2, 5, 9, 18, 20])
def test_parts_of_a_sum(interpreter: Ask, parts: int, dtype: str) -> None:
    """Of 18 steps, in parts that are even, uneven, a step each, and more than there are.

    The workspace is full of NaN before, so that a part which was not written would show.
    """
    found = interpreter(
        "conv", shape=(2, 20, 4, 5), filters=24, kernel=(3, 3), parts=parts, dtype=dtype
    )
    assert right(found, dtype, parts * 2 * 4 * 5 * 24)


@pytest.mark.parametrize("finish", FINISHES)
def test_each_finish(interpreter: Ask, finish: str) -> None:
    """Bias and ReLU are of the whole sum, not of its parts."""
    found = interpreter(
        "conv", shape=(1, 40, 4, 5), filters=9, finish=finish, parts=3, kernel=(1, 1)
    )
    assert right(found, "float32", 3 * 4 * 5 * 9)


@pytest.mark.parametrize("patch", list(SAME))
def test_each_patch(interpreter: Ask, patch: str) -> None:
    """A part may begin in the middle of a patch."""
    found = interpreter("conv", shape=(1, 20, 5, 6), filters=70, parts=3, **SAME[patch])
    positions = 2 * 2 if patch == "3x3/2" else 5 * 6
    assert right(found, "float32", 3 * positions * 70)


@pytest.mark.parametrize(
    ("shape", "kernel"),
    [
        ((1, 48, 1, 1), (1, 1)),
        ((1, 48, 1, 1), (3, 3)),
        ((2, 3, 7, 7), (3, 3)),
        ((3, 1, 5, 1), (3, 1)),
    ],
)
def test_borders(interpreter: Ask, shape: tuple[int, ...], kernel: tuple[int, int]) -> None:
    """One pixel, images of three channels, a single channel and column."""
    found = interpreter("conv", shape=shape, filters=33, kernel=kernel, parts=2)
    assert right(found, "float32", 2 * shape[0] * shape[2] * shape[3] * 33)


def test_siblings(interpreter: Ask) -> None:
    """What adds the parts deals filters to each output, as a single launch does."""
    found = interpreter("siblings", shape=(2, 40, 3, 4), filters=(64, 48, 3, 20), parts=3)
    assert found["error"] < LIMITS["float32"]
    assert found["intact"]


def test_a_wrong_result_is_seen(interpreter: Ask) -> None:
    """The check can fail in parts as well."""
    found = interpreter(
        "conv", shape=(1, 20, 5, 5), filters=8, kernel=(3, 3), parts=3, spoiled=True
    )
    assert found["error"] > 0.5


@pytest.mark.parametrize("block", ["Mixed_7a", "Mixed_7b"])
def test_blocks(interpreter: Ask, block: str) -> None:
    """Modules at 8×8 are right with all that may be in parts in parts, slices and all."""
    options = {"source": "inception_v3(aux=False, width=0.05)", "shape": (3, 75, 75)}
    whole = interpreter("module", block=block, **options)
    found = interpreter("module", block=block, parts=3, **options)
    assert found["error"] < LIMITS["float32"]
    assert found["declined"] == []
    assert found["launches"] == whole["launches"]
    assert found["scratched"] > whole["scratched"]


@pytest.mark.parametrize("images", [1, 4, 32, 256])
@pytest.mark.parametrize("grid", [8, 17, 35])
def test_parts_only_where_processors_would_idle(grid: int, images: int) -> None:
    """A sum is cut where its tiles are fewer than the processors, and else not."""
    shape = Shape(images, (grid, grid), 192, 192, (1, 7), padding=(0, 3, 0, 3))
    found = parted(shape, BF16)
    for one in found:
        tiles = ceil(shape.positions / one.block_m) * ceil(192 / one.block_f)
        assert tiles < THERE.number
        assert 2 <= one.parts <= 32
        assert tiles * one.parts <= 2 * THERE.number
        assert one.shared_bytes(BF16) <= THERE.shared_bytes
        assert 7 * ceil(192 / one.block_k) // one.parts >= 4
    widest = ceil(shape.positions / 128) * ceil(192 / 128)
    assert bool(found) == (widest < THERE.number)
    assert len(found) <= 12


@pytest.mark.parametrize("capability", [(8, 0), (9, 0)])
def test_candidates_take_turns(
    capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole sums and sums in parts, so that each kind is tried; early only where there is that."""
    pytest.importorskip("triton")
    from costlab.bench.kernels import choosing

    x: Any = SimpleNamespace(device=torch.device("cuda"), element_size=lambda: BF16)
    monkeypatch.setattr(choosing, "there", lambda _x: THERE)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    whole = choosing._candidates(x, DEEP)
    assert {one.parts for one in whole} == {1}
    found = choosing._candidates(x, DEEP, in_parts=True)
    assert [one.parts > 1 for one in found[:6]] == [False, True] * 3
    assert set(whole) < set(found)
    early = [one for one in found if one.pdl]
    assert bool(early) == (capability >= (9, 0))
    assert all(one.parts > 1 for one in early)
    assert parted(DEEP, BF16)[0] in found


def test_what_a_part_takes() -> None:
    """The arithmetic of a part, and its sums at 4 bytes where an element of the input has 2."""
    one = Tiling(64, 32, 64, parts=9)
    tiles, steps = 12, 9 * 7
    waits = FEED * (64 + 32) / (64 * 32)
    assert taken(DEEP, Tiling(64, 32, 64), BF16, THERE) == 64 * 32 * waits * steps * 64
    assert tiles * 9 <= THERE.number
    products = 64 * 32 * waits * 7 * 64
    sums = 2 * 9 * 64 * 384 * 2 * FEED / 132
    assert taken(DEEP, one, BF16, THERE) == pytest.approx(products + sums)


def test_the_first_takes_the_least() -> None:
    """At 8×8 and one image, parts take a third of the time of the best whole sum, or less."""
    whole, cut = tilings(64, 384, 448, BF16)[0], parted(DEEP, BF16)
    least = min(taken(DEEP, one, BF16, THERE) for one in cut)
    assert taken(DEEP, cut[0], BF16, THERE) == least
    assert least < taken(DEEP, whole, BF16, THERE) / 3


def test_bytes_of_the_second_pass() -> None:
    """Each part of each result is written once and read once, 4 bytes; all else as before."""
    pair = InParts(DEEP, 11)
    sums = 11 * 64 * 384 * 4
    assert pair.sums == sums
    assert pair.moved(BF16) == DEEP.moved(BF16) + 2 * sums
    assert pair.additions == 11 * 64 * 384
    first = DEEP.read(BF16) + 9 * 448 * 384 * BF16 + sums
    second = sums + 384 * 4 + 64 * 384 * BF16
    assert pair.passes(BF16) == (first, second)
    slowest = max(2 * DEEP.macs / RATES.flops_per_s, first / RATES.bytes_per_s)
    assert pair.roof_s(BF16, RATES) == slowest + second / RATES.bytes_per_s
