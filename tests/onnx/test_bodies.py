"""Weights of branches, bodies and functions: each is one, be it run often or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import AttributeProto, TensorProto, helper

from tests.onnx.looping import WIDTH, body, node
from tests.onnx.making import counted, held, model, numbers, values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx

ROWS = 3
WEIGHT = WIDTH * WIDTH
PRODUCT = ROWS * WEIGHT
"""Multiply-adds of the input, or what is made of it, by one weight."""
INPUT = values({"x": (ROWS, WIDTH)})
OPEN = values({"c": ()}, TensorProto.BOOL)


def looped(turns: str, given: str, made: str) -> onnx.NodeProto:
    """A loop that multiplies its state by a weight of its own, which is named as in every other."""
    graph = body([node("MatMul", ["s", "w"], ["out"])], ["s"], ["out"])
    graph.initializer.append(held("w", WIDTH, WIDTH))
    return node("Loop", [turns, "", given], [made], body=graph)


def branch(made: str, through: int = 1, *, constant: bool = False) -> onnx.GraphProto:
    """A branch that multiplies the input by so many weights of its own, all named as in others."""
    nodes, given = [], "x"
    for at in range(through):
        if constant:
            nodes.append(node("Constant", [], [f"w{at}"], value=held("", WIDTH, WIDTH)))
        last = made if at == through - 1 else f"{made}{at}"
        nodes.append(node("MatMul", [given, f"w{at}"], [last]))
        given = last
    weights = [] if constant else [held(f"w{at}", WIDTH, WIDTH) for at in range(through)]
    return helper.make_graph(nodes, made, [], values({made: (ROWS, WIDTH)}), weights)


def choice(first: onnx.GraphProto, second: onnx.GraphProto, made: str = "y") -> onnx.NodeProto:
    """An `If` of two branches."""
    return node("If", ["c"], [made], then_branch=first, else_branch=second)


def function(
    name: str, constant: onnx.NodeProto, attributes: Sequence[str] = ()
) -> onnx.FunctionProto:
    """A function that multiplies its argument by a constant `k` of this shape, [WIDTH, WIDTH]."""
    shape = node("Constant", [], ["to"], value_ints=[WIDTH, WIDTH])
    nodes = [
        constant,
        shape,
        node("Reshape", ["k", "to"], ["w"]),
        node("MatMul", ["a", "w"], ["b"]),
    ]
    opsets = [helper.make_opsetid("", 20)]
    return helper.make_function("d", name, ["a"], ["b"], nodes, opsets, attributes)


def calls(names: Sequence[str], **attributes: Sequence[Any]) -> list[onnx.NodeProto]:
    """Calls of functions, each with what the one before it made, and with attributes of its own."""
    tensors = ["x", *(f"y{at}" for at in range(len(names)))]
    return [
        node(
            name, [tensors[at]], [tensors[at + 1]], domain="d",
            **{key: each[at] for key, each in attributes.items()},
        )
        for at, name in enumerate(names)
    ]  # fmt: skip


def test_weights_of_two_loops_are_two(tmp_path: Path) -> None:
    """The turns of a loop share its weight, and another loop has one of the same name."""
    loops = [looped("n", "x", "h"), looped("n", "h", "y")]
    made = counted(model(loops, INPUT, ["y"], [numbers("n", 5)]), tmp_path)
    assert made.total.macs == 2 * 5 * PRODUCT
    assert made.total.params == made.total.params_executed == 2 * WEIGHT


def test_a_loop_within_a_loop_has_one_weight(tmp_path: Path) -> None:
    """The inner body is written once, however often the outer one runs it."""
    outer = body([looped("n", "t", "end")], ["t"], ["end"], "_1")
    whole = node("Loop", ["n", "", "x"], ["y"], body=outer)
    made = counted(model([whole], INPUT, ["y"], [numbers("n", 3)]), tmp_path)
    assert (made.total.macs, made.total.params) == (3 * 3 * PRODUCT, WEIGHT)


def test_constants_of_two_functions_are_two(tmp_path: Path) -> None:
    """They have the name and the shape in common, each is called twice, and is one weight."""
    functions = []
    for name, value in (("F", 1.0), ("G", 2.0)):
        told = helper.make_tensor("", TensorProto.FLOAT, [WIDTH, WIDTH], [value] * WEIGHT)
        constant = node("Constant", [], ["k"], value=told)
        functions.append(function(name, constant))
    made = counted(
        model(calls("FGFG"), INPUT, ["y3"], functions=functions, domains=["d"]), tmp_path
    )
    assert (made.total.macs, made.total.params) == (4 * PRODUCT, 2 * WEIGHT)


def test_a_constant_that_calls_give_is_one_for_each_value(tmp_path: Path) -> None:
    """Where a call says what a constant is, each value that is given is a weight."""
    constant = node("Constant", [], ["k"])
    constant.attribute.append(
        AttributeProto(name="value_floats", type=AttributeProto.FLOATS, ref_attr_name="v")
    )
    # One value a row, so that the constant is a weight as it is read: [WIDTH] by [WIDTH, 1].
    nodes = [constant, node("Gemm", ["a", "w", "k"], ["b"])]
    opsets = [helper.make_opsetid("", 20)]
    dense = helper.make_function("d", "F", ["a", "w"], ["b"], nodes, opsets, ["v"])
    given = [[1.0] * WIDTH, [2.0] * WIDTH, [1.0] * WIDTH]
    called = calls("FFF", v=given)
    for each in called:
        each.input.append("w")
    whole = model(
        called, INPUT, ["y2"], [held("w", WIDTH, WIDTH)], functions=[dense], domains=["d"]
    )
    assert counted(whole, tmp_path).total.params == WEIGHT + 2 * WIDTH


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_weights_of_both_branches_are_parameters(
    known: bool, constant: bool, tmp_path: Path
) -> None:
    """All that the file holds are; those of the branch that runs are executed."""
    chosen = choice(branch("a", constant=constant), branch("b", constant=constant))
    inputs, helds = (INPUT, [numbers("c", 1, np.bool_)]) if known else ([*INPUT, *OPEN], [])
    made = counted(model([chosen], inputs, ["y"], helds), tmp_path)
    assert made.coverage.unknown == ()
    assert made.total.macs == PRODUCT
    assert (made.total.params, made.total.params_executed) == (2 * WEIGHT, WEIGHT)
    assert sum(block.own.params for block in made.root.walk()) == 2 * WEIGHT


def test_weights_of_an_unknown_branch_are_parameters(tmp_path: Path) -> None:
    """Branches that differ are not counted, but what they hold is known; none of it is executed."""
    made = counted(model([choice(branch("a"), branch("b", 2))], [*INPUT, *OPEN], ["y"]), tmp_path)
    assert [each.op for each in made.coverage.unknown] == ["If"]
    assert (made.total.params, made.total.params_executed) == (3 * WEIGHT, 0)


def test_a_quantized_weight_of_a_branch_that_does_not_run_is_one(tmp_path: Path) -> None:
    """Its integers are weights, and its scale is none; so it is through a view of the graph's."""
    nodes = [
        node("DequantizeLinear", ["q", "scale"], ["d"]),
        node("Transpose", ["d"], ["t"]),
        node("MatMul", ["x", "t"], ["p"]),
        node("MatMul", ["p", "turned"], ["b"]),
    ]
    weights = [held("q", WIDTH, WIDTH, dtype=np.int8), numbers("scale", 0.5, np.float32)]
    other = helper.make_graph(nodes, "b", [], values({"b": (ROWS, WIDTH)}), weights)
    outer = [
        node("Constant", [], ["k"], value=held("", WIDTH, WIDTH)),
        node("Transpose", ["k"], ["turned"]),
    ]
    whole = model([*outer, choice(branch("a"), other)], INPUT, ["y"], [numbers("c", 1, np.bool_)])
    made = counted(whole, tmp_path)
    assert (made.total.params, made.total.params_executed) == (3 * WEIGHT, WEIGHT)


