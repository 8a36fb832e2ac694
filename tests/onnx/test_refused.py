"""What ONNX does not allow is refused, or named as unknown, and what it does allow is counted."""

from __future__ import annotations

import os
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from costlab.errors import SourceError
from costlab.onnx.counting import report
from costlab.onnx.operators import MICROSOFT
from costlab.onnx.reading import described
from tests.onnx.making import counted, held, model, numbers, single, values

if TYPE_CHECKING:
    from pathlib import Path

    from costlab.report import Report

node = helper.make_node
STEPS, BATCH, WIDTH, HIDDEN = 5, 2, 8, 12
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STATE = (1, BATCH, HIDDEN)


def layer(folder: Path, op: str, layout: int = 0, **changed: Any) -> Report:
    """A recurrent layer with all its operands; `changed` are other shapes, or other attributes."""
    rows = GATES[op] * HIDDEN
    state = STATE[1::-1] + STATE[2:] if layout else STATE
    shapes: dict[str, Any] = {
        "w": (1, rows, WIDTH),
        "r": (1, rows, HIDDEN),
        "b": (1, 2 * rows),
        "lengths": (BATCH,),
        "h": state,
    }
    if op == "LSTM":
        shapes |= {"c": state, "p": (1, 3 * HIDDEN)}
    attributes: dict[str, Any] = {"hidden_size": HIDDEN, "direction": "reverse", "layout": layout}
    attributes |= {name: changed.pop(name) for name in attributes if name in changed}
    types = {"lengths": np.int32}
    given = [
        held(name, *shape, dtype=types.get(name, np.float32))
        for name, shape in (shapes | changed).items()
    ]
    image = (BATCH, STEPS, WIDTH) if layout else (STEPS, BATCH, WIDTH)
    return single(folder, op, [image], initializers=given, outputs=2, **attributes)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("layout", [0, 1])
def test_a_recurrent_layer_with_all_its_operands(op: str, layout: int, tmp_path: Path) -> None:
    """All that fit one another are counted; the hidden size may be left to the weights."""
    lengths = numbers("lengths", [STEPS, 3], np.int32)
    made = layer(tmp_path, op, layout)
    assert made.coverage.unknown == ()
    assert made.total.macs == 0  # sequences of no length
    rows = GATES[op] * HIDDEN
    weights = [held("w", 1, rows, WIDTH), held("r", 1, rows, HIDDEN), held("b", 1, 2 * rows)]
    image = (BATCH, STEPS, WIDTH) if layout else (STEPS, BATCH, WIDTH)
    full = single(tmp_path, op, [image], initializers=[*weights, lengths], layout=layout)
    assert full.coverage.unknown == ()
    assert full.total.macs == (STEPS + 3) * rows * (WIDTH + HIDDEN)


@pytest.mark.parametrize(
    "changed",
    [
        {"direction": "bidirectional"},
        {"direction": "sideways"},
        {"hidden_size": HIDDEN - 5},
        {"b": (1, HIDDEN)},
        {"lengths": (BATCH + 1,)},
        {"h": (1, BATCH + 1, HIDDEN)},
        {"h": (2, BATCH, HIDDEN)},
        {"layout": 1, "h": STATE},
    ],
    ids=str,
)
@pytest.mark.parametrize("op", GATES)
def test_a_recurrent_layer_that_does_not_fit(
    op: str, changed: dict[str, Any], tmp_path: Path
) -> None:
    """Directions, hidden sizes and operands that contradict one another are named as unknown."""
    made = layer(tmp_path, op, **changed)
    assert [each.op for each in made.coverage.unknown] == [op]


@pytest.mark.parametrize(
    "changed", [{"c": (1, BATCH, HIDDEN - 1)}, {"p": (1, 2 * HIDDEN)}], ids=str
)
def test_a_state_of_a_cell_that_does_not_fit(changed: dict[str, Any], tmp_path: Path) -> None:
    """So are the cell's first state and its peepholes."""
    made = layer(tmp_path, "LSTM", **changed)
    assert [each.op for each in made.coverage.unknown] == ["LSTM"]


