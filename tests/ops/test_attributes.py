"""What an operation tells of itself, and what it shares with all that tell nothing."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any, cast

import pytest
from torch import nn

import costlab
from costlab.graph import NOTHING, TensorSpec
from costlab.ops import Effect, price

if TYPE_CHECKING:
    from collections.abc import Callable


def copies(value: Any) -> list[Any]:
    """A value copied, copied in full, and read from its pickle."""
    return [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))]  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    "write",
    [
        lambda told: told.__setitem__("kernel", 3),
        lambda told: told.setdefault("kernel", 3),
        lambda told: told.update(kernel=3),
        lambda told: told.__ior__({"kernel": 3}),
    ],
    ids=["item", "setdefault", "update", "or"],
)
def test_nothing_is_shared_and_not_written_to(write: Callable[[dict[str, Any]], object]) -> None:
    """What a rule writes into attributes that it was not given would be every operation's."""
    told = cast("dict[str, Any]", Effect((1,)).attributes)
    with pytest.raises(TypeError, match="cannot be written to"):
        write(told)
    assert Effect((2,)).attributes == {}


def test_an_effect_has_attributes_of_its_own_if_it_tells_some() -> None:
    """Only what tells nothing shares."""
    x = TensorSpec((1, 3, 8, 8))
    assert price("relu", x).attributes is price("sigmoid", x).attributes is NOTHING
    assert price("max_pool2d", x, 2).attributes["kernel"] == (2, 2)


def test_graphs_and_reports_are_copied_and_pickled() -> None:
    """Operations of all kinds in them: with attributes, without, and free."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten())
    graph, report = costlab.trace(model, "f32[1,3,8,8]"), costlab.analyze(model, "f32[1,3,8,8]")
    assert [bool(node.attributes) for node in graph.nodes] == [True, False, False]
    for other in copies(graph):
        assert other == graph
        assert other.nodes[1].attributes is NOTHING
    for other in copies(report):
        assert other == report
