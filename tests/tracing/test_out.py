"""What is written into a tensor that is given, by `out=` or in place, is that tensor's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import costlab
from costlab.tracing.registry import Registry

ROWS, FEATURES, MIDDLE, OUTPUTS = 2, 3, 4, 5
Body = Callable[["Writes", torch.Tensor, torch.Tensor], Any]


class Writes(nn.Module):
    """Two products, between which something is written into what is at hand."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.ones(FEATURES, MIDDLE), requires_grad=False)
        self.second = nn.Parameter(torch.ones(MIDDLE, OUTPUTS), requires_grad=False)
        self.register_buffer("held", torch.zeros(ROWS, MIDDLE))
        self.body = body

    def forward(self, x: torch.Tensor, given: torch.Tensor) -> Any:
        """What comes of it."""
        return self.body(self, x, given)


def into_an_input(m: Writes, x: torch.Tensor, given: torch.Tensor) -> Any:
    """And on with the input."""
    torch.mm(x, m.first, out=given)
    return given @ m.second


def into_an_input_and_its_result(m: Writes, x: torch.Tensor, given: torch.Tensor) -> Any:
    """And on with what the product returned."""
    return torch.mm(x, m.first, out=given) @ m.second, given


def into_a_buffer(m: Any, x: torch.Tensor, _: torch.Tensor) -> Any:
    """Which the model holds."""
    torch.mm(x, m.first, out=m.held)
    return m.held @ m.second


def into_a_result(m: Writes, x: torch.Tensor, given: torch.Tensor) -> Any:
    """Of another operation."""
    made = given * 2
    torch.mm(x, m.first, out=made)
    return made @ m.second


def into_a_view(m: Writes, x: torch.Tensor, given: torch.Tensor) -> Any:
    """Of the input."""
    torch.mm(x, m.first, out=given[:])
    return given @ m.second


def in_place(m: Any, x: torch.Tensor, _: torch.Tensor) -> Any:
    """Without a rule: `lgamma_` is a descent."""
    m.held.addmm_(x, m.first).lgamma_()
    return m.held @ m.second


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize(
    "body",
    [
        into_an_input, into_an_input_and_its_result, into_a_buffer, into_a_result, into_a_view,
        in_place,
    ],
)  # fmt: skip
def test_what_is_written_is_read(body: Body, on: Any) -> None:
    """The two products are one after the other, and no memory is counted that there is not."""
    model = Writes(body).eval()
    total = costlab.analyze(
        model, (torch.ones(ROWS, FEATURES), torch.ones(ROWS, MIDDLE)), on=on
    ).total
    assert total.macs == ROWS * MIDDLE * (FEATURES + OUTPUTS)
    assert total.depth == 2
    held: Any = model.held
    assert not held.any()


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_memory_is_that_of_what_is_given(on: Any) -> None:
    """The product's result takes none of its own: the input is alive until it was read."""
    x, given = torch.ones(ROWS, FEATURES), torch.ones(ROWS, MIDDLE)
    total = costlab.analyze(Writes(into_an_input), (x, given), on=on).total
    assert total.peak_activation_bytes == given.nbytes + 4 * ROWS * OUTPUTS


def test_tensors_that_are_swapped_keep_their_numbers_apart() -> None:
    """What is written to what stands for one is no number of the other's."""
    registry = Registry()
    one, other = torch.zeros(2), torch.zeros(2)
    registry.add(one)
    kept = registry.add(other)
    twin = registry.twin(one)
    registry.swap(one, other)
    fresh = registry.add(twin)
    assert (registry.number_of(other), registry.number_of(one)) == (fresh, kept)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_a_tensor_and_what_was_written_into_it_are_one(on: Any) -> None:
    """Their sum reads it once, and the product does not read it at all."""

    def body(m: Writes, x: torch.Tensor, given: torch.Tensor) -> Any:
        return torch.mm(x, m.first, out=given) + given

    def plain(m: Writes, x: torch.Tensor, _: torch.Tensor) -> Any:
        made = torch.mm(x, m.first)
        return made + made

    inputs = (torch.ones(ROWS, FEATURES), torch.ones(ROWS, MIDDLE))
    written, made = (costlab.analyze(Writes(one), inputs, on=on).total for one in (body, plain))
    assert (written.macs, written.bytes) == (made.macs, made.bytes)
