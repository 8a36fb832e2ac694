"""Forwards that loop without end, or over an absurd axis: a clear end, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

import costlab
from costlab.tracing import leaves, operations, record
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 500


def for_ever(m: Any, x: torch.Tensor) -> torch.Tensor:
    """Products without end."""
    while True:
        x = x @ m.weight


def added_for_ever(_: Any, x: torch.Tensor) -> torch.Tensor:
    """Sums without end."""
    while True:
        x = x + 1


def viewed_for_ever(_: Any, x: torch.Tensor) -> torch.Tensor:
    """Views without end."""
    while True:
        x = x.t()


def kernels_for_ever(_: Any, x: torch.Tensor) -> torch.Tensor:
    """Operations without a rule, without end."""
    while True:
        x = torch.special.airy_ai(x)


def each_place(m: Any, x: torch.Tensor) -> torch.Tensor:
    """A product for each place of the first axis."""
    for place in range(x.shape[0]):
        m.last = x[place : place + 1] @ m.weight
    return x


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forward may run only so many operations."""
    for home in (record, leaves, operations):
        monkeypatch.setattr(home, "MOST", MOST)


@pytest.mark.parametrize("on", ["auto", "fake", "real"])
@pytest.mark.parametrize(
    "forward", [for_ever, added_for_ever, viewed_for_ever, kernels_for_ever, each_place]
)
def test_a_loop_ends_where_there_are_too_many_operations(
    forward: Callable[..., Any], on: str
) -> None:
    """The error names the place and what to do, and has what ran until then."""
    with pytest.raises(costlab.TraceError, match=r"stopped at Calls.*operations: it loops") as stop:
        costlab.analyze(Calls(forward), torch.randn(MOST, 8), on=on)
    assert "test_endless.py:" in str(stop.value)
    priced, free = stop.value.partial.coverage.priced, stop.value.partial.coverage.free
    unknown = sum(each.calls for each in stop.value.partial.coverage.unknown)
    assert priced + free + unknown == MOST


@pytest.mark.parametrize(
    "taken_apart",
    [
        list,
        lambda x: x.unbind(0),
        lambda x: torch.unbind(x, dim=-2),
        lambda x: x.split(1),
        lambda x: torch.split(x, split_size_or_sections=2, dim=0),
    ],
)
def test_an_absurd_axis_is_not_taken_apart(taken_apart: Callable[[torch.Tensor], Any]) -> None:
    """Torch would make a tensor for each place before anyone is asked."""
    model = Calls(lambda _, x: taken_apart(x)[0])
    with pytest.raises(costlab.TraceError, match="operations: it loops over an axis"):
        costlab.analyze(model, "f32[100000000000,8]")


def test_an_axis_that_is_short_is_taken_apart() -> None:
    """As many pieces as there may be operations are made."""

    def pieces(_: Any, x: Any) -> Any:
        return torch.stack(x.unbind(0)).split(MOST // 2)[0].split([1, 99])[1]  # type: ignore[no-untyped-call]  # torch leaves it untyped

    model = Calls(pieces)
    assert costlab.analyze(model, torch.randn(100, 8)).root.outputs[0].shape == (99, 8)
