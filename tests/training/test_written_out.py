"""What is kept of operations that are written out, or called in unusual ways, as by torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from costlab import analyze
from tests.training.real import kept_bytes, traced

if TYPE_CHECKING:
    from collections.abc import Callable


class Kept(nn.Module):
    """A layer, and what a function makes of its rows."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.layer, self.function = nn.Linear(16, 16), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the function makes of it."""
        made: torch.Tensor = self.function(self.layer(x))
        return made


def rms_norm(y: torch.Tensor) -> torch.Tensor:
    """A normalization written out, as in Llama."""
    return y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)


def rope(y: torch.Tensor) -> torch.Tensor:
    """Rotary positions written out."""
    angle = torch.arange(8.0)[:, None] * torch.arange(16.0)
    left, right = y.chunk(2, -1)
    return y * angle.cos() + torch.cat((-right, left), -1) * angle.sin()


def instance_norm(
    *, affine: bool = False, tracked: bool = False, training: bool = True
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A normalization of two samples of four channels, by these of the tensors that it takes."""
    weight, bias = (torch.ones(4), torch.zeros(4)) if affine else (None, None)

    def normalized(y: torch.Tensor) -> torch.Tensor:
        mean, variance = (torch.zeros(4), torch.ones(4)) if tracked else (None, None)
        return F.instance_norm(y.view(2, 4, 16), mean, variance, weight, bias, training)

    return normalized


WRITTEN_OUT = {
    "square": lambda y: y**2,
    "root": lambda y: y.abs() ** 0.5,
    "inverse": lambda y: y**-1,
    "pow(n)": lambda y: y.pow(3),
    "pow(tensor)": lambda y: y.abs().pow(y),
    "of a number": lambda y: 2**y,
    "pow of a number": lambda y: torch.pow(2, y),
    "of itself": lambda y: y.abs() ** y.abs(),
    "x[index]": lambda y: y[torch.tensor([0, 1])],
    "x[index, index]": lambda y: y[torch.tensor([0, 1]), torch.tensor([3, 5])],
    "x[:, index]": lambda y: y[:, torch.tensor([3, 5, 5])],
    "index_select": lambda y: y.index_select(0, torch.tensor([0, 1])),
    "gather": lambda y: y.gather(0, torch.zeros(1, 16, dtype=torch.long)),
    "rms_norm": rms_norm,
    "rope": rope,
    "normalize": F.normalize,
    "normalize columns": lambda y: F.normalize(y, p=1.0, dim=0),
    "normalize a line": lambda y: F.normalize(y[0], dim=0),
    "instance_norm": instance_norm(),
    "instance_norm, affine": instance_norm(affine=True),
    "instance_norm, tracked": instance_norm(affine=True, tracked=True),
    "instance_norm by statistics": instance_norm(tracked=True, training=False),
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_what_is_written_out_keeps_what_torch_keeps(name: str) -> None:
    """Powers and indices keep only what their gradient reads."""
    model, x = Kept(WRITTEN_OUT[name]), torch.randn(8, 16)
    found = traced(model, x)
    assert found.total.saved_bytes == kept_bytes(model, x)
    assert found.assumed == ()


def test_a_mask_keeps_itself_alone() -> None:
    """The gradient of x[mask] reads the mask, a byte a row, and not x."""
    mask = torch.tensor([True, False] * 4)
    model, x = Kept(lambda y: y[mask]), torch.randn(8, 16)
    training = analyze(model, x, mode="train", on="real").training
    assert training is not None
    assert training.total.saved_bytes == kept_bytes(model, x)