def test_two_directions_need_two_weights(tmp_path: Path) -> None:
    """Weights of two directions in a layer of one are unknown."""
    weights = [held("w", 2, 4 * HIDDEN, WIDTH), held("r", 2, 4 * HIDDEN, HIDDEN)]
    image = (STEPS, BATCH, WIDTH)
    made = single(tmp_path, "LSTM", [image], initializers=weights, hidden_size=HIDDEN)
    assert [each.op for each in made.coverage.unknown] == ["LSTM"]


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("columns", "block"), [(64, 32), (70, 32), (30, 16)])
def test_a_weight_of_few_bits_has_the_bytes_that_it_says(
    bits: int, columns: int, block: int, tmp_path: Path
) -> None:
    """A block of columns has bytes of its own, the last one padded; other rows are unknown."""
    rows = 16
    for held_rows in (rows, rows - 1, 99):
        shape = (held_rows, ceil(columns / block), block * bits // 8)
        packed = held("w", *shape, dtype=np.uint8)
        made = single(
            tmp_path, "MatMulNBits", [(5, columns)],
            initializers=[packed, held("s", held_rows * shape[1])],
            domain=MICROSOFT, N=rows, K=columns, bits=bits, block_size=block,
        )  # fmt: skip
        fits = held_rows == rows
        assert made.total.macs == fits * 5 * rows * columns
        assert (made.coverage.unknown == ()) == fits


TYPES = sorted(
    set(TensorProto.DataType.values())
    - {TensorProto.UNDEFINED, TensorProto.STRING}
    - {getattr(TensorProto, name, 0) for name in ("FLOAT6E2M3", "FLOAT6E3M2")}  # too new
)


@pytest.mark.parametrize("kind", TYPES, ids=TensorProto.DataType.Name)
@pytest.mark.parametrize("size", [5, 200])
def test_a_tensor_has_as_many_numbers_as_its_shape(kind: int, size: int) -> None:
    """Of every type, however many share an entry of a list: not one fewer, and not one more."""
    made = helper.make_tensor("w", kind, [size], [0] * size)
    assert described(made).spec.shape == (size,)
    name = helper.tensor_dtype_to_field(kind)
    written = list(getattr(made, name))
    for entries in (written[:-1], [*written, 0], []):
        made.ClearField(name)
        getattr(made, name).extend(entries)
        with pytest.raises(SourceError, match=r"'w' has \d+ numbers, not \d+"):
            described(made)


def test_texts_are_counted_too() -> None:
    """A tensor of texts has one for each element."""
    kind, texts = TensorProto.STRING, [b"a", b"b", b"c"]
    made = TensorProto(name="w", data_type=kind, dims=[len(texts)], string_data=texts)
    assert described(made).values is None
    made.string_data.pop()
    with pytest.raises(SourceError, match="2 numbers, not 3"):
        described(made)


def test_a_weight_of_too_few_numbers(tmp_path: Path) -> None:
    """A file with 7 numbers for a matrix is damaged, and its size counts for nothing."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [7], [0.0] * 7)
    weight.dims[:] = [100, 50]
    made = model([node("MatMul", ["x", "w"], ["y"])], values({"x": (3, 100)}), ["y"], [weight])
    with pytest.raises(SourceError, match=r"'w' has 7 numbers, not 5,000"):
        counted(made, tmp_path)


def test_a_type_that_an_operator_does_not_take(tmp_path: Path) -> None:
    """The error names the operator and the type, as for shapes that do not fit."""
    weight = held("w", 4, 5, dtype=np.int8)
    inputs = values({"x": (3, 4)}, TensorProto.INT8)
    made = model([node("MatMul", ["x", "w"], ["y"], name="mul")], inputs, ["y"], [weight])
    with pytest.raises(SourceError, match=r"MatMul 'mul': .*tensor\(int8\)"):
        counted(made, tmp_path)


@pytest.mark.parametrize("operands", ["ij,jk?", "i$j,jk", "i.j,jk", "ij,jk....", "i-j,jk"])
def test_an_equation_with_other_signs(operands: str, tmp_path: Path) -> None:
    """It is refused before ONNX looks at it, which would never come back."""
    with pytest.raises(SourceError, match="no operands of an equation"):
        single(tmp_path, "Einsum", [(2, 3), (3, 4)], equation=f"{operands}->ik")
    spaced = single(tmp_path, "Einsum", [(2, 3), (3, 4)], equation=" ...I, I k -> ...k")
    assert spaced.total.macs == 2 * 3 * 4


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe and a device by the name of a model are told apart from files before they are read."""
    pipe, device = tmp_path / "pipe.onnx", tmp_path / "device.onnx"
    os.mkfifo(pipe)
    device.symlink_to(os.devnull)
    for path in (pipe, device):
        with pytest.raises(SourceError, match="a pipe or a device"):
            report(str(path), ())
    link, file = tmp_path / "link.onnx", tmp_path / "file.onnx"
    made = model([node("Relu", ["x"], ["y"])], values({"x": (3, 4)}), ["y"])
    file.write_bytes(made.SerializeToString())
    link.symlink_to(file)
    assert report(str(link), ()).total.flops == 3 * 4


def branching(inner: onnx.NodeProto) -> onnx.NodeProto:
    """An `If` that runs a node whichever way it goes."""
    made = node("If", ["C"], inner.output)
    for name in ("then_branch", "else_branch"):
        results = [onnx.ValueInfoProto(name=each) for each in inner.output]
        graph = helper.make_graph([inner], name, [], results)
        made.attribute.append(helper.make_attribute(name, graph))
    return made


@pytest.mark.parametrize("told", [None, 1, 2])
@pytest.mark.parametrize("default", [None, 3])
def test_an_argument_may_be_read_within_a_branch(
    told: int | None, default: int | None, tmp_path: Path
) -> None:
    """A function's graphs see what a call says, or the function's default, or the operator's."""
    conv = node("Conv", ["X", "W"], ["Z"])
    conv.attribute.add(name="strides", ref_attr_name="steps", type=onnx.AttributeProto.INTS)
    body = [branching(branching(conv))]
    opsets, image = [helper.make_opsetid("", 20)], values({"x": (1, 3, 9, 9)})
    function = helper.make_function("local", "Strided", ["X", "W", "C"], ["Z"], body, opsets)
    if default:
        function.attribute_proto.append(helper.make_attribute("steps", [default] * 2))
    else:
        function.attribute.append("steps")
    call = node("Strided", ["x", "w", "c"], ["y"], domain="local")
    if told:
        call.attribute.append(helper.make_attribute("steps", [told] * 2))
    helds = [held("w", 4, 3, 3, 3), numbers("c", True, np.bool_)]
    made = model([call], image, ["y"], helds, functions=[function], domains=["local"])
    grid = len(range(0, 9 - 3 + 1, told or default or 1))
    assert counted(made, tmp_path).total.macs == grid * grid * 4 * 3 * 3 * 3
