"""Operations of other packages, by their entry points: priced, or told why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from costlab.ops import OPS, installed
from tests.ops.installing import package
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
from costlab import Effect, Op

def gate(x, weight):
    shape = tuple(x.shape)
    return Effect(shape, macs=x.shape[0] * weight.shape[0] * weight.shape[1], flops=7)

OPS = {"packaged::gate": Op(gate, "recurrent")}

def ops():
    return OPS

def broken():
    raise RuntimeError("no kernels here")

def exits():
    raise SystemExit(3)

def leaves():
    raise GeneratorExit

def interrupted():
    raise KeyboardInterrupt

class Mute(Exception):
    def __str__(self):
        raise RuntimeError

def mute():
    raise Mute

number = 3
mixed = {"packaged::gate": Op(gate, "recurrent"), "packaged::other": gate, 5: Op(gate, "mine"),
         "packaged::none": Op(None, "mine"), "relu": Op(gate, "mine")}
"""

torch.library.define("packaged::gate", "(Tensor x, Tensor weight) -> Tensor")


@torch.library.impl("packaged::gate", "Meta")
def _gate(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    del weight
    return torch.empty_like(x)


def gate(_: Calls, x: torch.Tensor) -> Any:
    """The package's operation, with a weight of its own."""
    return torch.ops.packaged.gate(x, torch.ones(8, 8))


def analyzed(**options: Any) -> costlab.Report:
    """The report on a model that calls it."""
    return costlab.analyze(Calls(gate), "f32[2,8]", **options)


def test_without_the_package_the_operation_is_unknown() -> None:
    """What no package prices is named."""
    report = analyzed()
    assert [unknown.op for unknown in report.coverage.unknown] == ["packaged::gate"]
    assert "rules_alone" not in report.versions


@pytest.mark.parametrize("attribute", ["OPS", "ops"], ids=["a mapping", "a function"])
def test_an_installed_package_prices_its_operations(
    attribute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapping or a function that returns one is found; the report names package and version."""
    name = f"rules_{attribute.lower()}_{attribute.isupper()}"
    with package(tmp_path, monkeypatch, name, RULES, {"gates": f"{name}:{attribute}"}):
        report = analyzed(strict=True)
        assert report.total.macs == 2 * 8 * 8
        (op,) = [op for op in report.root.ops if op.op == "packaged::gate"]
        assert (op.family, op.calls) == ("recurrent", 1)
        assert report.versions[name] == "1.2"
        assert report.warnings == ()
        assert name not in costlab.analyze(nn.Linear(8, 8), "f32[2,8]").versions
        assert costlab.Report.from_dict(report.to_dict()).versions == report.versions
    assert analyzed().coverage.unknown


def test_a_table_of_ones_own_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ops=` is the whole table: packages are not asked."""
    with package(tmp_path, monkeypatch, "rules_unasked", RULES, {"gates": "rules_unasked:OPS"}):
        report = analyzed(ops=OPS)
        assert report.coverage.unknown
        assert "rules_unasked" not in report.versions


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("broken", "RuntimeError: no kernels here"),
        ("absent", "AttributeError: .*absent"),
        ("number", "an object of the type int and not a mapping"),
        ("exits", "SystemExit: 3"),
        ("leaves", "GeneratorExit"),
        ("mute", r"Mute: \(its __str__ raises RuntimeError\)"),
    ],
)
def test_a_broken_entry_point_is_a_warning(
    value: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be loaded is told on every report, and other operations are counted."""
    name = f"rules_{value}"
    points = {"gates": f"{name}:{value}", "others": f"{name}_missing:OPS"}
    with package(tmp_path, monkeypatch, name, RULES, points):
        report = analyzed()
        assert [unknown.op for unknown in report.coverage.unknown] == ["packaged::gate"]
        first, second, *_ = report.warnings
        assert f"the entry point 'gates' of {name} 1.2 cannot be used" in first
        assert re.search(why, first)
        assert "ModuleNotFoundError" in second


def test_a_package_that_exits_as_it_is_imported_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that calls `sys.exit` ends no report."""
    source = "import sys\nsys.exit('not here')\n"
    with package(tmp_path, monkeypatch, "rules_exit", source, {"gates": "rules_exit:OPS"}):
        report = costlab.analyze(nn.Linear(8, 8), "f32[2,8]")
        assert report.total.macs == 2 * 8 * 8
        (told,) = report.warnings
        assert "the entry point 'gates' of rules_exit 1.2 cannot be used" in told
        assert "SystemExit: not here" in told


def test_an_interruption_is_no_broken_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while packages are looked for ends the analysis."""
    points = {"gates": "rules_ctrl_c:interrupted"}
    with (
        package(tmp_path, monkeypatch, "rules_ctrl_c", RULES, points),
        pytest.raises(KeyboardInterrupt),
    ):
        analyzed()


def test_an_error_tells_of_a_broken_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a forward stops, the package that would have helped is named as well."""
    with package(tmp_path, monkeypatch, "rules_down", RULES, {"gates": "rules_down:broken"}):
        model = Calls(lambda _, x: x.reshape(3, 5))
        with pytest.raises(costlab.TraceError, match=r"reshape.*; the entry point 'gates' of"):
            costlab.analyze(model, "f32[2,8]")


def test_a_mapping_is_used_as_far_as_it_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong items are told one by one, the right ones are used; costlab's own are not replaced."""
    points = {"gates": "rules_mixed:mixed", "more": "rules_mixed:OPS"}
    with package(tmp_path, monkeypatch, "rules_mixed", RULES, points):
        told = "\n".join(analyzed().warnings)
        assert analyzed().coverage.unknown == ()
        assert "packaged::other is an object of the type function and not a costlab.Op" in told
        assert "5 is no name of an operation" in told
        assert "packaged::none has nothing in the place of a rule" in told
        assert "relu is priced by costlab itself" in told
        assert "'more' of rules_mixed 1.2: packaged::gate is priced by rules_mixed 1.2" in told
        relu = costlab.analyze(nn.ReLU(), "f32[2,8]")
        assert (relu.total.macs, relu.total.flops) == (0, 2 * 8)


def test_packages_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second analysis asks nobody."""
    analyzed()
    monkeypatch.setattr("costlab.ops.entry_points", lambda **_: pytest.fail("asked again"))
    analyzed()
    assert installed() is installed()
