"""Shape arithmetic: each operator does what ONNX's own reference does, and sizes follow from it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.onnx.counting import report
from costlab.onnx.numbers import FOLDS, MOVED, folded
from costlab.onnx.reading import FEW
from tests.onnx.making import counted, exported, held, model, numbers, values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from costlab.report import Report

node = helper.make_node
LEAST = -(2**63) + 1  # how torch writes "to the beginning" of a slice that goes backwards
CUBE = np.arange(2 * 3 * 4).reshape(2, 3, 4)
PAIRS = CUBE.reshape(-1, 2)
ROW = CUBE.reshape(-1)


def row(*each: int) -> Any:
    """A vector of sizes or axes."""
    return np.array(each, np.int64)


MADE: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("Cast", [PAIRS], {"to": TensorProto.INT32}),
    ("Concat", [CUBE, CUBE], {"axis": 0}),
    ("Concat", [CUBE, CUBE[:, :1], CUBE], {"axis": -2}),
    ("Concat", [PAIRS, PAIRS], {"axis": 1}),
    ("Gather", [CUBE, row(2, 0)], {"axis": 1}),
    ("Gather", [CUBE, np.array([[3, -1]])], {"axis": 2}),
    ("Max", [ROW, ROW[::-1], row(11)], {}),
    ("Max", [ROW], {}),
    ("Min", [ROW, row(7), ROW[::-1], row(9)], {}),
    ("Min", [ROW], {}),
    ("ReduceMax", [CUBE, row(0, 2)], {"keepdims": 0}),
    ("ReduceMin", [CUBE, row(-2, -1)], {"keepdims": 0}),
    ("ReduceProd", [ROW + 1, row()], {"noop_with_empty_axes": 1}),
    ("ReduceSum", [ROW], {"noop_with_empty_axes": 1}),
    ("ReduceSum", [ROW, row()], {}),
    ("ReduceSum", [CUBE, row()], {"keepdims": 0}),
    ("ReduceSum", [ROW, row(0)], {"noop_with_empty_axes": 1, "keepdims": 0}),
    ("Reshape", [ROW, row(-1, 2)], {}),
    ("Reshape", [CUBE, row(0, -1)], {}),
    ("Reshape", [CUBE[:0], row(0, 5)], {"allowzero": 1}),
    ("Slice", [PAIRS, row(-1), row(LEAST), row(0), row(-1)], {}),
    ("Slice", [CUBE, row(1, -2), row(3, 2**62), row(-2, 2)], {}),
    ("Slice", [CUBE, row(0, 2, -1), row(2, 0, -9), row(0, 1, 2), row(1, -1, -2)], {}),
    ("Slice", [CUBE, row(1), row(2)], {}),
    ("Split", [CUBE, row(1, 2)], {"axis": 1}),
    ("Split", [CUBE, row(3, 0, 1)], {"axis": -1}),
    ("Squeeze", [CUBE[:1, :, :1], row(0, -1)], {}),
    ("Squeeze", [CUBE[:1, :, :1]], {}),
    ("Transpose", [PAIRS], {"perm": [1, 0]}),
    ("Transpose", [CUBE], {"perm": [1, 2, 0]}),
    ("Transpose", [CUBE], {}),
    ("Unsqueeze", [PAIRS, row(0, -1)], {}),
]


@pytest.mark.parametrize(("op", "operands", "attributes"), MADE)
def test_numbers_are_those_of_the_reference(
    op: str, operands: list[Any], attributes: dict[str, Any]
) -> None:
    """ONNX's reference makes the same arrays of the same operands, and leaves those as they are."""
    made = folded(op, operands, attributes)
    names = [f"x{at}" for at in range(len(operands))]
    outputs = [f"y{at}" for at in range(len(made))]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, value.shape)
        for name, value in zip(names, operands, strict=True)
    ]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph([node(op, names, outputs, **attributes)], "g", inputs, results)
    opset = helper.make_opsetid("", 20)
    reference = ReferenceEvaluator(helper.make_model(graph, opset_imports=[opset]))
    before = [operand.copy() for operand in operands]
    expected: Any = reference.run(None, dict(zip(names, operands, strict=True)))
    assert made
    for mine, theirs in zip(made, expected, strict=True):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        assert np.array_equal(mine, theirs)
    assert all(map(np.array_equal, operands, before))


