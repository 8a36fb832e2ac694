"""Joins, padding, repetition, indexing and conversion give the kernels' shapes, or decline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from tests.ops.agreement import agrees
from tests.ops.draws import TYPES, axis, like, randomly, shape, tensor

if TYPE_CHECKING:
    from random import Random


@randomly(400)
def test_joins(rng: Random) -> None:
    """Tensors that agree in all axes but one are joined; others are left to torch."""
    sizes = shape(rng, (0, 4), (rng.random() > 0.2, 4))
    dim = axis(rng, len(sizes))

    def part() -> torch.Tensor:
        mine = list(sizes)
        if mine and rng.random() < 0.5:
            mine[dim % len(mine)] = rng.randint(0, 4)
        if rng.random() < 0.1:
            mine = shape(rng, (0, 3))
        return tensor(*mine, dtype=rng.choice(TYPES))

    tensors = [part() for _ in range(rng.randint(0, 3))]
    agrees("cat", torch.cat, tensors, dim)
    agrees("cat", torch.concat, tuple(tensors), dim=dim)
    agrees("stack", torch.stack, tensors, dim)
    for name in ("hstack", "vstack", "dstack", "column_stack"):
        agrees(name, getattr(torch, name), tensors)
    agrees("block_diag", torch.block_diag, *tensors)
    agrees("block_diag", torch.block_diag, *map(torch.ravel, tensors), *tensors[:1])


@randomly(200)
def test_complex_numbers_of_parts(rng: Random) -> None:
    """Two real tensors of one type, broadcast with one another."""
    sizes = shape(rng, (0, 3))
    dtype = rng.choice(TYPES)
    parts = (
        tensor(*sizes, dtype=dtype),
        tensor(*like(rng, sizes), dtype=rng.choice([dtype, dtype, torch.float32])),
    )
    agrees("complex", torch.complex, *parts)
    agrees("polar", torch.polar, *parts)


@randomly(400)
def test_padding(rng: Random) -> None:
    """Pads of either sign, in every mode."""
    x = tensor(*shape(rng, (0, 5), (rng.random() > 0.2, 5)), dtype=rng.choice(TYPES))
    least = -3 if rng.random() < 0.3 else 0
    pads = [rng.randint(least, 4) for _ in range(rng.choice([1, 2, 2, 4, 4, 6, 8]))]
    mode = rng.choice(["constant", "constant", "reflect", "replicate", "circular", "bad"])
    agrees("pad", F.pad, x, pads, mode, rng.choice([None, None, 0.0, 1]))


@randomly(400)
def test_repetition_and_order(rng: Random) -> None:
    """Repeated, rolled, flipped and turned tensors."""
    x = tensor(*shape(rng, (0, 4), (rng.random() > 0.1, 5)), dtype=rng.choice(TYPES))
    times = [rng.randint(-(rng.random() < 0.1), 3) for _ in range(rng.randint(0, 5))]
    agrees("repeat", torch.Tensor.repeat, x, *times)
    agrees("repeat", torch.Tensor.repeat, x, times)
    agrees("tile", torch.Tensor.tile, x, *times)
    agrees("tile", torch.tile, x, tuple(times))
    agrees("repeat_interleave", torch.repeat_interleave, x, rng.randint(-1, 3))
    agrees("repeat_interleave", torch.repeat_interleave, x, 2, axis(rng, x.ndim))
    dims = rng.choice([None, axis(rng, x.ndim), (0, 1), (0, 0), (-1,), ()])
    agrees("roll", torch.roll, x, rng.choice([rng.randint(-3, 3), (1, 2), (1,)]), dims)
    some = [axis(rng, x.ndim) for _ in range(rng.randint(0, 3))]
    agrees("flip", torch.flip, x, some)
    agrees("flip", torch.Tensor.flip, x, *some)
    agrees("fliplr", torch.fliplr, x)
    agrees("flipud", torch.flipud, x)
    agrees("rot90", torch.rot90, x, rng.randint(-5, 5), some)
    agrees("tril", torch.tril, x, rng.randint(-2, 2))
    agrees("triu", torch.triu, x)


def positions(rng: Random, sizes: list[int]) -> torch.Tensor:
    """Positions, all zero, mostly of the type that torch wants."""
    dtype = rng.choice([torch.int64] * 8 + [torch.int32, torch.float32])
    return torch.zeros(sizes, dtype=dtype)


@randomly(500)
def test_indexing(rng: Random) -> None:
    """Elements are gathered from, and scattered to, the positions of an index."""
    sizes = shape(rng, (0, 3), (rng.random() > 0.1, 4))
    dtype = rng.choice(TYPES)
    x, dim = tensor(*sizes, dtype=dtype), axis(rng, len(sizes))
    index = positions(rng, [max(size - rng.randint(-1, 2), 0) for size in sizes])
    source = tensor(*sizes, dtype=dtype if rng.random() < 0.9 else torch.int16)
    agrees("gather", torch.gather, x, dim, index)
    agrees("gather", torch.gather, index=index, input=x, dim=dim)
    agrees("take_along_dim", torch.take_along_dim, x, index, rng.choice([None, dim]))
    number = rng.choice([1, 1.5, True])
    agrees("scatter", torch.scatter, x, dim, index, rng.choice([source, source, number]))
    agrees("scatter_add", torch.scatter_add, x, dim, index, source)
    agrees("scatter_reduce", torch.scatter_reduce, x, dim, index, source, "amax")
    list_of = positions(rng, shape(rng, (0, 1)) if rng.random() < 0.9 else [2, 2])
    agrees("index_select", torch.index_select, x, dim, list_of)
    agrees("index_fill", torch.index_fill, x, dim, list_of, number)
    along = list(sizes)
    if along and list_of.ndim:
        along[dim % len(along)] = list_of.shape[0] + (rng.random() < 0.1)
    slices = tensor(*along, dtype=dtype)
    agrees("index_add", torch.index_add, x, dim, list_of, slices, alpha=rng.choice([1, 1, 2.0]))
    agrees("index_copy", torch.index_copy, x, dim, list_of, slices)
    agrees("take", torch.take, x, index)
    agrees("put", torch.put, x, index, source, rng.random() < 0.5)


def test_short_positions() -> None:
    """Where torch takes positions of int32, the rule answers; elsewhere both refuse."""
    x, rows = tensor(3, 4), torch.zeros(3, dtype=torch.int32)
    places = torch.zeros(3, 4, dtype=torch.int32)
    assert agrees("gather", torch.gather, x, 0, places)
    assert agrees("scatter", torch.scatter, x, 0, places, x)
    assert agrees("scatter", torch.scatter, x, 0, places, 1.0)
    assert agrees("scatter_add", torch.scatter_add, x, 0, places, x)
    assert agrees("scatter_reduce", torch.scatter_reduce, x, 0, places, x, "amax")
    assert agrees("index_add", torch.index_add, x, 0, rows, x)
    assert not agrees("index_copy", torch.index_copy, x, 0, rows, x)
    assert not agrees("take_along_dim", torch.take_along_dim, x, places, 0)
    assert not agrees("take", torch.take, x, rows)


@randomly(200)
def test_embedding(rng: Random) -> None:
    """Rows of a table, by either order of arguments; and ones at a position."""
    index = positions(rng, shape(rng, (0, 3)))
    table = tensor(*shape(rng, (1, 3)) if rng.random() < 0.1 else shape(rng, (2, 2)))
    agrees("embedding", F.embedding, index, table, rng.choice([None, 0, -1, 9]))
    agrees("embedding", torch.embedding, table, index)
    agrees("one_hot", F.one_hot, index, rng.choice([1, 3, 0]))


@randomly(300)
def test_assignment_to_items(rng: Random) -> None:
    """Numbers and tensors are written to what an index names."""
    x = tensor(*shape(rng, (0, 4)))
    pieces: list[Any] = [0, 1, -1, 4, None, ..., slice(None), slice(1, 3), slice(None, -1, 2)]
    items = tuple(rng.choice(pieces) for _ in range(rng.randint(0, 4)))
    index = items[0] if len(items) == 1 else items
    value = rng.choice([0.0, 1, tensor(*shape(rng, (0, 3), (1, 2)))])

    def write(target: torch.Tensor, at: Any, what: Any) -> torch.Tensor:
        target[at] = what
        return target

    agrees("__setitem__", write, x, index, value)


@randomly(300)
def test_conversion(rng: Random) -> None:
    """Tensors are converted by every spelling, and made like others."""
    x = tensor(*shape(rng, (0, 3)), dtype=rng.choice(TYPES))
    other, dtype = tensor(2, dtype=rng.choice(TYPES)), rng.choice(TYPES)
    spellings: list[tuple[list[Any], dict[str, Any]]] = [
        ([dtype], {}),
        ([other], {}),
        (["cpu", dtype], {}),
        (["cpu"], {}),
        ([torch.device("cpu"), dtype, False, True], {}),
        ([dtype, True], {}),
        ([None, dtype], {}),
        ([], {"dtype": dtype, "device": "cpu"}),
        ([], {"other": other}),
        ([dtype], {"copy": True, "memory_format": torch.preserve_format}),
        ([], {}),
        ([dtype], {"dtype": dtype}),
        ([3.5], {}),
    ]
    args, kwargs = rng.choice(spellings)
    agrees("to", torch.Tensor.to, x, *args, **kwargs)
    agrees("type_as", torch.Tensor.type_as, x, other)
    agrees("type", torch.Tensor.type, x, dtype)
    for name in ("half", "bfloat16", "float", "double", "bool", "byte", "char", "short", "int"):
        agrees(name, getattr(torch.Tensor, name), x)
    for name in ("long", "cfloat", "cdouble", "cpu"):
        agrees(name, getattr(torch.Tensor, name), x)
    given: dict[str, Any] = rng.choice(
        [{}, {"dtype": dtype}, {"dtype": dtype, "device": "cpu"}, {"bad": 1}]
    )
    for name in ("empty_like", "zeros_like", "ones_like", "rand_like", "randn_like"):
        agrees(name, getattr(torch, name), x, **given)
    agrees("full_like", torch.full_like, x, rng.choice([1, 2.5]), **given)
    size = shape(rng, (0, 3), (0, 3))
    for name in ("new_empty", "new_zeros", "new_ones"):
        function = getattr(torch.Tensor, name)
        agrees(name, function, x, size, **given)
        agrees(name, function, x, *size, **given)
        agrees(name, function, x, size=size, **given)
    agrees("new_full", torch.Tensor.new_full, x, size, rng.choice([1, 2.5]), **given)


@randomly(200)
def test_writes_in_place(rng: Random) -> None:
    """A tensor is filled from another that is broadcast to it, or with a number."""
    x = tensor(*shape(rng, (0, 3)), dtype=rng.choice(TYPES))
    other = tensor(*shape(rng, (0, 3)), dtype=rng.choice(TYPES))
    agrees("copy", torch.Tensor.copy_, x.clone(), other)
    agrees("fill", torch.Tensor.fill_, x.clone(), rng.choice([1, 2.5, True, 2j, other]))
    agrees("zero", torch.Tensor.zero_, x.clone())
    agrees("clone", torch.clone, x)
