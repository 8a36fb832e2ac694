"""Convolutions with their finish, alone and several in a launch, in Triton's interpreter."""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.kernels.conftest import LIMITS
from tests.bench.kernels.test_page import KERNELS
from tests.bench.kernels.touching import CALLS

if TYPE_CHECKING:
    from tests.bench.kernels.conftest import Ask

HALF = ("float16", "bfloat16")
FINISHES = ("bare", "bias", "relu", "bn", "bias_relu", "bn_relu")
SAME: dict[str, Any] = {
    "1x7": {"kernel": (1, 7), "padding": (0, 3)},
    "7x1": {"kernel": (7, 1), "padding": (3, 0)},
    "1x3": {"kernel": (1, 3), "padding": (0, 1)},
    "3x1": {"kernel": (3, 1), "padding": (1, 0)},
    "1x1": {"kernel": (1, 1), "padding": (0, 0)},
    "2x2": {"kernel": (2, 2), "padding": "same"},
    "5x5": {"kernel": (5, 5), "padding": (2, 2)},
    "3x3/2": {"kernel": (3, 3), "padding": (0, 0), "stride": 2},
}


@pytest.mark.parametrize(
    ("patch", "dtype"),
    [*((patch, "float32") for patch in SAME), *product(("1x7", "2x2", "3x3/2"), HALF)],
)
def test_each_patch_and_each_type(interpreter: Ask, patch: str, dtype: str) -> None:
    """A patch of the networks gives what float64 gives, in its slice and nowhere else."""
    found = interpreter("conv", shape=(2, 20, 4, 5), filters=16, dtype=dtype, **SAME[patch])
    assert found["error"] < LIMITS[dtype]
    assert found["intact"]


@pytest.mark.parametrize("finish", FINISHES)
def test_each_finish(interpreter: Ask, finish: str) -> None:
    """Bias, normalization and ReLU are there if they are asked for, and else not."""
    found = interpreter("conv", shape=(1, 17, 4, 5), filters=9, finish=finish, kernel=(3, 3))
    assert found["error"] < LIMITS["float32"]
    assert found["intact"]


@pytest.mark.parametrize(
    ("shape", "filters", "kernel"),
    [
        ((1, 48, 1, 1), 64, (1, 1)),  # one pixel
        ((1, 48, 1, 1), 16, (3, 3)),  # one pixel, all others padding
        ((1, 3, 9, 9), 32, (3, 3)),  # images: taps and channels in one axis
        ((3, 1, 5, 1), 1, (3, 1)),  # one channel, one column, one filter
        ((2, 48, 1, 6), 33, (1, 3)),  # one row
        ((1, 96, 3, 3), 160, (1, 1)),
    ],
)
def test_borders_of_what_there_is(
    interpreter: Ask, shape: tuple[int, ...], filters: int, kernel: tuple[int, int]
) -> None:
    """Grids of one place, single channels and odd widths are as right as others."""
    found = interpreter("conv", shape=shape, filters=filters, kernel=kernel)
    assert found["error"] < LIMITS["float32"]
    assert found["intact"]


@pytest.mark.parametrize("seed", range(6))
def test_random_shapes(interpreter: Ask, seed: int) -> None:
    """Shapes, paddings, strides and tilings that nobody chose."""
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    kernel = draw.randint(1, 4), draw.randint(1, 4)
    padding = draw.randint(0, 2), draw.randint(0, 2)
    shape = [draw.randint(1, 3), draw.randint(1, 50), draw.randint(4, 9), draw.randint(4, 9)]
    found = interpreter(
        "conv",
        shape=shape,
        filters=draw.randint(1, 40),
        kernel=kernel,
        padding=padding,
        stride=draw.randint(1, 3),
        tiling=[draw.choice((16, 64)), draw.choice((16, 32)), draw.choice((16, 32))],
        dtype=draw.choice(list(LIMITS)),
        seed=seed,
    )
    assert found["error"] < LIMITS["bfloat16"]
    assert found["intact"]


def test_a_wrong_result_is_seen(interpreter: Ask) -> None:
    """The check can fail: mirrored weights are far off."""
    found = interpreter("conv", shape=(1, 20, 5, 5), filters=8, kernel=(3, 3), spoiled=True)
    assert found["error"] > 0.5


@pytest.mark.parametrize("filters", [(17,), (16, 48), (5, 7, 9), (64, 48, 3, 20)])
def test_siblings(interpreter: Ask, filters: tuple[int, ...]) -> None:
    """Pointwise convolutions of one input are one product, dealt to one to four outputs."""
    found = interpreter("siblings", shape=(2, 21, 3, 4), filters=filters, dtype="float16")
    assert found["error"] < LIMITS["float16"]
    assert found["intact"]


@pytest.mark.parametrize("finish", ["bare", "bn_relu"])
def test_side_by_side(interpreter: Ask, finish: str) -> None:
    """1×3 and 3×1 of one input, of different widths, in one launch."""
    first = {**SAME["1x3"], "filters": 19, "finish": finish}
    second = {**SAME["3x1"], "filters": 40, "finish": finish}
    found = interpreter("both", shape=(2, 24, 4, 5), first=first, second=second)
    assert found["error"] < LIMITS["float32"]
    assert found["intact"]


@pytest.mark.parametrize(
    ("grid", "padding", "pooling", "ceil", "dtype"),
    [((9, 7), (0, 0), (3, 2, 0), False, "float32"), ((8, 6), (1, 1), (3, 2, 1), False, "float16"),
     ((8, 6), (1, 1), (2, 2, 0), False, "bfloat16"), ((6, 8), (1, 1), (2, 2, 0), True, "float32")],
)  # fmt: skip
def test_grid_reductions(
    interpreter: Ask,
    grid: tuple[int, int],
    padding: tuple[int, int],
    pooling: tuple[int, int, int],
    ceil: bool,
    dtype: str,
) -> None:
    """A strided convolution and a pooling write side by side, and nowhere else."""
    found = interpreter(
        "reduction",
        shape=(2, 18, *grid),
        filters=22,
        kernel=(3, 3),
        stride=2,
        padding=padding,
        pooling=pooling,
        ceil=ceil,
        dtype=dtype,
    )
    assert found["error"] < LIMITS[dtype]
    assert found["intact"]


def test_what_the_sanitizer_watches(interpreter: Ask) -> None:
    """Each kernel runs, and is right, as compute-sanitizer is to watch it on a GPU."""
    assert interpreter("watched", device="cpu") == []
    assert {*(name.partition(",")[0] for name in CALLS), "added_bn_relu"} == set(KERNELS)
