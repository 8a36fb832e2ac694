"""An Einstein sum keeps and multiplies in training what torch's own does, whatever the equation."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from tests.training.real import counted_macs, kept_bytes, traced

SIZES = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
"""Axes of different sizes, one of which counts as absent."""


class Sum(nn.Module):
    """An Einstein sum of its inputs."""

    def __init__(self, equation: str) -> None:
        super().__init__()
        self.equation = equation

    def forward(self, *operands: torch.Tensor) -> torch.Tensor:
        """Its result."""
        made: torch.Tensor = torch.einsum(self.equation, *operands)
        return made

    def operands(self, wanted: list[bool]) -> list[torch.Tensor]:
        """Fresh ones, of which some want a gradient."""
        terms = self.equation.partition("->")[0].split(",")
        return [
            torch.randn([SIZES[label] for label in term]).requires_grad_(wants)
            for term, wants in zip(terms, wanted, strict=True)
        ]


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, list[bool]]:
    """An equation of one to three operands, and which of them want a gradient."""
    term = st.lists(st.sampled_from("abcde"), unique=True, max_size=4).map("".join)
    terms = draw(st.lists(term, min_size=1, max_size=3))
    labels = sorted(set("".join(terms)))
    output = draw(st.lists(st.sampled_from(labels), unique=True)) if labels else []
    wanted = draw(st.lists(st.booleans(), min_size=len(terms), max_size=len(terms)))
    return f"{','.join(terms)}->{''.join(output)}", wanted


@settings(max_examples=80, deadline=None)
@given(drawn=equations())
def test_any_equation_costs_in_training_what_it_costs_torch(drawn: tuple[str, list[bool]]) -> None:
    """To the byte: axes of one operand alone are summed before the product, which keeps the sum."""
    equation, wanted = drawn
    model = Sum(equation)
    found = traced(model, *model.operands(wanted))
    assert found.assumed == ()
    assert found.total.saved_bytes == kept_bytes(model, *model.operands(wanted))
    assert found.total.macs == counted_macs(model, *model.operands(wanted))


@pytest.mark.parametrize(
    ("equation", "shapes", "expected"),
    [
        # The sums of x over j, and of y over its last two axes.
        ("bij,jkl->b", [(2, 3, 4), (4, 5, 6)], 4 * 2 * 4 + 4 * 4),
        ("bij,k->bk", [(2, 3, 4), (4,)], 4 * 2 + 4 * 4),
    ],
)
def test_a_sum_that_is_taken_first_is_kept(equation: str, shapes: Any, expected: int) -> None:
    """And what it was taken of is not."""
    model, given_ = Sum(equation), [torch.randn(shape, requires_grad=True) for shape in shapes]
    assert traced(model, *given_).total.saved_bytes == expected == kept_bytes(model, *given_)
