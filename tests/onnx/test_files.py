"""Files that are none, or that no model needs: each is told, and nothing outside them is opened."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from costlab.errors import CostlabError, NoSuchModelError, SourceError, UsageError
from costlab.onnx import reading
from costlab.onnx.counting import report
from tests.onnx.making import counted, held, model, numbers, values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import onnx

node = helper.make_node


def small() -> onnx.ModelProto:
    """A model with a weight, shape arithmetic, and a size that is left open."""
    nodes = [
        node("Conv", ["x", "conv.weight"], ["c"], name="/conv/Conv"),
        node("Shape", ["c"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Reshape", ["c", "to"], ["y"]),
    ]
    helds = [held("conv.weight", 4, 3, 3, 3), numbers("zero", [0]), numbers("to", [0, -1])]
    return model(nodes, values({"x": ("batch", 3, 6, 6)}), ["y"], helds)


def test_what_is_left_open_is_named(tmp_path: Path) -> None:
    """The error names the dimension and gives a command; the size once given, it is counted."""
    with pytest.raises(UsageError, match=r"'batch' of x .* --input 'f32\[1,3,6,6\]'"):
        counted(small(), tmp_path)
    assert counted(small(), tmp_path, "x=f32[2,3,6,6]").total.macs == 2 * 4 * 16 * 27


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("y=f32[1,3,6,6]", r"no input 'y'"),
        ("f32[1,4,6,6]", r"the file fixes the size 3"),
        ("f32[3,6,6]", r"'x' is f32\[batch,3,6,6\], and not f32\[3,6,6\]"),
        ("i64[1,3,6,6]", r"and not i64"),
    ],
)
def test_inputs_that_do_not_fit(spec: str, message: str, tmp_path: Path) -> None:
    """Each is told beside what the file declares."""
    with pytest.raises(UsageError, match=message):
        counted(small(), tmp_path, spec)
    with pytest.raises(UsageError, match="one too many"):
        counted(small(), tmp_path, "f32[1,3,6,6]", "f32[1]")


def test_a_name_has_one_size(tmp_path: Path) -> None:
    """Two inputs with the same named dimension have the same size there, given once."""
    made = model([node("Add", ["a", "b"], ["y"])], values({"a": ("n", 2), "b": ("n", 2)}), ["y"])
    assert counted(made, tmp_path, "a=f32[5,2]").inputs == ("a=f32[5,2]", "b=f32[5,2]")
    with pytest.raises(UsageError, match="'n' is 5 elsewhere"):
        counted(made, tmp_path, "f32[5,2]", "f32[6,2]")


@pytest.mark.parametrize("size", [-1, -2])
def test_a_size_below_zero_is_left_open(size: int, tmp_path: Path) -> None:
    """It is asked for, like one without a size, and nothing is counted without it."""
    made = model(
        [node("MatMul", ["x", "w"], ["y"])], values({"x": (size, 4)}), ["y"], [held("w", 4, 5)]
    )
    with pytest.raises(UsageError, match=r"axis 0 of x \(f32\[\?,4\]\).* --input 'f32\[1,4\]'"):
        counted(made, tmp_path)
    assert counted(made, tmp_path, "f32[7,4]").total.macs == 7 * 4 * 5


def test_files_that_are_none(tmp_path: Path) -> None:
    """A file that is missing, empty, cut off, or something else is told by its name."""
    path = tmp_path / "model.onnx"
    with pytest.raises(NoSuchModelError):
        report(str(path), ())
    with pytest.raises(SourceError, match="cannot read"):
        report(str(tmp_path), ())
    whole = small().SerializeToString()
    for content in (b"", whole[: len(whole) // 2], b"\x00" * 100, b"PK\x03\x04" + whole):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"model\.onnx"):
            report(str(path), ())


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is looked at before a byte is read."""
    monkeypatch.setattr(reading, "LARGEST_FILE", 10)
    with pytest.raises(SourceError, match="at most 10"):
        counted(small(), tmp_path)


def test_weights_in_other_files_are_not_opened(tmp_path: Path) -> None:
    """External data is neither read nor asked for, wherever it points to."""
    made = small()
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    assert counted(made, tmp_path, "f32[1,3,6,6]").total.params == 4 * 27


def again(made: onnx.ModelProto) -> None:
    """Adds a function that calls itself."""
    inner = node("F", ["a"], ["b"], domain="d")
    opset = helper.make_opsetid("d", 1)
    made.functions.append(helper.make_function("d", "F", ["a"], ["b"], [inner], [opset]))
    made.opset_import.append(opset)
    made.graph.node.append(node("F", ["y"], ["z"], domain="d"))


def deep(made: onnx.ModelProto) -> None:
    """Adds branches within branches."""
    result = values({"deep": ()})
    branch = helper.make_graph([node("Identity", ["y"], ["deep"])], "g", [], result)
    for _ in range(reading.DEEPEST + 2):
        choice = node("If", ["c"], ["deep"], then_branch=branch)
        branch = helper.make_graph([choice], "g", [], result)
    made.graph.node.extend(branch.node)
    made.graph.initializer.append(numbers("c", True, np.bool_))


def with_weight(**fields: Any) -> Callable[[onnx.ModelProto], None]:
    """Adds a weight of these fields."""
    return lambda made: made.graph.initializer.append(TensorProto(name="h", **fields))


def with_node(op: str, weight: onnx.TensorProto) -> Callable[[onnx.ModelProto], None]:
    """Adds an operator at the end, which reads a weight."""

    def change(made: onnx.ModelProto) -> None:
        made.graph.initializer.append(weight)
        made.graph.node.append(node(op, ["y", weight.name], ["z"]))

    return change


def renamed(name: str) -> Callable[[onnx.ModelProto], None]:
    """Lets the first operator read another tensor."""

    def change(made: onnx.ModelProto) -> None:
        made.graph.node[0].input[0] = name

    return change


def cut(made: onnx.ModelProto) -> None:
    """Takes bytes of a weight away."""
    made.graph.initializer[0].raw_data = b"1234"


HOSTILE: dict[str, Callable[[onnx.ModelProto], None]] = {
    "a huge weight": with_weight(data_type=1, dims=[2**40, 2**40]),
    "a negative size": with_weight(data_type=1, dims=[-2]),
    "a type that onnx lacks": with_weight(data_type=99, dims=[1]),
    "too few bytes": cut,
    "a name that nothing writes": renamed("nobody"),
    "a cycle": renamed("y"),
    "shapes that do not fit": with_node("MatMul", held("w", 5, 5)),
    "a huge result": with_node("Tile", numbers("often", [2**40, 2**20])),
    "a function that calls itself": again,
    "graphs too deep": deep,
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_models_that_are_wrong(change: Callable[[onnx.ModelProto], None], tmp_path: Path) -> None:
    """Each is refused with the file's name, and in no time."""
    made = small()
    change(made)
    with pytest.raises(SourceError, match=r"model\.onnx"):
        counted(made, tmp_path, "f32[1,3,6,6]")


def test_any_byte_may_be_wrong(tmp_path: Path) -> None:
    """Whatever bytes are changed, what comes back is a report or an error of costlab's own."""
    content, chance = small().SerializeToString(), random.Random(7)  # noqa: S311 - a test's bytes
    path = tmp_path / "model.onnx"
    told = 0
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.choice((1, 2, 4))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        try:
            report(str(path), ("f32[1,3,6,6]",))
        except CostlabError as error:
            told += bool(str(error))
    assert 0 < told < 300
