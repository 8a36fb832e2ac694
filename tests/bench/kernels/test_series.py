"""Two convolutions as one kernel, in Triton's interpreter."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.bench.kernels.conftest import LIMITS
from tests.bench.kernels.test_convolutions import SAME

if TYPE_CHECKING:
    from tests.bench.kernels.conftest import Ask

THREE = {"kernel": (3, 3), "padding": (1, 1)}
PAIRS = {
    "3x1 1x3": (SAME["3x1"], SAME["1x3"]),
    "1x3 3x1": (SAME["1x3"], SAME["3x1"]),
    "1x7 7x1": (SAME["1x7"], SAME["7x1"]),
    "2x2 2x2": (SAME["2x2"], SAME["2x2"]),
    "3x3 3x3": (THREE, THREE),
    "3x3 valid 3x3": ({"kernel": (3, 3), "padding": (0, 0)}, THREE),
}
ALONG = ("3x1 1x3", "1x3 3x1", "1x7 7x1")


@pytest.mark.parametrize(
    ("pair", "lines"),
    [*((pair, 2) for pair in PAIRS), ("3x1 1x3", 3), ("2x2 2x2", 3), ("1x7 7x1", 20),
     ("3x3 valid 3x3", 20)],
)  # fmt: skip
def test_between_in_cache(interpreter: Ask, pair: str, lines: int) -> None:
    """Tiles of lines of one image, of two images, and of more lines than there are."""
    first, second = PAIRS[pair]
    found = interpreter(
        "series",
        shape=(2, 10, 3, 4),
        first={**first, "filters": 20},
        second={**second, "filters": 16},
        lines=lines,
    )
    assert found["error"] < LIMITS["float32"]
    assert found["intact"]
    # Full of NaN before: all of it is written before it is read, and nothing beside it.
    assert found["scratch"]["elements"] > 0
    assert found["scratch"]["written"]
    assert found["scratch"]["intact"]


@pytest.mark.parametrize("dtype", list(LIMITS))
@pytest.mark.parametrize("pair", ALONG)
def test_between_in_shared(interpreter: Ask, pair: str, dtype: str) -> None:
    """The same where what is between is in registers, and gathered for each tap."""
    first, second = PAIRS[pair]
    found = interpreter(
        "series",
        shape=(2, 10, 4, 5),
        first={**first, "filters": 20},
        second={**second, "filters": 40},
        lines=4,
        shared=True,
        dtype=dtype,
    )
    assert found["error"] < LIMITS[dtype]
    assert found["intact"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("pair", ["3x1 1x3", "3x3 3x3"])
def test_half_precision(interpreter: Ask, pair: str, dtype: str) -> None:
    """What is between is rounded to the type of the network, as it is between two kernels."""
    first, second = PAIRS[pair]
    found = interpreter(
        "series",
        shape=(1, 17, 3, 4),
        first={**first, "filters": 20},
        second={**second, "filters": 16},
        lines=2,
        dtype=dtype,
    )
    assert found["error"] < LIMITS[dtype]


@pytest.mark.parametrize("finishes", [("bare", "bn_relu"), ("bn_relu", "bias"), ("bn", "relu")])
@pytest.mark.parametrize("shared", [False, True])
def test_finishes(interpreter: Ask, finishes: tuple[str, str], shared: bool) -> None:
    """Each of the two has its own bias and ReLU; zeros beyond the grid stay zeros.

    A first convolution with a bias would make something else of what lies beyond.
    """
    first, second = PAIRS["3x1 1x3"]
    found = interpreter(
        "series",
        shape=(1, 16, 3, 5),
        first={**first, "filters": 16, "finish": finishes[0]},
        second={**second, "filters": 16, "finish": finishes[1]},
        lines=2,
        shared=shared,
    )
    assert found["error"] < LIMITS["float32"]


@pytest.mark.parametrize("seed", range(4))
def test_random_pairs(interpreter: Ask, seed: int) -> None:
    """Patches, grids and tiles that nobody chose; the second patch is odd and keeps the grid."""
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    rows, columns = draw.choice((1, 3)), draw.choice((1, 3, 5))
    second = {"kernel": (rows, columns), "padding": (rows // 2, columns // 2)}
    first = {"kernel": (draw.randint(1, 3), draw.randint(1, 3)), "padding": (1, 1)}
    found = interpreter(
        "series",
        shape=[draw.randint(1, 3), draw.randint(1, 30), draw.randint(2, 5), draw.randint(2, 5)],
        first={**first, "filters": draw.randint(1, 30)},
        second={**second, "filters": draw.randint(1, 30)},
        lines=draw.randint(2, 6),
        tiling=[draw.choice((32, 64)), draw.choice((16, 32)), draw.choice((16, 32))],
        seed=seed,
    )
    assert found["error"] < LIMITS["float32"]
    assert found["intact"]
