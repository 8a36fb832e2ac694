"""Graphs as a whole: shapes worked out, branches and loops, functions, blocks and parameters."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto, helper

from costlab.onnx.counting import report
from tests.onnx.making import counted, held, model, numbers, values

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from costlab.report import Report

node = helper.make_node


def test_a_reshape_by_shape_arithmetic_is_followed(tmp_path: Path) -> None:
    """`x.view(n, c // 2, -1)`, as exporters write it, costs nothing and gives its shape."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Gather", ["s", "one"], ["c"]),
        node("Div", ["c", "two"], ["half"]),
        *(node("Unsqueeze", [name, "axis"], [f"{name}1"]) for name in ("n", "half")),
        node("Concat", ["n1", "half1", "rest"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["y"]),
        node("MatMul", ["y", "w"], ["z"]),
    ]
    helds = [
        numbers("zero", 0), numbers("one", 1), numbers("two", 2), numbers("axis", [0]),
        numbers("rest", [-1]), held("w", 10, 7),
    ]  # fmt: skip
    made = counted(model(nodes, values({"x": ("batch", 6, 5)}), ["z"], helds), tmp_path, "[4,6,5]")
    assert made.total.macs == 4 * 3 * 10 * 7
    assert made.total.bytes == 4 * (4 * 3 * 10 + 10 * 7 + 4 * 3 * 7)
    assert made.total.params == 10 * 7


def branches(first: int, second: int, condition: onnx.TensorProto | None) -> onnx.ModelProto:
    """An `If` whose branches multiply by matrices with so many columns in between."""
    graphs = []
    for name, width in (("a", first), ("b", second)):
        nodes = [
            node("MatMul", ["x", f"{name}0"], [f"{name}1"]),
            node("MatMul", [f"{name}1", f"{name}2"], [f"{name}3"]),
        ]
        weights = [held(f"{name}0", 4, width), held(f"{name}2", width, 4)]
        outputs = values({f"{name}3": (3, 4)})
        graphs.append(helper.make_graph(nodes, name, [], outputs, weights))
    choice = node(
        "If", ["c"], ["y"], name="/choice/If", then_branch=graphs[0], else_branch=graphs[1]
    )
    inputs = values({"x": (3, 4)})
    if condition is None:
        inputs += values({"c": ()}, TensorProto.BOOL)
    return model([choice], inputs, ["y"], [condition] if condition else [])


def test_branches_that_cost_the_same_are_counted_once(tmp_path: Path) -> None:
    """Whichever runs, the cost is that of one."""
    made = counted(branches(5, 5, None), tmp_path)
    assert made.total.macs == 2 * 3 * 4 * 5
    assert made.coverage.unknown == ()


def test_branches_that_differ_are_unknown(tmp_path: Path) -> None:
    """No one cost is true: the `If` is named, with what it writes, and nothing else is counted."""
    made = counted(branches(5, 6, None), tmp_path)
    (unknown,) = made.coverage.unknown
    assert (unknown.op, unknown.scope, unknown.elements) == ("If", "choice", 3 * 4)
    assert made.total.macs == 0


@pytest.mark.parametrize(("taken", "width"), [(True, 5), (False, 6)])
def test_the_branch_that_is_known_to_run_is_counted(
    taken: bool, width: int, tmp_path: Path
) -> None:
    """A condition in the file decides."""
    made = counted(branches(5, 6, numbers("c", taken, np.bool_)), tmp_path)
    assert made.total.macs == 2 * 3 * 4 * width
    assert made.coverage.unknown == ()


def loop(turns: onnx.TensorProto | None) -> onnx.ModelProto:
    """A `Loop` that joins a row to its state a turn and multiplies all of it, and keeps a row."""
    body = helper.make_graph(
        [
            node("Identity", ["on"], ["still"]),
            node("Concat", ["state", "row"], ["more"], axis=0),
            node("MatMul", ["more", "w"], ["product"]),
            node("Identity", ["row"], ["kept"]),
        ],
        "body",
        [
            *values({"turn": ()}, TensorProto.INT64),
            *values({"on": ()}, TensorProto.BOOL),
            *values({"state": ("rows", 4)}),
        ],
        [
            *values({"still": ()}, TensorProto.BOOL),
            *values({"product": ("more", 4), "kept": (1, 4)}),
        ],
    )
    inputs = values({"x": (1, 4), "row": (1, 4)})
    if turns is None:
        inputs += values({"turns": ()}, TensorProto.INT64)
    weights = [held("w", 4, 4), *([turns] if turns else [])]
    return model(
        [node("Loop", ["turns", "", "x"], ["y", "rows"], body=body)], inputs, ["y"], weights
    )


def test_a_loop_costs_its_turns(tmp_path: Path) -> None:
    """Each turn is walked, so that a state that grows costs more each time; weights count once."""
    made = counted(loop(numbers("turns", 3)), tmp_path)
    assert made.total.macs == sum((1 + turn) * 4 * 4 for turn in (1, 2, 3))
    assert made.total.params == 4 * 4
    assert made.coverage.unknown == ()


def test_a_loop_of_unknown_length_is_unknown(tmp_path: Path) -> None:
    """Without a number of turns there is no cost: the loop is named."""
    made = counted(loop(None), tmp_path)
    assert [unknown.op for unknown in made.coverage.unknown] == ["Loop"]
    too_long = counted(loop(numbers("turns", 10**9)), tmp_path)
    assert [unknown.op for unknown in too_long.coverage.unknown] == ["Loop"]


