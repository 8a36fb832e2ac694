"""Which operations of a traced forward a backward goes through, and which gradients it makes.

Knows edges only: what comes of a leaf that wants a gradient, and what the outputs come from. Does
not know what an operation's gradient costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import Autograd, Coverage
from costlab.training.flow import flow_of

if TYPE_CHECKING:
    from costlab.graph import Graph, Node
    from costlab.training.flow import Step


class Needs(NamedTuple):
    """What a backward of the whole forward has to do.

    `steps` are in the order of the forward; `reached` are the numbers of the tensors whose
    gradient is made; `of_inputs` says of each tensor whether it depends on an input of the model;
    `refused` are the operations that torch itself does not go through.
    """

    steps: tuple[Step, ...]
    reached: frozenset[int]
    of_inputs: tuple[bool, ...]
    refused: tuple[str, ...] = ()


def is_view(graph: Graph, node: Node) -> bool:
    """Whether a node only looks at the memory of its first operand."""
    return node.coverage is Coverage.FREE and shares(graph, node)


def shares(graph: Graph, node: Node) -> bool:
    """Whether a node's results are in the memory of its first operand: a view, or in place."""
    return bool(node.inputs and node.outputs) and (
        graph.tensors[node.outputs[0]].storage == graph.tensors[node.inputs[0]].storage
    )


def gradient_needs(graph: Graph) -> Needs:
    """What a backward has to do, where each output of the model is handed its gradient.

    A gradient is needed of what comes from a leaf that wants one; it is made only if an output
    of the model comes of it in turn.
    """
    flow = flow_of(graph)
    of_inputs = _of_inputs(graph)
    wanted = {number for step in flow.steps for number in _wanted(step)}
    made = {number for step in flow.steps for number in graph.nodes[step.node].outputs}
    noted = graph.autograd or Autograd()
    leaves = noted.wanting
    outputs = set(map(flow.was, graph.outputs))
    reached = {number for number in outputs if number in made or number in leaves}
    held = set(map(flow.root, reached))
    steps: list[Step] = []
    for step in reversed(flow.steps):
        node = graph.nodes[step.node]
        writes = shares(graph, node) and not is_view(graph, node)
        if reached.isdisjoint(node.outputs) and not (writes and flow.root(node.outputs[0]) in held):
            continue
        steps.append(step)
        for number in _wanted(step):
            reached.add(number)
            held.add(flow.root(number))
    # A gradient that is made of what is frozen by then is kept by nobody.
    made_of = frozenset(reached & (wanted | leaves)) - noted.frozen
    return Needs(tuple(reversed(steps)), made_of, of_inputs, tuple(flow.refused))


def _wanted(step: Step) -> list[int]:
    return [number for number, wanted in zip(step.operands, step.wanted, strict=True) if wanted]


def _of_inputs(graph: Graph) -> tuple[bool, ...]:
    """Of each tensor, whether it depends on an input of the model, or on what came unseen."""
    found = [False] * len(graph.tensors)
    for number in graph.inputs:
        found[number] = True
    storage = [held for _, held in graph.tensors]
    for node in graph.nodes:
        depends = not node.inputs or any(
            found[number] or found[storage[number]] for number in node.inputs
        )
        if depends:
            for number in node.outputs:
                found[number] = True
                found[storage[number]] = True
    return tuple(found)
