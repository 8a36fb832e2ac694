"""Which positions of the input a position of the output depends on, found by its gradient."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn


class Window(NamedTuple):
    """Rows and columns that the output at the centre depends on, as seen from there.

    `positions` are all that it depends on; fewer than rows by columns, if the window has holes.
    """

    rows: range
    columns: range
    positions: int


def probe(module: nn.Module, inputs: int, grid: int = 25) -> Window:
    """The window of the centre of a grid that the module keeps.

    The gradient is that of a random sum over all channels, in double precision, so that no weight
    is lost; an input without any is not read.
    """
    torch.manual_seed(0)
    module = module.double().eval()
    image = torch.randn(1, inputs, grid, grid, dtype=torch.double, requires_grad=True)
    output = module(image)
    assert output.shape[2:] == (grid, grid)
    centre = output[0, :, grid // 2, grid // 2]
    (gradient,) = torch.autograd.grad((centre * torch.randn_like(centre)).sum(), image)
    read = gradient[0].ne(0).any(0)
    rows, columns = read.any(1).nonzero().flatten(), read.any(0).nonzero().flatten()
    middle = grid // 2
    return Window(
        range(int(rows[0]) - middle, int(rows[-1]) - middle + 1),
        range(int(columns[0]) - middle, int(columns[-1]) - middle + 1),
        int(read.sum()),
    )
