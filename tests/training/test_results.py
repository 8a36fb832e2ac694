"""Where a backward begins: at every tensor that a forward returns, also within objects."""

from __future__ import annotations

import collections
import types
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.training.layers import LAYER, Layers
from tests.training.real import counted_macs, traced

if TYPE_CHECKING:
    from collections.abc import Callable


class Held:
    """An object with attributes, and one in a slot."""

    __slots__ = ("__dict__", "first", "unset")

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second

    @property
    def asked(self) -> Any:
        """Never."""
        raise AssertionError("a property was called")


def normal(model: Layers, x: torch.Tensor) -> torch.distributions.Normal:
    """The distribution of a policy."""
    return torch.distributions.Normal(model.a(x), model.b(x).exp())


RESULTS: dict[str, Callable[[Layers, torch.Tensor], Any]] = {
    "distribution": normal,
    "distribution in another": lambda m, x: torch.distributions.Independent(normal(m, x), 1),
    "slots": lambda m, x: Held(m.a(x), m.b(x).exp()),
    "namespace": lambda m, x: (types.SimpleNamespace(a=m.a(x)), m.b(x).exp()),
    "deque": lambda m, x: collections.deque([m.a(x), m.b(x).exp()]),
    "object in an object": lambda m, x: Held(1, [Held(m, {"a": m.a(x)}), m.b(x).exp()]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_what_an_object_holds_is_returned(name: str) -> None:
    """A backward begins at the tensors of a distribution as at those of a tuple."""
    model, x = Layers(RESULTS[name]), torch.randn(2, 6)
    flat = Layers(lambda m, x: (m.a(x), m.b(x).exp()))
    found = traced(model, x)
    assert found.total.macs == counted_macs(flat, x)
    assert found.trainable == 2 * LAYER
    assert not found.is_lower_bound


@pytest.mark.parametrize(
    "function",
    [lambda m, x: setattr(m, "loss", m.a(x)), lambda m, x: (m.a(x), iter([m.b(x)]))],
    ids=["nothing", "iterator"],
)
def test_a_result_that_nobody_sees_makes_training_a_lower_bound(
    function: Callable[[Layers, torch.Tensor], Any],
) -> None:
    """Where the backward begins is then not known, or not all of it."""
    found = traced(Layers(function), torch.randn(2, 6))
    assert found.is_lower_bound
    assert found.unpriced[-1].startswith("a result ")
