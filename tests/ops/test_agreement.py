"""The comparison of rules with kernels notices each way in which a rule can be wrong."""

from __future__ import annotations

import pytest
import torch

from costlab.ops import (
    OPS,
    Declined,
    Effect,
    Op,
    activation,
    elementwise,
    joining,
    kernels,
    ordering,
    pooling,
    rearrange,
    reduction,
)
from tests.ops.agreement import agrees
from tests.ops.draws import tensor

X = tensor(2, 3)


def decline(x: torch.Tensor) -> Effect:
    """Leaves everything to the kernel."""
    del x
    raise Declined


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (Effect((3, 2)), r"\(3, 2\).* where torch has .*\(2, 3\)"),
        (Effect((2, 3), dtype="float64"), r"float64.* where torch has .*float32"),
        (Effect((2, 3), shapes=((2, 3), (2, 3))), "where torch has"),
    ],
)
def test_wrong_answers(effect: Effect, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong shape, type or number of outputs is told apart from the kernel's."""
    monkeypatch.setitem(OPS, "exp", Op(lambda x: effect, "elementwise"))  # noqa: ARG005 - a rule that looks at nothing
    with pytest.raises(AssertionError, match=message):
        agrees("exp", torch.exp, X)


def test_answers_to_what_torch_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that answers where torch raises is wrong."""
    monkeypatch.setitem(OPS, "mm", Op(lambda a, b: Effect((2, 3)), "matmul"))  # noqa: ARG005 - as above
    with pytest.raises(AssertionError, match="where torch has RuntimeError"):
        agrees("mm", torch.mm, X, X)


def test_declining(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that declines is never wrong, but has not answered."""
    monkeypatch.setitem(OPS, "exp", Op(decline, "elementwise"))
    assert not agrees("exp", torch.exp, X)


def test_no_rule_hides_another() -> None:
    """The tables of the families have no name in common."""
    tables = [
        activation.RULES, elementwise.RULES, joining.RULES, ordering.RULES, pooling.RULES,
        rearrange.RULES, reduction.RULES, kernels.CONVOLUTIONS, kernels.NORMALIZATIONS,
        kernels.POOLINGS, kernels.RESAMPLINGS, kernels.REARRANGEMENTS, kernels.DISTANCES,
    ]  # fmt: skip
    assert sum(map(len, tables)) == len({name for table in tables for name in table})
    assert all(OPS[name].rule is rule for table in tables for name, rule in table.items())
