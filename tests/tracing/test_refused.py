"""What torch refuses to write in place, a trace on shapes refuses as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE, FLOATS = torch.ones(3, 4, dtype=torch.int64), torch.ones(3, 4)
NONE, MORE = torch.ones(0, 1, 3), torch.ones(0, 10, 3)
Case = tuple["Callable[..., Any]", tuple[torch.Tensor, ...]]
REFUSED: dict[str, Case] = {
    "a fraction into whole numbers": (lambda x: x.mul_(1.5), (WHOLE,)),
    "fractions into whole numbers": (lambda x, y: x.mul_(y), (WHOLE, FLOATS)),
    "by an operator": (lambda x, y: x.__imul__(y), (WHOLE, FLOATS)),
    "a complex number": (lambda x: x.mul_(1j), (FLOATS,)),
    "a complex number added": (lambda x: x.add_(1j), (FLOATS,)),
    "a quotient": (lambda x: x.div_(2), (WHOLE,)),
    "more rows than none": (lambda x, y: x.lt_(y), (NONE, MORE)),
    "by a kernel without a rule": (lambda x, y: x.fmod_(y), (NONE, MORE)),
    "by an unknown one": (lambda x, y: x.gcd_(y), (NONE.long(), MORE.long())),
}
TAKEN: dict[str, Case] = {
    "whole numbers into fractions": (lambda x, y: x.mul_(y), (FLOATS, WHOLE)),
    "a comparison into fractions": (lambda x, y: x.eq_(y), (FLOATS, FLOATS)),
    "wider numbers": (lambda x, y: x.half().add_(y), (FLOATS, FLOATS)),
    "none and one row": (lambda x, y: x.mul_(y), (MORE, NONE)),
    "another shape for an empty one": (lambda x: x.clone().squeeze_(), (NONE,)),
    "another size for an empty one": (lambda x: x.clone().resize_(2, 3), (NONE,)),
    "a result for an empty one": (
        lambda x, y: torch.add(x, y, out=torch.empty(0)),
        (FLOATS, FLOATS),
    ),
}


def forward(case: Case) -> tuple[Calls, tuple[torch.Tensor, ...]]:
    """A model that does it, and copies of what it takes."""
    call, tensors = case
    return Calls(lambda _, *given: call(*given)), tuple(map(torch.clone, tensors))


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_refuses_is_refused(name: str, on: Any) -> None:
    """By all three ways, as by the forward itself."""
    model, tensors = forward(REFUSED[name])
    with pytest.raises(costlab.CostlabError, match=r"RuntimeError: .*(cast|shape)"):
        costlab.analyze(model, tensors, on=on)
    with pytest.raises(RuntimeError):
        model(*tensors)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("name", TAKEN)
def test_what_torch_takes_is_taken(name: str, on: Any) -> None:
    """With the shape that it has for real."""
    model, tensors = forward(TAKEN[name])
    graph = costlab.trace(model, tensors, on=on)
    made = model(*tensors)
    (output,) = graph.outputs
    spec = graph.tensors[output].spec
    assert (spec.shape, spec.dtype) == (tuple(made.shape), str(made.dtype).removeprefix("torch."))
