"""Products in groups: shapes and types of the real kernel, MACs of a loop over the groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from costlab.ops import price
from tests.ops.agreement import agrees, effect_of
from tests.ops.draws import randomly

if TYPE_CHECKING:
    from random import Random

KINDS = (torch.float32, torch.bfloat16, torch.float16)
ALIGNED = 8
"""Sizes are multiples of this: the kernel wants lines of 16 bytes."""


def drawn(rng: Random) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, int]:
    """Two operands, where their groups end, and the MACs of a product for each group."""
    groups, dtype = rng.randint(1, 4), rng.choice(KINDS)
    n, m, p = (ALIGNED * rng.randint(1, 3) for _ in range(3))
    sizes = [ALIGNED * rng.randint(0, 2) for _ in range(groups)]
    rows = sum(sizes)
    ends = torch.tensor(sizes).cumsum(0).int()
    shapes, each = rng.choice([
        (((rows, m), (groups, m, p)), [(size, m, p) for size in sizes]),
        (((groups, n, m), (m, rows)), [(n, m, size) for size in sizes]),
        (((n, rows), (rows, p)), [(n, size, p) for size in sizes]),
        (((groups, n, m), (groups, m, p)), [(n, m, p)] * groups),
    ])  # fmt: skip
    a, b = (torch.zeros(shape, dtype=dtype) for shape in shapes)
    together = len(shapes[0]) == len(shapes[1]) == 3
    macs = sum(left * inner * right for left, inner, right in each)
    return a, b, None if together else ends, macs


@randomly(80)
def test_each_row_is_multiplied_once(rng: Random) -> None:
    """Whatever the operands' axes, the MACs are those of one product for each group."""
    a, b, ends, macs = drawn(rng)
    effect = effect_of("_grouped_mm", a, b, ends)
    assert effect is not None
    assert effect.macs == macs
    if a.numel() and b.numel():
        assert agrees("_grouped_mm", torch._grouped_mm, a, b, ends)


@pytest.mark.parametrize("wrong", ["type", "groups", "inner", "ends", "bias"])
def test_what_torch_refuses_is_left_to_it(wrong: str) -> None:
    """Operands that do not fit are declined."""
    a, b, ends = torch.zeros(6, 16), torch.zeros(3, 16, 8), torch.tensor([2, 4, 6]).int()
    assert price("_grouped_mm", a, b, ends).shape == (6, 8)
    a = a.double() if wrong == "type" else a
    b = b[:2] if wrong == "groups" else b[:, :8] if wrong == "inner" else b
    ends = ends.long() if wrong == "ends" else ends
    bias = torch.zeros(8) if wrong == "bias" else None
    assert effect_of("_grouped_mm", a, b, ends, bias) is None