def test_few_numbers_are_kept() -> None:
    """In more axes than one, integers that are moved; in all, no more than a few."""
    floats = PAIRS.astype(np.float32)
    assert folded("Transpose", [floats], {}) == []
    assert folded("Add", [PAIRS, PAIRS], {}) == []
    assert folded("Concat", [ROW] * (FEW // ROW.size), {"axis": 0}) != []
    assert folded("Concat", [ROW] * (FEW // ROW.size + 1), {"axis": 0}) == []
    assert folded("Reshape", [ROW, row(5, -1)], {}) == []
    assert folded("Unsqueeze", [ROW], {"axes": range(10**6)}) == []
    assert set(FOLDS) >= MOVED


@pytest.mark.parametrize(("op", "of"), [("Max", max), ("Min", min)])
def test_the_largest_of_three_sizes(
    op: str, of: Callable[[tuple[int, ...]], int], tmp_path: Path
) -> None:
    """All operands are looked at, and none is written over."""
    sizes = (2, 3, 50)
    nodes = [
        *(node("Shape", ["x"], [f"n{at}"], start=at, end=at + 1) for at in range(3)),
        node(op, ["n0", "n1", "n2"], ["m"]),
        node("Concat", ["m", "n2"], ["shape"], axis=0),
        node("Expand", ["one", "shape"], ["rows"]),
        node("MatMul", ["rows", "w"], ["y"]),
    ]
    helds = [numbers("one", 1, np.float32), held("w", 50, 4)]
    made = counted(model(nodes, values({"x": sizes}), ["y"], helds), tmp_path)
    assert made.total.macs == of(sizes) * sizes[2] * 4


@pytest.mark.parametrize("axes", [None, ()])
@pytest.mark.parametrize("left", [0, 1])
def test_a_reduction_over_no_axes(axes: tuple[()] | None, left: int, tmp_path: Path) -> None:
    """It is one over all of them, unless `noop_with_empty_axes` has it leave its input."""
    sizes = (2, 3, 4)
    reduced = ["s"] if axes is None else ["s", "axes"]
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("ReduceSum", reduced, ["shape"], noop_with_empty_axes=left),
        node("ConstantOfShape", ["shape"], ["zeros"]),
        node("Reshape", ["zeros", "column"], ["rows"]),
        node("MatMul", ["rows", "w"], ["y"]),
    ]
    helds = [numbers("column", [-1, 1]), held("w", 1, 5), numbers("axes", [])]
    made = counted(model(nodes, values({"x": sizes}), ["y"], helds), tmp_path)
    assert made.total.macs == (prod(sizes) if left else sum(sizes)) * 5


class Padded(nn.Module):
    """An image with a margin, and on to a multiple of 4, before a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the docstring of the class says."""
        x = F.pad(x, (1, 2, 3, 4))
        height, width = x.shape[-2:]
        y: torch.Tensor = self.conv(F.pad(x, (0, -width % 4, 0, -height % 4)))
        return y


def padded(height: int, width: int) -> int:
    """The multiply-adds of `Padded` on one image."""
    rows, columns = (-(-(size + more) // 4) * 4 for size, more in ((height, 7), (width, 3)))
    return (rows - 2) * (columns - 2) * 4 * 3 * 3 * 3


def whole(made: Report) -> tuple[int, int]:
    """What a report counts, where nothing is unknown to it."""
    assert made.coverage.unknown == ()
    return made.total.macs, made.total.params


def test_an_image_that_torch_pads(tmp_path: Path) -> None:
    """The older exporter puts the margins through a matrix that it turns round and over."""
    net, image = Padded(), torch.zeros(2, 3, 9, 10)
    made = report(str(exported(net, (image,), tmp_path / "net.onnx")), ())
    assert made.total.macs == 2 * padded(9, 10)
    assert whole(made) == whole(costlab.analyze(net, (image,), mode="eval"))


def test_an_image_of_open_sizes_that_torch_pads(tmp_path: Path) -> None:
    """Margins that follow from the sizes of the image are those of the sizes that are given."""
    image = torch.zeros(2, 3, 9, 10)
    path = exported(Padded(), (image,), tmp_path / "net.onnx", {0: "n", 2: "h", 3: "w"})
    made = report(str(path), ("f32[5,3,14,6]",))
    assert whole(made) == (5 * padded(14, 6), 4 * 3 * 3 * 3 + 4)
