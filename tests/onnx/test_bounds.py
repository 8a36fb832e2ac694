"""Files whose names, sizes and paths are more than anybody reads: messages and blocks stay few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from costlab.errors import UsageError
from costlab.inputspec import format_spec
from costlab.onnx import scopes
from costlab.onnx.inputs import FEW
from tests.onnx.looping import node
from tests.onnx.making import counted, held, model, values

if TYPE_CHECKING:
    from pathlib import Path

    from costlab.graph import TensorSpec

LONG_MESSAGE = 20_000


def test_many_open_sizes_are_named_in_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message names the first few and how many more, and writes a declaration for no others."""
    written = []

    def counting(spec: TensorSpec) -> str:
        written.append(spec)
        return format_spec(spec)

    monkeypatch.setattr("costlab.onnx.inputs.format_spec", counting)
    sizes = [f"s{at}" for at in range(3_000)]
    made = model([node("Relu", ["x"], ["y"])], values({"x": tuple(sizes)}), ["y"])
    with pytest.raises(
        UsageError, match=rf"'s0' of x .* and {len(sizes) - FEW:,} more; give"
    ) as told:
        counted(made, tmp_path)
    assert len(written) <= 2 * FEW
    assert len(str(told.value)) < LONG_MESSAGE


def test_many_open_inputs_are_named_in_short(tmp_path: Path) -> None:
    """So are inputs, and the command that gives them."""
    many = values({f"x{at}": ("n", 4) for at in range(500)})
    made = model([node("Sum", [each.name for each in many], ["y"])], many, ["y"])
    with pytest.raises(UsageError, match=f"and {500 - FEW} more; give") as told:
        counted(made, tmp_path)
    assert str(told.value).endswith("'x7=f32[1,4]' …")
    with pytest.raises(UsageError, match=f"Inputs: .* and {500 - FEW} more"):
        counted(made, tmp_path, "other=f32[1,4]")


@pytest.mark.parametrize("named", [False, True])
def test_paths_of_many_levels_are_cut(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks stay few, a remark says what was cut, and the totals are those of all operations."""
    monkeypatch.setattr(scopes, "MOST_BLOCKS", 300)
    count, levels = 50, 100
    nodes, weights, given = [], [], "x"
    for at in range(count):
        path = [f"r{at}", *("b" * levels)]
        weight = ".".join([*path, "weight"]) if named else f"w{at}"
        weights.append(held(weight, 4, 4))
        name = "" if named else "/" + "/".join([*path, "MatMul"])
        nodes.append(node("MatMul", [given, weight], [f"y{at}"], name=name))
        given = f"y{at}"
    made = counted(model(nodes, values({"x": (3, 4)}), [given], weights), tmp_path)
    blocks = list(made.root.walk())
    assert len(blocks) == 1 + count * 4
    assert (made.total.macs, made.total.params) == (count * 3 * 4 * 4, count * 4 * 4)
    assert sum(block.own.macs for block in blocks) == made.total.macs
    assert sum(block.own.params for block in blocks) == made.total.params
    assert "cut to 4 levels" in made.warnings[0]
    assert made.root.children[0].path == "r0"


def test_paths_of_a_few_levels_are_whole(tmp_path: Path) -> None:
    """Of a model that people write nothing is cut."""
    path = "/".join("abcdefghijkl")
    made = counted(
        model([node("MatMul", ["x", "w"], ["y"], name=f"/{path}/MatMul")],
              values({"x": (3, 4)}), ["y"], [held("w", 4, 4)]),
        tmp_path,
    )  # fmt: skip
    assert list(made.root.walk())[-1].path == path.replace("/", ".")
    assert made.warnings == ()


def test_the_path_of_a_long_name_is_short(tmp_path: Path) -> None:
    """A weight that nothing reads does not make a block of each letter of its name."""
    name = "ab." * 5_000 + "weight"
    made = counted(
        model([node("Relu", ["x"], ["y"])], values({"x": (3, 4)}), ["y"], [held(name, 4, 4)]),
        tmp_path,
    )
    assert made.total.params == 4 * 4
    assert len(list(made.root.walk())) == 2 + scopes.DEEPEST_BLOCK
