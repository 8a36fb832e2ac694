"""The trap of assignments by masks and by lists, whose kernels choose or place elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn
ELEMENTS = 4 * 8


def assigned(index: Callable[[torch.Tensor], Any], value: Any) -> Callable[..., Any]:
    """A product, then an assignment to what is chosen of it, then a product."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        z = x @ m.weight
        z[index(z)] = value(z) if callable(value) else value
        return z @ m.weight

    return forward


CHOICES: dict[str, tuple[Callable[..., torch.Tensor], int]] = {
    # A comparison an element, and a choice an element.
    "a number": (assigned(lambda z: z < 0, 0), 2 * ELEMENTS),
    "a scalar": (assigned(lambda z: z < 0, torch.tensor(0.5)), 2 * ELEMENTS),
    "a sum": (assigned(lambda z: z < 0, lambda z: z.sum()), 3 * ELEMENTS),
    "rows": (assigned(lambda z: z[:, 0] < 0, 0), 4 + ELEMENTS),
    "one row for rows": (assigned(lambda z: z[:, 0] < 0, torch.ones(8)), 4 + ELEMENTS),
    "columns": (assigned(lambda z: (slice(None), z[0] < 0), 0), 8 + ELEMENTS),
    "of one row": (assigned(lambda z: (0, z[0] < 0), 0), 8 + 8),
    # A mask whose values are known: the given rows are placed, which takes no operation.
    "given rows": (
        assigned(lambda _: torch.tensor([True, False, True, False]), torch.ones(2, 8)), 0,
    ),
    "a list": (assigned(lambda _: [0, 2], 1.5), 0),
    "a list of columns": (assigned(lambda _: (slice(None), [0, 2]), 1.5), 0),
    "positions": (assigned(lambda _: torch.tensor([0, 2]), 0), 0),
    "masked_fill_": (
        lambda m, x: (x @ m.weight).masked_fill_(x < 0, 0) @ m.weight, 2 * ELEMENTS,
    ),
    "masked_scatter_": (
        lambda m, x: (x @ m.weight).masked_scatter_(x < 0, x) @ m.weight, 2 * ELEMENTS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", CHOICES)
def test_what_a_mask_chooses_is_one_operation_an_element(name: str, mode: str) -> None:
    """An assignment by a mask costs what `masked_fill` does, on whatever tensors."""
    function, chosen = CHOICES[name]
    products = 2 * 4 * 8 * 8
    for on in ("meta", "fake", "real"):
        report = costlab.analyze(Calls(function), R(4, 8), mode=mode, on=on, strict=True)
        assert (report.total.macs, report.total.flops) == (products, 2 * products + chosen)


def test_as_many_values_as_a_mask_holds_for_are_placed() -> None:
    """Where the values are as many as the mask says, they move: no operation an element."""

    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        z = x * 1
        z[z < 0] = z[z < 0].exp()
        return z

    x = torch.tensor([[1.0, -1, -1, 1, -1]])
    report = costlab.analyze(Calls(forward), x, strict=True)
    # A product, two comparisons, three exponentials; what is picked and placed is moved.
    assert report.total.flops == 5 + 2 * 5 + 3
    assert any("a mask" in warning for warning in report.warnings)
    assert costlab.analyze(Calls(forward), -torch.ones(1, 5)).total.flops == 5 + 2 * 5 + 5


def test_what_masks_and_positions_pick_together_stays_unknown() -> None:
    """How many places a mask and positions name together depends on values: it is named."""
    function = assigned(lambda z: (z[:, 0] < 0, torch.tensor([0])), 0)
    report = costlab.analyze(Calls(function), R(4, 8), on="meta")
    assert [unknown.op for unknown in report.coverage.unknown] == ["index_put"]
