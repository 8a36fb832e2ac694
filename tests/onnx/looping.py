"""Loops for the tests of ONNX, and how many operators a walk through them takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import TensorProto, helper

from costlab.onnx.walking import Walk
from tests.onnx.making import held, model, numbers, values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    import pytest

node = helper.make_node
WIDTH = 4


def body(
    nodes: Sequence[onnx.NodeProto], states: Sequence[str], made: Sequence[str], at: str = ""
) -> Any:
    """The body of a `Loop`: it goes on, and hands a state on for each that it is given.

    `at` is at the end of the names that are in every body.
    """
    shape = dict.fromkeys((*states, *made), ("rows", WIDTH))
    return helper.make_graph(
        [node("Identity", [f"on{at}"], [f"still{at}"]), *nodes],
        "body",
        [
            *values({f"turn{at}": ()}, TensorProto.INT64),
            *values({f"on{at}": ()}, TensorProto.BOOL),
            *values({name: shape[name] for name in states}),
        ],
        [
            *values({f"still{at}": ()}, TensorProto.BOOL),
            *values({name: shape[name] for name in made}),
        ],
    )


def nested(turns: Sequence[int], *, numbered: bool = False) -> onnx.ModelProto:
    """Loops in one another, the outermost first, around one product; and a product after them.

    If they are `numbered`, the product reads what turn it is, so that no two turns are alike.
    """
    product = [node("MatMul", ["s0", "w"], ["p" if numbered else "out"])]
    if numbered:
        product += [
            node("Cast", ["turn"], ["t"], to=TensorProto.FLOAT),
            node("Add", ["p", "t"], ["out"]),
        ]
    inner = body(product, ["s0"], ["out"])
    for depth in range(1, len(turns)):
        name = f"n{len(turns) - depth}"
        loop = node("Loop", [name, "", f"s{depth}"], [f"l{depth}"], body=inner)
        inner = body([loop], [f"s{depth}"], [f"l{depth}"], f"_{depth}")
    nodes = [
        node("Loop", ["n0", "", "x"], ["l"], body=inner, name="/loop/Loop"),
        node("MatMul", ["x", "w"], ["y"], name="/last/MatMul"),
    ]
    counts = [numbers(f"n{at}", each) for at, each in enumerate(turns)]
    return model(nodes, values({"x": (3, WIDTH)}), ["l", "y"], [held("w", WIDTH, WIDTH), *counts])


class Walked:
    """How many operators a walk takes: a walk that takes more than `most` fails."""

    def __init__(self, patch: pytest.MonkeyPatch, most: int) -> None:
        self.count = 0
        whole = Walk._node

        def counting(walk: Walk, *given: Any) -> None:
            self.count += 1
            assert self.count <= most, "it walks on and on"
            whole(walk, *given)

        patch.setattr(Walk, "_node", counting)
