"""Conditions and sizes in the description of an exported program: read, never run, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from costlab import analyze
from costlab.errors import CostlabError, TraceError
from tests.sources.programs import altered, reported, saved
from tests.sources.sized import DIM, Layer, Parity, Quarters, outcome, rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "guard",
    [
        "__import__('os').system('touch ran')", "L['x'].__class__", "open('ran', 'w')", "((",
        "L['x'].size()[9]", "9**9**9 > 0", "1" * 70_000, "-" * 5000 + "1", "x", "1 in (1,)",
        "L['nothing'].size()[0] == 1", "(lambda: 1)()", "'a' * 10**9 == ''",
    ],
)  # fmt: skip
def test_a_condition_that_is_no_arithmetic_is_not_run(
    guard: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A condition is read, never run: other sizes are refused, those of the export are counted."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.pt2"
    saved(path, Layer(), rows(6), dynamic_shapes=({0: DIM.AUTO},))
    altered(path, lambda program: program.update(guards_code=[guard]))
    assert reported(path).total.macs == 6 * 4 * 4
    with pytest.raises(CostlabError, match="a condition on its sizes that costlab does not read"):
        reported(path, "f32[7,4]")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["net.pt2"]


@pytest.mark.parametrize(
    "change",
    [
        {"range_constraints": 3}, {"range_constraints": {"s0": {"min_val": "x", "max_val": 1}}},
        {"range_constraints": {"s0": None}}, {"guards_code": {}},
    ],
)  # fmt: skip
def test_damaged_ranges(change: dict[str, Any], tmp_path: Path) -> None:
    """Ranges and conditions that are not as torch writes them are damage."""
    path = tmp_path / "net.pt2"
    saved(path, Layer(), rows(6))
    altered(path, lambda program: program.update(change))
    with pytest.raises(CostlabError, match=r"cannot be counted|is damaged"):
        reported(path)


@pytest.mark.parametrize(
    "text", ["Pow(Symbol('s0'), Integer(2))", "os.getcwd()", "((", "", "Symbol(1)", "Symbol([])"]
)
def test_a_size_that_is_no_sum_is_that_of_the_export(text: str, tmp_path: Path) -> None:
    """What costlab does not read of a size leaves only the size that is known to be right."""
    path = tmp_path / "net.pt2"
    saved(path, Layer(), rows(6), dynamic_shapes=({0: DIM.AUTO},))

    def change(program: dict[str, Any]) -> None:
        for tensor in program["graph_module"]["graph"]["tensor_values"].values():
            for size in tensor["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = text

    altered(path, change)
    assert reported(path).total.macs == 6 * 4 * 4
    with pytest.raises(CostlabError, match="fixes the size 6 of its axis 0"):
        reported(path, "f32[7,4]")


def test_a_file_without_conditions_says_what_it_was_exported_for(tmp_path: Path) -> None:
    """Older files have none: where an operation fails, the sizes that are known to be right.

    The error has torch's reason too, and no line of costlab's.
    """
    path = tmp_path / "net.pt2"
    saved(path, Quarters(), rows(12), dynamic_shapes=({0: DIM.AUTO},))

    def change(program: dict[str, Any]) -> None:
        program.pop("guards_code")
        for tensor in program["graph_module"]["graph"]["tensor_values"].values():
            for size in tensor["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = "Symbol('s0', positive=True, integer=True)"

    altered(path, change)
    theirs = analyze(Quarters(), rows(16), mode="eval").total
    assert reported(path, "f32[16,4]").total == theirs
    with pytest.raises(TraceError, match=r"exported for f32\[12,4\] and does not run on other sh"):
        reported(path, "f32[14,4]")


def test_conditions_that_stand_in_the_graph(tmp_path: Path) -> None:
    """Where an export defers them to the run, one on sizes is held to as torch holds to it."""
    path = tmp_path / "net.pt2"
    program = saved(path, Parity(), rows(6), dynamic_shapes=({0: DIM.AUTO},),
                    prefer_deferred_runtime_asserts_over_guards=True)  # fmt: skip
    runs = program.module()
    for number in (4, 6, 7, 9):
        theirs = outcome(lambda n=number: runs(*rows(n)), (RuntimeError,))
        spec = f"f32[{number},4]"
        assert outcome(lambda s=spec: reported(path, s), (CostlabError,)) == theirs, number
    with pytest.raises(TraceError, match=r"exported for f32\[6,4\].*Runtime assertion failed"):
        reported(path, "f32[7,4]")
