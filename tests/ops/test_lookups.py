"""Rows by number: shapes and types against the real kernels, right arguments and wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

from tests.ops.agreement import agrees, effect_of
from tests.ops.draws import randomly, tensor

if TYPE_CHECKING:
    from random import Random


def positions(rng: Random, *sizes: int) -> torch.Tensor:
    """Numbers of the first row."""
    return torch.zeros(sizes, dtype=rng.choice([torch.int64] * 3 + [torch.int32]))


@randomly(80)
def test_sums_of_rows(rng: Random) -> None:
    """Bags by rows of a matrix or by offsets, in each mode, with weights or without."""
    flat = rng.random() < 0.5
    index = positions(rng, *([6] if flat else [rng.randint(1, 3), rng.randint(1, 4)]))
    options: dict[str, Any] = {"mode": rng.choice(["sum", "mean", "max", "first"])}
    if flat or rng.random() < 0.1:
        options["offsets"] = torch.tensor([0, 2, 6][: rng.randint(1, 3)], dtype=index.dtype)
        options["include_last_offset"] = bool(rng.random() < 0.3 and len(options["offsets"]) == 3)
    if rng.random() < 0.3:
        options["per_sample_weights"] = tensor(*index.shape)
    table = tensor(rng.randint(1, 4), rng.randint(1, 5))
    agrees("embedding_bag", F.embedding_bag, index, table, **options)


@randomly(80)
def test_writing_at_positions(rng: Random) -> None:
    """Indices of the first axes, broadcast with one another, and values to them."""
    target = tensor(*[rng.randint(1, 4) for _ in range(rng.randint(1, 3))])
    count = rng.randint(1, 2)
    indices = [positions(rng, *rng.choice([(3,), (2, 3), (1,)])) for _ in range(count)]
    rest = [rng.randint(1, 4) for _ in target.shape[count:]]
    values = tensor(*rng.choice([[], [1], [3, *target.shape[count:]], [3, *rest]]))
    agrees("index_put", torch.index_put, target, indices, values, rng.random() < 0.5)


WRITES: list[tuple[list[torch.Tensor | None], tuple[int, ...]]] = [
    ([None, None, torch.zeros(3, dtype=torch.int64)], (2, 4, 3, 6)),
    ([None, None, torch.zeros(3, dtype=torch.int64)], (2, 1, 3, 6)),
    ([None, torch.zeros(3, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)], (2, 3, 6)),
    ([torch.zeros(3, dtype=torch.int64), None, torch.zeros(3, dtype=torch.int64)], (3, 4, 6)),
    ([torch.zeros(3, dtype=torch.int64), None, torch.zeros(3, dtype=torch.int64)], (4, 3, 6)),
]


@pytest.mark.parametrize(("indices", "given"), WRITES)
def test_writing_with_whole_axes(
    indices: list[torch.Tensor | None], given: tuple[int, ...]
) -> None:
    """`cache[:, :, at] = value`: values fit where torch says that they fit."""
    target, values = tensor(2, 4, 5, 6), tensor(*given)
    effect = effect_of("index_put", target, indices, values)
    try:
        torch.ops.aten.index_put(target, indices, values)
    except RuntimeError:
        assert effect is None
    else:
        assert effect is not None
        assert effect.shape == (2, 4, 5, 6)


def by_loop(target: torch.Tensor, axis: int, mask: torch.Tensor, values: torch.Tensor) -> int:
    """The choices of an assignment by a mask, element by element; 0 where values are placed."""
    rest = target.dim() - axis - mask.dim()
    placed = values.dim() > rest and values.shape[-1 - rest] > 1
    return 0 if placed else sum(1 for _ in target.flatten())


MASKED: list[tuple[tuple[int, ...], int, tuple[int, ...], tuple[int, ...]]] = [
    # The target, where the mask begins, its shape, and the shape of the values.
    ((2, 3), 0, (2, 3), ()),
    ((2, 3), 0, (2, 3), (1,)),
    ((2, 3), 0, (2, 3), (6,)),
    ((2, 3), 0, (2,), ()),
    ((2, 3), 0, (2,), (3,)),
    ((2, 3), 0, (2,), (2, 3)),
    ((2, 3), 0, (2,), (1, 3)),
    ((2, 3), 0, (2,), (2, 1)),
    ((2, 3), 1, (3,), (2, 3)),
    ((2, 3), 1, (3,), (2, 1)),
    ((2, 3, 4), 1, (3, 4), (12,)),
    ((2, 3, 4), 0, (2, 3), (6, 4)),
    ((2, 3), 0, (3,), ()),
    ((2, 3), 0, (2,), (4,)),
    ((2, 3), 0, (2,), (3, 3)),
    ((2, 3), 0, (2, 3), (7,)),
]


@pytest.mark.parametrize(("shape", "axis", "masked", "given"), MASKED)
def test_writing_by_a_mask(
    shape: tuple[int, ...], axis: int, masked: tuple[int, ...], given: tuple[int, ...]
) -> None:
    """A choice an element, or as many elements moved as are given, where torch takes the values."""
    target, values = tensor(*shape), tensor(*given)
    mask = torch.ones(masked, dtype=torch.bool)
    indices = [*[None] * axis, mask]
    effect = effect_of("index_put", target, indices, values)
    try:
        torch.ops.aten.index_put(target, indices, values)
    except (RuntimeError, IndexError):
        assert effect is None
    else:
        assert effect is not None
        assert effect.shape == shape
        assert effect.flops == by_loop(target, axis, mask, values)


def test_writing_by_a_mask_that_the_rule_leaves() -> None:
    """Added by a mask, by two, or by a mask and positions: as many as values say."""
    target, mask = tensor(2, 3), torch.ones(2, dtype=torch.bool)
    positions = torch.zeros(2, dtype=torch.int64)
    scalar = torch.tensor(1.0)
    assert effect_of("index_put", target, [mask], scalar, True) is None
    assert effect_of("index_put", target, [mask, positions], scalar) is None
    assert effect_of("index_put", target, [torch.tensor(True)], scalar) is None


def test_the_rules_answer() -> None:
    """The draws above are not all declined."""
    index, table = torch.zeros(2, 3, dtype=torch.int64), tensor(4, 5)
    assert agrees("embedding_bag", F.embedding_bag, index, table)
    assert agrees("index_put", torch.index_put, table, [index, index], tensor(2, 3))
    assert effect_of("embedding_bag", index, table, max_norm=1.0) is None
    assert effect_of("index_put", table, [index.bool()], tensor(2, 3)) is None
