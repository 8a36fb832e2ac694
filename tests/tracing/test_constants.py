"""Tensors that a forward makes of numbers, or takes as they are: by whatever factory."""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import torch

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, COLUMNS, WORD = 3, 8, 4
VALUES = [float(number) for number in range(COLUMNS)]
X = torch.rand(ROWS, COLUMNS)
grad, vmap = torch.func.grad, torch.func.vmap
OF_NUMBERS: dict[str, Callable[[torch.Tensor], Any]] = {
    "tensor": lambda _: torch.tensor(VALUES),
    "tensor, there": lambda x: torch.tensor(VALUES, device=x.device),
    "as_tensor, there": lambda x: torch.as_tensor(VALUES, device=x.device),
    "new_tensor": lambda x: x.new_tensor(VALUES),
    "new_tensor, by name": lambda x: x.new_tensor(data=VALUES),
    "new_tensor, there": lambda x: x.new_tensor(VALUES, device=x.device),
    "new_tensor of whole numbers": lambda x: x.new_tensor(range(COLUMNS)),
    "new_tensor of a type": lambda x: x.new_tensor(range(COLUMNS), dtype=torch.float32),
}
MADE = {
    "in a forward": lambda make: lambda x: x * make(x),
    "in a transform": lambda make: vmap(lambda x: x * make(x)),
    "in a gradient": lambda make: grad(lambda z: (z * make(z)).sum()),
}


def cost(body: Callable[[torch.Tensor], Any], on: Any) -> tuple[int, int, bool]:
    """FLOPs, bytes, and whether they are all."""
    report = costlab.analyze(Calls(lambda _, x: body(x)), X, on=on)
    return report.total.flops, report.total.bytes, not report.is_lower_bound


@pytest.mark.parametrize("on", ["meta", "fake", "real", "auto"])
@pytest.mark.parametrize("where", MADE)
@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_constant_is_free(name: str, where: str, on: Any) -> None:
    """A product with it costs what one with a tensor of the same shape does, and no more."""
    made: Any = MADE[where]
    found = cost(made(OF_NUMBERS[name]), on)
    assert found == cost(made(OF_NUMBERS["tensor"]), on)
    assert found[2]


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("factory", [torch.as_tensor, torch.asarray])
def test_a_tensor_that_is_there_already_is_not_copied(factory: Any, on: Any) -> None:
    """With its device said or not; a copy that is asked for is one, as is another type."""
    plain = cost(lambda x: x + 1 + 1, on)
    assert cost(lambda x: factory(x + 1) + 1, on) == plain
    assert cost(lambda x: factory(x + 1, device=x.device) + 1, on) == plain
    assert cost(lambda x: factory(x + 1, device="cpu", dtype=x.dtype) + 1, on) == plain
    wider = cost(lambda x: factory(x + 1, device=x.device, dtype=torch.float64) + 1, on)
    assert wider == cost(lambda x: (x + 1).double() + 1, on)
    if factory is torch.asarray:
        copied = cost(lambda x: torch.asarray(x + 1, device=x.device, copy=True) + 1, on)
        assert copied[1] == plain[1] + 2 * ROWS * COLUMNS * WORD


def median_along(x: torch.Tensor) -> Any:
    """A derivative in a direction, within which an assertion of torch's fails on meta."""
    return torch.func.jvp(lambda z: torch.quantile(z, 0.5), (x,), (torch.ones_like(x),))


def test_what_torch_cannot_do_on_shapes_is_counted_with_values() -> None:
    """An assertion of torch's that fails is no fault of the model's."""
    assert cost(median_along, "auto") == cost(median_along, "real")


def keys() -> list[int]:
    """What torch's dispatch leaves out in this thread, and what it has besides."""
    home: Any = torch._C
    sets = home._dispatch_tls_local_exclude_set(), home._dispatch_tls_local_include_set()
    return [each.raw_repr() for each in sets]


@pytest.mark.parametrize("on", ["meta", "fake", "auto"])
def test_what_failed_in_a_transform_is_over(on: Any) -> None:
    """Whenever the error is freed, torch's dispatch is what it was: the next analysis is whole."""
    before = keys()
    product = cost(lambda x: torch.mm(x, x.t(), out=torch.empty(ROWS, ROWS)), on)
    with suppress(costlab.CostlabError):
        cost(median_along, on)
    gc.collect()
    assert keys() == before
    assert cost(lambda x: torch.mm(x, x.t(), out=torch.empty(ROWS, ROWS)), on) == product
