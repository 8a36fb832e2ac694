"""Operations that a caller gives: what cannot be used is refused, and no rule says nonsense."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import costlab
from costlab import OPS, Effect, Op
from costlab.graph import Coverage
from costlab.ops import RuleError, table_of
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from pathlib import Path

from tests.ops.installing import package

torch.library.define("given::product", "(Tensor x, Tensor weight) -> Tensor")


@torch.library.impl("given::product", "Meta")
def _product(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x @ weight


@torch.library.impl("given::product", "CPU")
def _product_on_cpu(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x @ weight


torch.library.define("given::outer", "(Tensor x, Tensor weight) -> Tensor")


@torch.library.impl("given::outer", "CompositeImplicitAutograd")
def _outer(x: torch.Tensor, weight: torch.Tensor) -> Any:
    return torch.ops.given.product(x, weight)


def product(_: Calls, x: torch.Tensor) -> Any:
    """The operation, with a weight of its own."""
    return torch.ops.given.product(x, torch.ones(8, 4))


def rule(x: Any, weight: Any) -> Effect:
    """y[r,o] = Σ_i x[r,i] · w[i,o]  →  r · i · o."""
    (rows, inputs), (_, outputs) = x.shape, weight.shape
    return Effect((rows, outputs), macs=rows * inputs * outputs)


def saying(**changed: Any) -> dict[str, Op]:
    """The table with a rule that is right but for what is changed."""

    def wrong(x: Any, weight: Any) -> Effect:
        return rule(x, weight)._replace(**changed)

    return {**OPS, "given::product": Op(wrong, "matmul")}


def analyzed(ops: Any, model: nn.Module | None = None, **options: Any) -> costlab.Report:
    """The report on a model that calls the operation."""
    return costlab.analyze(model or Calls(product), "f32[2,8]", ops=ops, **options)


REFUSED: list[tuple[Any, str]] = [
    ([1], "ops is an object of the type list and not a mapping"),
    (rule, "ops is an object of the type function and not a mapping"),
    ({"given::product": rule}, "given::product is an object of the type function and not"),
    ({"given::product": None}, "given::product is nothing and not a costlab.Op"),
    ({3: Op(rule, "matmul")}, "3 is no name of an operation"),
    ({"given::product": Op(None, "matmul")}, "given::product has nothing in the place of a rule"),
    ({"given::product": Op(4, "matmul")}, "given::product has an object of the type int"),  # type: ignore[arg-type]  # no rule
    ({"given::product": Op(rule, None)}, "given::product has nothing in the place of the name"),  # type: ignore[arg-type]  # no name
    ({"given::product": Op(rule, "a", "free")}, "given::product has an object of the type str"),  # type: ignore[arg-type]  # no coverage
]


@pytest.mark.parametrize(("ops", "why"), REFUSED, ids=[why[:40] for _, why in REFUSED])
def test_a_table_that_cannot_be_used_is_refused(ops: Any, why: str) -> None:
    """An item that is no operation is the caller's mistake, named with what to write."""
    with pytest.raises(costlab.UsageError, match=re.escape(why)) as refused:
        analyzed(ops)
    assert "costlab.Op(rule, 'matmul')" in str(refused.value)


SAID: list[tuple[dict[str, Any], str]] = [
    ({"macs": -5}, "macs=-5"),
    ({"macs": 64.0}, "macs=64.0"),
    ({"macs": None}, "macs=None"),
    ({"macs": True}, "macs=True"),
    ({"flops": -1}, "flops=-1"),
    ({"flops": 0.5}, "flops=0.5"),
    ({"shape": (2, -4)}, "(2, -4)"),
    ({"shape": (2, 4.0)}, "(2, 4.0)"),
    ({"shape": 8}, "a shape is 8"),
    ({"shapes": ((2, 4), (-1,))}, "(-1,)"),
    ({"dtype": torch.float32}, "dtype=torch.float32"),
]


@pytest.mark.parametrize("on", ["auto", "real"])
@pytest.mark.parametrize(("changed", "said"), SAID, ids=[said for _, said in SAID])
def test_a_rule_that_says_what_cannot_be_is_an_error(
    changed: dict[str, Any], said: str, on: str
) -> None:
    """No total is made of it: the rule is named with its file, and what it said."""
    with pytest.raises(costlab.TraceError, match="the rule of given::product") as stopped:
        analyzed(saying(**changed), on=on)
    assert said in str(stopped.value)
    assert f"[{__file__}:" in str(stopped.value)
    assert "docs/adding-an-op.md" in str(stopped.value)
    assert isinstance(stopped.value.__cause__, RuleError)


@pytest.mark.parametrize(
    ("returned", "why"), [(None, "nothing"), (64, "an object of the type int")]
)
def test_a_rule_that_returns_no_effect_is_an_error(returned: Any, why: str) -> None:
    """A forgotten `return` does not make the operation unknown: the rule is named."""
    ops = {**OPS, "given::product": Op(lambda *_: returned, "matmul")}
    with pytest.raises(costlab.TraceError, match=f"returns {why} and not a costlab.Effect"):
        analyzed(ops)


def test_a_forward_that_catches_it_does_not_lose_the_operation() -> None:
    """Where the model goes on without the operation, it is unknown and the total a lower bound."""

    def tries(m: Calls, x: torch.Tensor) -> Any:
        try:
            return product(m, x)
        except Exception:  # noqa: BLE001 - what a careless model does
            return x + 1

    report = analyzed(saying(macs=-5), Calls(tries))
    assert "given::product" in {unknown.op for unknown in report.coverage.unknown}
    assert report.is_lower_bound


def test_no_way_leads_around() -> None:
    """A rule is held to what it may say below another operation and in training, too."""
    within = Calls(lambda _, x: torch.ops.given.outer(x, torch.ones(8, 4)))
    assert analyzed({**OPS, "given::product": Op(rule, "matmul")}, within).total.macs == 2 * 8 * 4
    for model, mode in ((within, "eval"), (Calls(product), "train")):
        with pytest.raises(costlab.TraceError, match=r"the rule of given::product .*macs=-5"):
            analyzed(saying(macs=-5), model, mode=mode)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    """What numpy counts is taken, and the total is one of Python's."""
    report = analyzed(saying(macs=np.int64(2 * 8 * 4), flops=np.int32(7)))
    assert (report.total.macs, report.total.flops) == (2 * 8 * 4, 2 * 2 * 8 * 4 + 7)
    assert type(report.total.macs) is type(report.total.flops) is int


def test_costlabs_own_rules_are_taken_as_they_are() -> None:
    """A table with one rule more is as fast as the default one: no other is wrapped."""
    table = table_of({**OPS, "given::product": Op(rule, "matmul")})
    assert all(table[name] is op for name, op in OPS.items())
    assert table["given::product"].coverage is Coverage.PRICED
    assert table["given::product"].rule is not rule


PACKAGED = """
from costlab import Effect, Op

OPS = {"given::product": Op(lambda x, weight: Effect((2, 4), macs=-1), "matmul")}
"""


def test_the_rules_of_packages_are_held_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong rule of an entry point stops what it prices, and nothing else."""
    points = {"products": "rules_negative:OPS"}
    with package(tmp_path, monkeypatch, "rules_negative", PACKAGED, points):
        with pytest.raises(costlab.TraceError, match=r"the rule of given::product \[.*macs=-1"):
            costlab.analyze(Calls(product), "f32[2,8]")
        assert costlab.analyze(nn.Linear(8, 8), "f32[2,8]").total.macs == 2 * 8 * 8
