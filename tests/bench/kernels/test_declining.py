"""What the kernels do not take: it is said, it runs elsewhere, and what comes out is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from costlab.bench import arms
from costlab.bench.kernels import OLDEST, unavailable
from tests.bench.kernels.conftest import LIMITS

if TYPE_CHECKING:
    from tests.bench.kernels.conftest import Ask


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        ("dilated", "it is dilated"),
        ("reflect", "it pads with 'reflect', and the kernels only with zeros"),
        ("circular", "it pads with 'circular', and the kernels only with zeros"),
    ],
)
def test_a_layer_that_is_not_taken(interpreter: Ask, layer: str, why: str) -> None:
    """Within a module it runs through torch, and the side says so; alone it is an error."""
    found = interpreter("declined", layer=layer)
    assert found["error"] < LIMITS["float32"]
    assert found["elsewhere"] == [f"other: {why}"]
    assert found["alone"].endswith(f"take nothing of this module: conv: {why}")


def test_a_layer_that_is_taken(interpreter: Ask) -> None:
    """The same without dilation, padded with zeros: nothing is left to others."""
    found = interpreter("declined", layer="taken")
    assert found["error"] < LIMITS["float32"]
    assert (found["elsewhere"], found["alone"]) == ([], "")


@pytest.mark.parametrize(
    ("capability", "said"),
    [
        ((7, 5), "kernels of our own need compute capability 8.0, and this device has 7.5"),
        ((6, 1), "kernels of our own need compute capability 8.0, and this device has 6.1"),
        (OLDEST, ""),
        ((9, 0), ""),
    ],
)
def test_a_gpu_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], said: str
) -> None:
    """It is told what is needed and what there is, by the kernels and so by both of their arms."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    device = torch.device("cuda")
    assert unavailable(device) == said
    assert arms.unavailable("ours", device) == arms.unavailable("best-blocks", device) == said