def test_a_scan_costs_a_turn_a_place(tmp_path: Path) -> None:
    """The body of a `Scan` runs once for each place along its axis."""
    body = helper.make_graph(
        [node("MatMul", ["state", "w"], ["p"]), node("Add", ["p", "at"], ["next"]),
         node("Identity", ["next"], ["out"])],
        "body", values({"state": (2, 4), "at": (2, 4)}), values({"next": (2, 4), "out": (2, 4)}),
    )  # fmt: skip
    scan = node("Scan", ["x", "xs"], ["y", "ys"], body=body, num_scan_inputs=1)
    made = counted(
        model([scan], values({"x": (2, 4), "xs": (6, 2, 4)}), ["ys"], [held("w", 4, 4)]), tmp_path
    )
    assert made.total.macs == 6 * 2 * 4 * 4
    assert made.root.outputs == () or made.total.params == 4 * 4


def test_a_function_of_the_file_is_entered(tmp_path: Path) -> None:
    """A function costs what it is made of, with the attributes of each call."""
    inner = node("Gemm", ["a", "b"], ["c"])
    inner.attribute.append(
        AttributeProto(name="transB", type=AttributeProto.INT, ref_attr_name="turn")
    )
    function = helper.make_function(
        "org.example", "Dense", ["a", "b"], ["c"], [inner], [helper.make_opsetid("", 20)], ["turn"]
    )
    nodes = [
        node("Dense", ["x", "w"], ["h"], domain="org.example", name="/first/Dense", turn=1),
        node("Dense", ["h", "v"], ["y"], domain="org.example", name="/second/Dense", turn=0),
    ]
    made = counted(
        model(nodes, values({"x": (3, 5)}), ["y"], [held("w", 8, 5), held("v", 8, 2)],
              functions=[function], domains=["org.example"]),
        tmp_path,
    )  # fmt: skip
    assert made.total.macs == 3 * 5 * 8 + 3 * 8 * 2
    macs = {block.path: block.cost.macs for block in made.root.walk()}
    assert (macs["first"], macs["second"]) == (3 * 5 * 8, 3 * 8 * 2)


def test_without_names_weights_say_where_a_node_stands(tmp_path: Path) -> None:
    """A node that has no path stands in the block of its weights, else in one of its own kind."""
    nodes = [node("Conv", ["x", "stem.conv.weight"], ["c"], name="Conv_0"),
             node("Relu", ["c"], ["y"], name="Relu_1")]  # fmt: skip
    made = counted(
        model(nodes, values({"x": (1, 3, 8, 8)}), ["y"], [held("stem.conv.weight", 4, 3, 3, 3)]),
        tmp_path,
    )
    assert [block.path for block in made.root.walk()] == ["", "stem", "stem.conv", "Relu"]


def test_parameters_are_what_is_trained(tmp_path: Path) -> None:
    """Shared weights count once, unused ones are not executed; statistics and axes are none."""
    nodes = [
        node("Gemm", ["x", "w"], ["a"], name="/one/Gemm"),
        node("Gemm", ["a", "w"], ["b"], name="/two/Gemm"),
        node("BatchNormalization", ["b", "scale", "shift", "mean", "var"], ["c"], name="/bn/Norm"),
        node("ReduceMean", ["c", "axes"], ["y"], name="/ReduceMean"),
    ]
    helds = [
        held("w", 5, 5), held("scale", 5), held("shift", 5), held("mean", 5), held("var", 5),
        numbers("axes", [1]), held("spare.weight", 7, 2),
    ]  # fmt: skip
    made = counted(model(nodes, values({"x": (3, 5)}), ["y"], helds), tmp_path)
    assert made.total.params == 5 * 5 + 5 + 5 + 7 * 2
    assert made.total.params_executed == 5 * 5 + 5 + 5
    assert made.parameters is not None
    assert made.parameters.buffers.elements == 5 + 5 + 1
    assert sum(block.own.params for block in made.root.walk()) == made.total.params


def naive(sizes: list[int], kernels: list[int], side: int) -> int:
    """The products of convolutions one after the other, an output element at a time."""
    total = 0
    for before, after, kernel in zip(sizes, sizes[1:], kernels, strict=False):
        side -= kernel - 1
        for _ in range(after * side):
            total += side * before * kernel * kernel
    return total


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    kernels=st.lists(st.integers(1, 3), min_size=4, max_size=4),
    batch=st.integers(1, 3),
    between=st.sampled_from(["Relu", "Sigmoid", "Softmax", "Neg"]),
)
def test_chains_of_convolutions(
    sizes: list[int], kernels: list[int], batch: int, between: str, tmp_path: Path
) -> None:
    """Any chain costs the sum of loops over its layers, for any batch; blocks add up."""
    nodes, weights = [], []
    for at, (before, after) in enumerate(pairwise(sizes)):
        weights.append(held(f"{at}.weight", after, before, kernels[at], kernels[at]))
        names = f"x{at}", f"c{at}", f"x{at + 1}"
        nodes += [node("Conv", [names[0], f"{at}.weight"], [names[1]], name=f"/{at}/Conv"),
                  node(between, [names[1]], [names[2]], name=f"/{at}/after/{between}")]  # fmt: skip
    made = counted(
        model(nodes, values({"x0": ("n", sizes[0], 12, 12)}), [f"x{len(sizes) - 1}"], weights),
        tmp_path, f"f32[{batch},{sizes[0]},12,12]",
    )  # fmt: skip
    assert made.total.macs == batch * naive(sizes, kernels, 12)
    assert made.total.params == sum(int(np.prod(weight.dims)) for weight in weights)
    assert _summed(made) == made.total.macs


def _summed(made: Report) -> int:
    return sum(block.own.macs for block in made.root.walk())


def test_two_readings_are_the_same(tmp_path: Path) -> None:
    """A file gives the same report each time."""
    first = counted(loop(numbers("turns", 3)), tmp_path)
    assert report(str(tmp_path / "model.onnx"), ()).to_dict() == first.to_dict()
