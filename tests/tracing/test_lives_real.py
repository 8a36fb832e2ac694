"""What lives how long in a run that computes: no longer than the forward and the caller have it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from weakref import ref

import pytest
import torch
from torch import nn

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMES = 8


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the garbage collector, so that what holds itself stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


OPERATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "by a rule": lambda x: x * 2,
    "by kernels": torch.special.i0e,
    "by other kernels": lambda x: torch.logcumsumexp(x, 0),
}


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_tensor_is_freed_as_the_forward_lets_go_of_it(name: str) -> None:
    """Of a chain of operations one result is alive at a time, rule or not."""
    alive: list[int] = []

    def chain(_: object, x: torch.Tensor) -> torch.Tensor:
        made: list[ref[torch.Tensor]] = []
        for _turn in range(TIMES):
            x = OPERATIONS[name](x)
            made.append(ref(x))
            alive.append(sum(found() is not None for found in made))
        return x

    model, x = Calls(chain), torch.ones(8, 4)
    costlab.trace(model, x, on="real")  # torch keeps frames of its first call of a decomposition
    alive.clear()
    graph = costlab.trace(model, x, on="real")
    assert len(graph.nodes) >= TIMES
    assert max(alive) == 1


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("on", ["meta", "real"])
def test_a_model_dies_with_its_last_name(on: str, mode: str) -> None:
    """Nothing of an analysis holds it, nor its weights, until the garbage collector comes by."""
    model = nn.Linear(4, 4)
    watched = ref(model), ref(model.weight)
    graph = costlab.trace(model, torch.ones(2, 4), on=on, mode=mode)
    del model
    assert [found() for found in watched] == [None, None]
    assert graph.nodes


@pytest.mark.usefixtures("uncollected")
def test_a_real_run_leaves_no_tensor_behind() -> None:
    """The copies of the weights that it computed with go with it."""
    model, x = nn.Linear(4, 4), torch.ones(2, 4)
    costlab.trace(model, x, on="real")  # what is loaded with the first is there

    def tensors() -> int:
        return sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())

    before = tensors()
    costlab.trace(model, x, on="real")
    assert tensors() == before