def test_a_function_that_only_another_branch_calls_has_its_weights(tmp_path: Path) -> None:
    """What it holds is counted once, though it is called twice in what does not run."""
    inner = function("F", node("Constant", [], ["k"], value=held("", WIDTH, WIDTH)))
    called = calls("FF")
    other = helper.make_graph(called, "b", [], values({"y1": (ROWS, WIDTH)}))
    whole = model(
        [choice(branch("a"), other, "z")], INPUT, ["z"], [numbers("c", 1, np.bool_)],
        functions=[inner], domains=["d"],
    )  # fmt: skip
    made = counted(whole, tmp_path)
    assert (made.total.params, made.total.params_executed) == (2 * WEIGHT, WEIGHT)


@pytest.mark.parametrize("turns", [0, None, 10**9])
def test_the_weight_of_a_loop_that_is_not_walked_is_a_parameter(
    turns: int | None, tmp_path: Path
) -> None:
    """A loop of no turns, of turns that are not known or of too many holds its weight."""
    inputs = INPUT if turns is not None else [*INPUT, *values({"n": ()}, TensorProto.INT64)]
    helds = [] if turns is None else [numbers("n", turns)]
    made = counted(model([looped("n", "x", "y")], inputs, ["y"], helds), tmp_path)
    assert (made.total.params, made.total.params_executed) == (WEIGHT, 0)
    assert len(made.coverage.unknown) == (turns != 0)


def test_the_same_cost_with_other_weights_is_not_the_same(tmp_path: Path) -> None:
    """A product with a weight and one with an input differ in depth, whichever stands first."""
    reports = []
    weighed = helper.make_graph(
        [node("MatMul", ["x", "w"], ["a"])], "a", [], values({"a": (ROWS, WIDTH)})
    )
    plain = helper.make_graph(
        [node("MatMul", ["x", "z"], ["b"])], "b", [], values({"b": (ROWS, WIDTH)})
    )
    inputs = [*INPUT, *OPEN, *values({"z": (WIDTH, WIDTH)})]
    for pair in ((weighed, plain), (plain, weighed)):
        whole = model([choice(*pair)], inputs, ["y"], [held("w", WIDTH, WIDTH)])
        reports.append(counted(whole, tmp_path))
    first, second = reports
    assert first.total == second.total
    assert [each.op for each in first.coverage.unknown] == ["If"]
    assert (first.total.depth, first.total.params, first.total.params_executed) == (0, WEIGHT, 0)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_number_of_turns_may_have_a_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    """One number is one number: ONNX allows a tensor of shape [1] as the trip count."""
    turns = numbers("n", np.full(shape, 7))
    made = counted(model([looped("n", "x", "y")], INPUT, ["y"], [turns]), tmp_path)
    assert made.total.macs == 7 * PRODUCT
