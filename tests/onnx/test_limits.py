"""Graphs that would be walked without end: loops, branches and functions in one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from costlab.errors import SourceError
from costlab.onnx import tape
from tests.onnx.looping import WIDTH, Walked, nested, node
from tests.onnx.making import counted, model, values


@pytest.mark.parametrize("turns", [[1000] * 3, [10**9, 10**9], [10**12], [3, 10**6, 3]])
def test_loops_in_loops_end(
    turns: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is repeated is walked a few times; too many turns are named, with what can be done."""
    Walked(monkeypatch, 200)
    made = counted(nested(turns), tmp_path)
    assert {(each.op, each.scope) for each in made.coverage.unknown} == {("Loop", "loop")}
    assert made.total.macs == 3 * WIDTH * WIDTH  # the product after the loops
    assert "more than are followed" in made.warnings[0]
    assert "export it with fewer turns" in made.warnings[0]


@pytest.mark.parametrize("turns", [[30, 20, 10], [6000], [1, 500, 9], [0, 7]])
def test_loops_in_loops_cost_all_their_turns(
    turns: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few enough turns are all counted, of which a few are walked."""
    walked = Walked(monkeypatch, 100)
    made = counted(nested(turns), tmp_path)
    assert made.total.macs == (int(np.prod(turns)) + 1) * 3 * WIDTH * WIDTH
    assert made.total.params == WIDTH * WIDTH
    assert made.coverage.unknown == ()
    assert walked.count < 3 + 2 * 3 ** len(turns)


def test_turns_that_differ_are_bounded_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given up counts as walked: an outer loop does not begin again where one stopped."""
    monkeypatch.setattr(tape, "MOST_TURNED", 2_000 * tape.WALKED, raising=False)
    Walked(monkeypatch, 2_100)
    made = counted(nested([1000] * 3, numbered=True), tmp_path)
    assert [(each.op, each.calls) for each in made.coverage.unknown] == [("Loop", 1)]
    assert made.total.macs == 3 * WIDTH * WIDTH
    small = counted(nested([3, 4, 5], numbered=True), tmp_path)
    assert small.total.macs == (3 * 4 * 5 + 1) * 3 * WIDTH * WIDTH


def test_branches_that_are_tried_are_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both branches of an `If` call functions that choose again: all tries together are bounded."""
    monkeypatch.setattr(tape, "MOST_TURNED", 60 * tape.WALKED, raising=False)
    Walked(monkeypatch, 80)
    functions = []
    for depth in range(6):
        inner = [node(f"F{depth - 1}", ["x", "c"], ["z"], domain="d")] if depth else []
        inner = inner or [node("Relu", ["x"], ["z"])]
        graphs = [helper.make_graph(inner, name, [], values({"z": (3,)})) for name in "ab"]
        choice = node("If", ["c"], ["r"], then_branch=graphs[0], else_branch=graphs[1])
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("d", 1)]
        functions.append(
            helper.make_function("d", f"F{depth}", ["x", "c"], ["r"], [choice], opsets)
        )
    inputs = [*values({"x": (3,)}), *values({"c": ()}, TensorProto.BOOL)]
    call = node("F5", ["x", "c"], ["y"], domain="d")
    made = counted(model([call], inputs, ["y"], functions=functions, domains=["d"]), tmp_path)
    assert [each.op for each in made.coverage.unknown] == ["If"]
    assert "more than are followed" in made.warnings[0]


def test_functions_without_operators_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten calls a level, twelve levels deep, and nothing in them: it is an error, and soon."""
    monkeypatch.setattr(tape, "MOST_EFFORT", 1_000 * tape.WALKED, raising=False)
    Walked(monkeypatch, 1_100)
    opset = [helper.make_opsetid("d", 1)]
    functions = [helper.make_function("d", "F0", ["x"], ["x"], [], opset)]
    for depth in range(1, 13):
        calls = [node(f"F{depth - 1}", ["x"], [f"y{at}"], domain="d") for at in range(10)]
        functions.append(helper.make_function("d", f"F{depth}", ["x"], ["y9"], calls, opset))
    call = node("F12", ["x"], ["y"], domain="d")
    made = model([call], values({"x": (3,)}), ["y"], functions=functions, domains=["d"])
    with pytest.raises(SourceError, match="export a part of the model"):
        counted(made, tmp_path)


@pytest.mark.parametrize("depth", [2, 6, 12])
def test_functions_of_many_operators_are_not_walked_in_vain(
    depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten calls a level come to a power of ten: what is too much is told before it is walked."""
    walked = Walked(monkeypatch, 10 + 2 * 100 + 1)
    opset = [helper.make_opsetid("d", 1), helper.make_opsetid("", 20)]
    functions = [helper.make_function("d", "F0", ["x"], ["y"], [node("Relu", ["x"], ["y"])], opset)]
    for level in range(1, depth + 1):
        calls = [node(f"F{level - 1}", ["x"], [f"y{at}"], domain="d") for at in range(10)]
        functions.append(helper.make_function("d", f"F{level}", ["x"], ["y9"], calls, opset))
    call = node(f"F{depth}", ["x"], ["y"], domain="d")
    made = model([call], values({"x": (3,)}), ["y"], functions=functions, domains=["d"])
    if 10**depth <= tape.MOST_NODES:
        assert counted(made, tmp_path).total.flops == 3 * 10**depth
        return
    with pytest.raises(SourceError, match="more than 100,000 operations"):
        counted(made, tmp_path)
    assert walked.count == 0


def test_functions_that_are_too_deep_are_told_as_such(tmp_path: Path) -> None:
    """A chain of functions, each of which calls the next, is refused for its depth."""
    opset = [helper.make_opsetid("d", 1)]
    functions = [
        helper.make_function(
            "d", f"F{at}", ["x"], ["y"], [node(f"F{at + 1}", ["x"], ["y"], domain="d")], opset
        )
        for at in range(60)
    ]
    call = node("F0", ["x"], ["y"], domain="d")
    made = model([call], values({"x": (3,)}), ["y"], functions=functions, domains=["d"])
    with pytest.raises(SourceError, match="deep in one another"):
        counted(made, tmp_path)


def test_the_limits_are_where_users_read_of_them() -> None:
    """What the page on models says of loops is what the walk holds to."""
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if "a `Loop` its turns" in line)
    assert f"{tape.MOST_NODES:,} operations in all" in line
    assert f"{tape.MOST_TURNED // tape.WALKED:,} may differ" in line
