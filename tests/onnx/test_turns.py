"""Loops in a file: a turn that can only be as the one before it is copied, and is as if walked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from costlab.errors import SourceError
from costlab.onnx.counting import graph_of
from costlab.onnx.turns import Body
from tests.onnx.looping import WIDTH, body, node
from tests.onnx.making import counted, held, model, numbers, values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx

    from costlab.graph import Graph

SINGLE = ("MatMul", "Relu", "Identity", "number", "inner")
"""What a state may go through in a turn."""


def walked_graph(made: onnx.ModelProto, folder: Path, *, copies: bool) -> Graph:
    """The graph of a model, its turns copied where they are alike, or all walked."""
    path = folder / "turns.onnx"
    path.write_bytes(made.SerializeToString())
    with pytest.MonkeyPatch.context() as patch:
        if not copies:
            patch.setattr(Body, "renaming", lambda _body, _state: None)
        return graph_of(str(path), ())


def test_a_weight_of_the_body_is_one_in_all_turns(tmp_path: Path) -> None:
    """A loop without a state is the same from its first turn on; its weight is read in each."""
    graph = body([node("MatMul", ["x", "own"], ["out"])], [], ["out"])
    graph.initializer.append(held("own", WIDTH, WIDTH))
    loop = node("Loop", ["n", ""], ["y"], body=graph)
    made = model([loop], values({"x": (3, WIDTH)}), ["y"], [numbers("n", 5)])
    assert walked_graph(made, tmp_path, copies=True) == walked_graph(made, tmp_path, copies=False)
    report = counted(made, tmp_path)
    assert (report.total.macs, report.total.params) == (5 * 3 * WIDTH * WIDTH, WIDTH * WIDTH)


COUNTS = {
    "same": [node("Identity", ["d"], ["e"])],
    "counted": [node("Add", ["d", "one"], ["e"])],
    "in turn": [node("Sub", ["three", "d"], ["e"])],
}
"""How a number that is known becomes that of the next turn: 1 stays, goes up, or is 2 every time
but one."""


def turned(
    through: Sequence[str], handed: Sequence[str], first: Sequence[str], count: str, turns: int
) -> onnx.ModelProto:
    """A loop whose states go `through` some operators, grow and change their places.

    What it reads of a tensor hangs on a number that is known; a weight is its own.
    """
    nodes, state = [*COUNTS[count]], "a"
    for at, kind in enumerate(through):
        made = f"t{at}"
        if kind == "inner":
            product = node("MatMul", [f"s{at}", "w"], [f"q{at}"])
            deeper = body([product], [f"s{at}"], [f"q{at}"], f"_{at}")
            nodes.append(node("Loop", ["two", "", state], [made], body=deeper))
        elif kind == "number":
            nodes += [node("Cast", ["turn"], [f"n{at}"], to=TensorProto.FLOAT),
                      node("Mul", [state, f"n{at}"], [made])]  # fmt: skip
        else:
            nodes.append(node(kind, [state, *(["w"] if kind == "MatMul" else [])], [made]))
        state = made
    nodes += [
        node("Slice", ["x", "zero", "d"], ["part"]),
        node("MatMul", ["part", "own"], ["product"]),
        node("Add", [state, "x"], ["sum"]),
        node("Concat", ["c", "x"], ["grown"], axis=0),
    ]
    graph = body(nodes, ["a", "b", "c"], handed)
    graph.initializer.append(held("own", WIDTH, WIDTH))
    graph.input.extend(values({"d": (1,)}, TensorProto.INT64))
    graph.output.extend(values({"e": (1,)}, TensorProto.INT64))
    counts = {"n": turns, "two": 2, "one": [1], "three": [3], "zero": [0], "start": [1]}
    return model(
        [node("Loop", ["n", "", *first, "start"], ["p", "q", "r", "s"], body=graph)],
        values({"x": (WIDTH, WIDTH), "z": (WIDTH, WIDTH)}),
        ["p"],
        [held("w", WIDTH, WIDTH), *(numbers(name, each) for name, each in counts.items())],
    )


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    through=st.lists(st.sampled_from(SINGLE), max_size=3),
    handed=st.lists(st.sampled_from(["a", "b", "c", "sum"]), min_size=2, max_size=2),
    last=st.sampled_from(["a", "b", "c", "sum", "grown"]),
    first=st.lists(st.sampled_from(["x", "z"]), min_size=3, max_size=3),
    count=st.sampled_from(list(COUNTS)),
    turns=st.integers(0, 6),
)
@example(
    through=["MatMul"],
    handed=["sum", "sum"],
    last="grown",
    first=["x", "z", "x"],
    count="same",
    turns=5,
)
def test_a_copied_turn_is_what_walking_gives(
    through: list[str],
    handed: list[str],
    last: str,
    first: list[str],
    count: str,
    turns: int,
    tmp_path: Path,
) -> None:
    """Whatever states change their places, grow or are outer tensors, the graph is the same."""
    states = [*handed, last]
    # An output is of a name of its own.
    names = [f"{name}{at}" for at, name in enumerate(states)]
    whole = turned(through, names, first, count, turns)
    inner = whole.graph.node[0].attribute[0].g
    inner.node.extend(
        node("Identity", pair[:1], pair[1:]) for pair in zip(states, names, strict=True)
    )
    try:
        plain = walked_graph(whole, tmp_path, copies=False)
    except SourceError:
        with pytest.raises(SourceError):
            walked_graph(whole, tmp_path, copies=True)
        return
    assert walked_graph(whole, tmp_path, copies=True) == plain
