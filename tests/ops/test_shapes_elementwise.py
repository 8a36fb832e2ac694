"""Element-wise rules give the kernels' shapes and types for every pair of types, or decline."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

from costlab.ops import activation, dtypes, elementwise
from tests.ops.agreement import agrees
from tests.ops.draws import like, randomly, shape, tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
]
NUMBERS = (True, 2, -2, 1.5, -1.5, 2j)

METHODS: dict[str, Callable[..., Any]] = {
    "reversed_div": torch.Tensor.__rtruediv__,
    "reversed_pow": torch.Tensor.__rpow__,
    "reversed_floor_divide": torch.Tensor.__rfloordiv__,
    "reversed_remainder": torch.Tensor.__rmod__,
    "Tensor.where": torch.Tensor.where,
}
"""The functions of operations that are methods only."""


def function_of(name: str) -> Any:
    """The torch function that an element-wise operation stands for."""
    return METHODS.get(name) or getattr(torch, name, None) or getattr(F, name)


@pytest.mark.parametrize("name", elementwise.RULES)
def test_types_of_operands(name: str) -> None:
    """Any two types, with and without axes, and numbers, meet as they do in torch."""
    function = function_of(name)
    for left in DTYPES:
        x, scalar = tensor(2, 3, dtype=left), tensor(dtype=left)
        agrees(name, function, x)
        agrees(name, function, scalar)
        for number in NUMBERS:
            agrees(name, function, x, number)
            agrees(name, function, scalar, number)
            if name not in METHODS:
                agrees(name, function, number, x)
        for right in DTYPES:
            for a, b in itertools.product(
                (x, scalar), (tensor(3, dtype=right), tensor(dtype=right))
            ):
                agrees(name, function, a, b)


@pytest.mark.parametrize("name", ["where", "lerp", "addcmul", "addcdiv", "clamp", "masked_fill"])
def test_types_of_three_operands(name: str) -> None:
    """Three operands of any types meet as they do in torch."""
    function = function_of(name)
    for first, second in itertools.product(DTYPES, DTYPES):
        x, y = tensor(2, 3, dtype=first), tensor(3, dtype=second)
        for third in DTYPES[::2]:
            agrees(name, function, x, y, tensor(2, 1, dtype=third))
        agrees(name, function, x, y, tensor(dtype=second))
        agrees(name, function, x, tensor(3, dtype=torch.bool), tensor(dtype=second))
        for number in NUMBERS:
            agrees(name, function, x, y, number)
            agrees(name, function, x, number, number)
            agrees(name, function, tensor(2, 3, dtype=torch.bool), y, number)


def test_options() -> None:
    """Scales, roundings and bounds are accepted where torch accepts them."""
    for first, second in itertools.product(DTYPES, DTYPES):
        x, y = tensor(2, 3, dtype=first), tensor(3, dtype=second)
        for number in NUMBERS:
            for name in ("add", "sub", "rsub"):
                agrees(name, getattr(torch, name), x, y, alpha=number)
                agrees(name, getattr(torch, name), x, 2, alpha=number)
            agrees("clamp", torch.clamp, x, max=number)
            agrees("clamp", torch.clamp, x, min=number, max=2)
        for rounding in (None, "floor", "trunc", "bad"):
            agrees("div", torch.div, x, y, rounding_mode=rounding)
            agrees("div", torch.div, x, 2.5, rounding_mode=rounding)
        agrees("round", torch.round, x, decimals=2)
        agrees("nan_to_num", torch.nan_to_num, x, 0.0)
    agrees("clamp", torch.clamp, tensor(2))


@randomly(300)
def test_broadcasting(rng: Random) -> None:
    """Operands are broadcast, and what does not fit is left to torch."""
    sizes = shape(rng, (0, 4), (0, 3))
    x, y, z = (tensor(*like(rng, sizes)) for _ in range(3))
    agrees("add", torch.add, x, y)
    agrees("where", torch.where, x > 0, y, z)
    agrees("addcmul", torch.addcmul, x, y, z, value=2)
    agrees("lerp", torch.lerp, x, y, 0.5)
    agrees("clamp", torch.clamp, x, y, z)
    agrees("masked_fill", torch.masked_fill, x, y > 0, 0)


@pytest.mark.parametrize("name", activation.RULES)
def test_activations(name: str) -> None:
    """Activations take any type, rank and options that torch takes."""
    function = getattr(F, name)
    for dtype, rank in itertools.product(DTYPES, range(5)):
        x = tensor(*(2, 4, 4, 4)[:rank], dtype=dtype)
        agrees(name, function, x)
        for option in (1, -1, 0.5, tensor(4, dtype=dtype), tensor(1, dtype=dtype), "bad"):
            agrees(name, function, x, option)
        for flag in (True, False):
            agrees(name, function, x, 0.5, flag)
        agrees(name, function, x, 0.1, 0.5, True)
        agrees(name, function, x, dim=-1, dtype=torch.float64)
        agrees(name, function, x.clone(), inplace=True)
        agrees(name, function, x, approximate="tanh")
        agrees(name, function, x, approximate="bad")


def test_common_types() -> None:
    """Any two types have torch's common type."""
    for left, right in itertools.product(DTYPES, DTYPES):
        names = dtypes.name_of(left), dtypes.name_of(right)
        assert dtypes.wider(*names) == dtypes.name_of(torch.promote_types(left, right))
