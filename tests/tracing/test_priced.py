"""What rules have said is remembered: the same numbers by the short way and the ordinary one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.graph import TensorSpec
from costlab.ops import OPS, Effect, Op
from costlab.tracing import leaves, numbered, priced
from costlab.tracing.entries import default_entries
from tests.ops.typical import CALLS
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn


@pytest.mark.parametrize("name", CALLS)
def test_both_ways_count_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation's graph is that of the ordinary way, when it is new and when it is known."""
    function, args, kwargs = CALLS[name]
    tensors = [value for value in args if isinstance(value, torch.Tensor)]

    def forward(_: Any, *given: torch.Tensor) -> Any:
        left = iter(given)
        placed = [next(left) if isinstance(value, torch.Tensor) else value for value in args]
        return function(*placed, **kwargs)

    model = Calls(forward)
    found = [costlab.trace(model, tuple(tensors)) for _ in range(3)]
    monkeypatch.setattr(leaves.Leaves, "short", False)
    assert found == [costlab.trace(model, tuple(tensors))] * 3


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.transpose(1, 2).flatten(1).unsqueeze(0),
        lambda x: x.chunk(3, dim=-1)[1],
        lambda x: x[..., 1:3, None][:, 0],
        lambda x: x.permute((2, 0, 1)).expand(2, 8, 2, 4),
        lambda x: x.view(2, -1).split([8, 24], 1)[0],
        lambda x: x.unbind(0)[0] + x[:, torch.tensor([0, 1])].sum(),
        lambda x: (x + 1).squeeze_().t_() if x.ndim == 2 else x.squeeze(),
        lambda x: x.add_(1).mul_(x).view(-1),
        lambda x: torch.relu_(x.transpose(0, 1)) * x.transpose(0, 1),
    ],
)
def test_views_count_the_same(
    function: Callable[[torch.Tensor], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is a view of what, and what is written to, is the same by both ways."""
    model = Calls(lambda _, x: function(x * 2))
    found = costlab.trace(model, R(2, 4, 8))
    monkeypatch.setattr(leaves.Leaves, "short", False)
    assert found == costlab.trace(model, R(2, 4, 8))


def test_options_that_are_equal_are_not_the_same() -> None:
    """A stride of 1.0 is refused by torch, and not answered with what 1 costs."""
    layer = nn.Conv2d(2, 3, 3)
    assert costlab.analyze(layer, R(1, 2, 8, 8)).total.macs == 3 * 6 * 6 * (2 * 3 * 3)
    layer.stride = (1.0, 1.0)  # type: ignore[assignment]  # what is to be refused
    with pytest.raises(costlab.TraceError, match="TypeError"):
        costlab.analyze(layer, R(1, 2, 8, 8))


def test_a_users_rule_is_asked_each_time() -> None:
    """It may count as it likes: what it said of a call binds it to nothing."""
    asked: list[int] = []

    def rule(input: Any) -> Effect:
        asked.append(1)
        return Effect(tuple(input.shape), macs=len(asked))

    model = nn.Sequential(nn.ReLU(), nn.ReLU())
    table = OPS | {"relu": Op(rule, "activation")}
    assert costlab.analyze(model, R(4), ops=table).total.macs == 1 + 2
    assert costlab.analyze(model, R(4)).total.macs == 0


def test_who_changes_a_report_changes_no_other() -> None:
    """The attributes of an operation are those of its own report."""
    model = nn.Conv2d(2, 3, 3)
    first = costlab.trace(model, R(1, 2, 8, 8))
    attributes: Any = first.nodes[0].attributes
    attributes["kernel"] = "another"
    assert costlab.trace(model, R(1, 2, 8, 8)).nodes[0].attributes["kernel"] == (3, 3)


def test_no_more_is_kept_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that analyzes models of ever new shapes does not grow without end."""
    monkeypatch.setattr(priced, "MOST", 8)
    monkeypatch.setattr(numbered.Specs, "MOST", 8)
    for size in range(1, 40):
        costlab.analyze(nn.ReLU(), R(size, size + 1))
    entry = default_entries().known[F.relu]
    assert entry.prices is not None
    assert len(entry.prices) <= 8
    assert len(numbered.SPECS) <= 8


def test_a_spec_that_is_copied_is_found() -> None:
    """The hash of a spec is not kept when it goes to another process: names hash differently."""
    spec = TensorSpec((2, 3), "float32")
    made, told = spec.__reduce__()
    assert told == ((2, 3), "float32")
    assert {spec: 1}[made(*told)] == 1
