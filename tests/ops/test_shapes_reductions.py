"""Reduction, scan and order rules give the kernels' shapes and types, or decline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from tests.ops.agreement import agrees
from tests.ops.draws import TYPES, axes, axis, randomly, shape, tensor

if TYPE_CHECKING:
    from random import Random


def operand(rng: Random) -> torch.Tensor:
    """A tensor of any type; now and then without elements, or without axes."""
    return tensor(*shape(rng, (0, 4), (rng.random() > 0.1, 5)), dtype=rng.choice(TYPES))


@randomly(400)
def test_sums(rng: Random) -> None:
    """Sums, means and products over axes, in the type that is asked for."""
    x = operand(rng)
    dim, keepdim = axes(rng, x.ndim), rng.random() < 0.5
    dtype = rng.choice([None, None, torch.float64, torch.int32, torch.bool, torch.complex64])
    for name in ("sum", "nansum", "mean"):
        function = getattr(torch, name)
        agrees(name, function, x, dim, keepdim, dtype=dtype)
        agrees(name, function, x, dtype=dtype)
        agrees(name, getattr(torch.Tensor, name), x, dim=dim)
    one = rng.choice([None, axis(rng, x.ndim)])
    agrees("prod", torch.prod, x, one, keepdim, dtype=dtype)
    agrees("prod", torch.prod, x, dtype=dtype)
    agrees("count_nonzero", torch.count_nonzero, x, dim)
    agrees("logsumexp", torch.logsumexp, x, dim, keepdim)
    agrees("cumsum", torch.cumsum, x, axis(rng, x.ndim), dtype=dtype)
    agrees("cumprod", torch.cumprod, x, axis(rng, x.ndim), dtype=dtype)


@randomly(400)
def test_extrema(rng: Random) -> None:
    """The largest, the smallest and the middle element, and where they are."""
    x = operand(rng)
    dim, keepdim = axes(rng, x.ndim), rng.random() < 0.5
    for name in ("max", "min", "median", "nanmedian"):
        function = getattr(torch, name)
        agrees(name, function, x)
        agrees(name, function, x, axis(rng, x.ndim), keepdim)
        agrees(name, function, x, dim=rng.choice([None, axis(rng, x.ndim)]), keepdim=keepdim)
        agrees(name, function, x, rng.choice([x, 2.0, True]))
    for name in ("amax", "amin", "argmax", "argmin", "all", "any"):
        function = getattr(torch, name)
        agrees(name, function, x, dim, keepdim)
        agrees(name, function, x, axis(rng, x.ndim), keepdim)
        agrees(name, function, x)
        agrees(name, function, x, dim=dim)
    agrees("cummax", torch.cummax, x, axis(rng, x.ndim))
    agrees("kthvalue", torch.kthvalue, x, rng.randint(0, 3), axis(rng, x.ndim), keepdim)
    agrees("topk", torch.topk, x, rng.randint(-1, 4), axis(rng, x.ndim))
    agrees("sort", torch.sort, x, axis(rng, x.ndim), keepdim)
    agrees("sort", torch.sort, x, dim=axis(rng, x.ndim), descending=keepdim, stable=True)
    agrees("argsort", torch.argsort, x, axis(rng, x.ndim), keepdim)


@randomly(400)
def test_moments_and_norms(rng: Random) -> None:
    """Variances in all their overloads, and norms."""
    x = operand(rng)
    dim, flag, keepdim = axes(rng, x.ndim), rng.random() < 0.5, rng.random() < 0.5
    for name in ("var", "std", "var_mean", "std_mean"):
        function = getattr(torch, name)
        agrees(name, function, x)
        agrees(name, function, x, flag)
        agrees(name, function, x, dim, flag, keepdim)
        agrees(name, function, x, dim, correction=rng.choice([0, 1, 2]), keepdim=keepdim)
        agrees(name, function, x, dim=dim, unbiased=flag, keepdim=keepdim)
        agrees(name, function, x, dim, flag, correction=1)
        agrees(name, function, x, keepdim=True)
    p = rng.choice(["fro", 2, 1, float("inf"), 0, "nuc", None, -1, 3.5])
    dtype = rng.choice([None, torch.float64, torch.int32])
    agrees("norm", torch.norm, x, p, dim, keepdim)
    agrees("norm", torch.Tensor.norm, x, p, dim, keepdim)
    agrees("norm", torch.norm, x, dim=dim, dtype=dtype)
    agrees("linalg_norm", torch.linalg.norm, x, p, dim, keepdim)
    agrees("linalg_norm", torch.linalg.norm, x)
    agrees("linalg_vector_norm", torch.linalg.vector_norm, x, p, dim, keepdim)
    agrees("linalg_vector_norm", torch.linalg.vector_norm, x, dim=dim, dtype=dtype)


@randomly(200)
def test_softmax(rng: Random) -> None:
    """Softmax along any axis, in the type that is asked for."""
    x = operand(rng)
    dtype = rng.choice([None, torch.float64, torch.int32])
    for name in ("softmax", "log_softmax", "softmin"):
        agrees(name, getattr(F, name), x, axis(rng, x.ndim), dtype=dtype)
    agrees("softmax", torch.softmax, x, axis(rng, x.ndim), dtype)
    agrees("log_softmax", torch.Tensor.log_softmax, x, axis(rng, x.ndim), dtype)
    agrees("glu", F.glu, x, axis(rng, x.ndim))


@randomly(400)
def test_searches(rng: Random) -> None:
    """Values are looked for among ordered ones, one axis or one for each row."""
    sizes = shape(rng, (0, 3), (rng.random() > 0.1, 4))
    kinds = [rng.choice(TYPES), rng.choice([torch.float32, torch.int64])]
    values = tensor(*sizes, dtype=kinds[0])
    rows = sizes[:-1] if rng.random() < 0.5 else shape(rng, (0, 2))
    ordered = tensor(*rows, rng.randint(0, 4), dtype=kinds[1])
    if rng.random() < 0.1:
        ordered = tensor(dtype=kinds[1])
    short, right = rng.random() < 0.5, rng.random() < 0.5
    value = rng.choice([values, values, 1, 1.5])
    agrees("bucketize", torch.bucketize, value, ordered, out_int32=short, right=right)
    more: dict[str, Any] = (
        {"side": rng.choice([None, "left", "right", "bad"])} if rng.random() < 0.5 else {}
    )
    if rng.random() < 0.3:
        at = torch.zeros(ordered.shape, dtype=rng.choice([torch.int64, torch.int32]))
        more["sorter"] = at if rng.random() < 0.8 else at[None]
    agrees("searchsorted", torch.searchsorted, ordered, value, right=right, **more)
    agrees("isin", torch.isin, value, ordered, invert=short)
    agrees("isin", torch.isin, values, rng.choice([1, 1.5, True]))
    if isinstance(value, int | float):
        agrees("isin", torch.isin, value, ordered)


@randomly(300)
def test_scans_of_logarithms_and_norms_of_slices(rng: Random) -> None:
    """`logcumsumexp` along an axis, and `renorm` of the slices of one."""
    x = operand(rng)
    dim = axis(rng, x.ndim)
    agrees("logcumsumexp", torch.logcumsumexp, x, dim)
    agrees("renorm", torch.renorm, x, rng.choice([2, 0.5, 0, -1]), dim, rng.choice([1, 0.0, -1]))


def test_flags_alone_are_checked() -> None:
    """`_is_all_true` takes flags, and no numbers."""
    assert agrees("_is_all_true", torch._is_all_true, tensor(2, 0, dtype=torch.bool))
    assert not agrees("_is_any_true", torch._is_any_true, tensor(2, 3))
