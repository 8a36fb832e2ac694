"""What the kernels refuse: sizes that 32 bits do not count, tensors that are not theirs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from costlab.bench.kernels.weights import misfit, weights_of
from tests.bench.kernels.conftest import LIMITS

if TYPE_CHECKING:
    from tests.bench.kernels.conftest import Ask

LARGE = "too large for 32-bit positions"


def said(shape: tuple[int, ...], filters: int, kernel: tuple[int, int], **layer: Any) -> str:
    """Why a convolution of this size is not taken."""
    options = {"dtype": torch.bfloat16, "device": "meta", **layer}
    conv = nn.Conv2d(shape[1], filters, kernel, **options)
    x = torch.empty(shape, dtype=torch.bfloat16, device="meta", memory_format=torch.channels_last)
    return misfit(x, weights_of(conv, None, relu=True))


@pytest.mark.parametrize("shape", [(256, 288, 35, 35), (4096, 288, 35, 35), (256, 64, 147, 147)])
def test_many_images_are_taken(shape: tuple[int, ...]) -> None:
    """Where images begin is counted in 64 bits: their number is no matter, up to 2³¹ positions."""
    assert shape[0] * shape[1] * shape[2] * shape[3] > 2**26
    assert said(shape, 64, (3, 3), padding=1) == ""


@pytest.mark.parametrize(
    ("shape", "kernel", "padding"),
    [
        ((2**31 - 1, 1, 1, 1), (1, 1), (0, 0)),  # the last tile would count past 2³¹
        ((1, 16, 1, 2**26), (7, 1), (3, 0)),  # one row, and six more of padding
        ((1, 16, 2**14, 2**14), (1, 1), (0, 0)),
    ],
)
def test_sizes_that_32_bits_do_not_count(
    shape: tuple[int, ...], kernel: tuple[int, int], padding: tuple[int, int]
) -> None:
    """Positions with the last tile's, and places of an image with those of its padding, are."""
    assert said(shape, 1, kernel, padding=padding) == f"it is {LARGE}"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("in place", "write over what it reads"),
        ("overlapping", "write over what it reads"),
        ("series in place", "write over what it reads"),
        ("pooled in place", "write over what it reads"),
        ("another type", "of float16 by weights of float32"),
        ("channels", "of 8 channels is given 24"),
        ("series of channels", "of 8 channels is given 24"),
        ("pooled images", "2 images are convolved, and 1 pooled"),
    ],
)
def test_what_is_refused(interpreter: Ask, kind: str, why: str) -> None:
    """Nothing is launched that would read or write what is not its own."""
    assert re.search(why, interpreter("misused", kind=kind))


@pytest.mark.parametrize("kind", ["fits", "beside", "before"])
def test_what_is_not(interpreter: Ask, kind: str) -> None:
    """Slices of one tensor may be read and written in the same launch."""
    assert interpreter("misused", kind=kind) == ""


@pytest.mark.parametrize("how", ["module", "function", "position", "method"])
def test_what_is_written_in_place_keeps_its_order(interpreter: Ask, how: str) -> None:
    """Convolutions of a value that is written to between them do not share a launch."""
    found = interpreter("ordered", how=how)
    assert found["error"] < LIMITS["float32"]
    assert found["launches"].count("one") == 3


def test_else_they_share_one(interpreter: Ask) -> None:
    """The same convolutions are siblings if nothing is written between them."""
    found = interpreter("ordered", how="nothing")
    assert found["error"] < LIMITS["float32"]
    assert "siblings" in found["launches"]


def test_a_normalization_in_training_is_not_folded(interpreter: Ask) -> None:
    """It takes the statistics of its input, also within a module in eval mode."""
    assert interpreter("partly_training")["error"] < LIMITS["float32"]


def test_launches_are_on_the_device_of_their_tensors(interpreter: Ask) -> None:
    """Triton takes the current device, which may be another: it is set to prepare and to run."""
    assert interpreter("guarded") == [True, True]


@pytest.mark.parametrize(
    "kernel",
    ["conv_bn_relu", "partial_sums", "side_by_side", "conv_and_pool", "between_in_cache",
     "between_in_shared"],
)  # fmt: skip
def test_places_beyond_32_bits(interpreter: Ask, kernel: str) -> None:
    """Images may begin 2³¹ elements from the first, and further, both read and written."""
    found = interpreter("far", kernel=kernel)
    if "refused" in found:
        pytest.skip(f"there is no room for {found['refused']}")
    assert found["last"] > 2**31
    assert found["error"] < 2 * LIMITS["float16"]


@pytest.mark.parametrize("layer", ["conv", "norm", "relu"])
def test_hooks_are_called(interpreter: Ask, layer: str) -> None:
    """A layer with a hook runs as it is, through torch; of a convolution that is said."""
    found = interpreter("hooks", layer=layer)
    assert found["error"] < LIMITS["float32"]
    said = ["conv: it has hooks, which a kernel would not call"]
    assert found["declined"] == (said if layer == "conv" else [])


def test_candidates_are_tried_on_nan(interpreter: Ask) -> None:
    """In outputs and in scratch: what an earlier launch left there may be right by chance."""
    assert interpreter("tried") == {"scratch": True, "output": True, "after": False}
