"""What the edges of a graph say: the longest path of weight layers, the peak of live memory.

Does not know blocks; both measures are of the whole graph and do not add up over its parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.graph import Coverage

if TYPE_CHECKING:
    from costlab.graph import Graph

LAYERS = frozenset({"convolution", "linear", "recurrent"})
"""Families whose operations are weight layers by themselves."""
PRODUCTS = frozenset({"matmul"})
"""Families whose operations are weight layers if one operand comes from parameters alone."""


def depth(graph: Graph) -> int:
    """The weight layers on the longest path from an input to anything.

    A convolution or a linear layer is one layer; a matrix product is one if an operand is computed
    from parameters alone. Views and in-place results are the tensor whose memory they share.
    """
    storage = [tensor.storage for tensor in graph.tensors]
    weights = {
        storage[parameter.tensor] for parameter in graph.parameters if parameter.tensor is not None
    }
    reach: dict[int, int] = {}
    longest = 0
    for node in graph.nodes:
        read = [storage[number] for number in node.inputs]
        below, of_weights = 0, bool(read)
        for number in read:
            below = max(below, reach.get(number, 0))
            of_weights = of_weights and number in weights
        if node.family in LAYERS or (node.family in PRODUCTS and _multiplies(read, weights)):
            below += 1
            longest = max(longest, below)
        for number in node.outputs:
            held = storage[number]
            if below > reach.get(held, -1):
                reach[held] = below
            if of_weights:
                weights.add(held)
    return longest


def _multiplies(read: list[int], weights: set[int]) -> bool:
    """Whether one of the operands is made of parameters alone."""
    return any(number in weights for number in read)


def peak_activation_bytes(graph: Graph) -> int:
    """The most bytes of inputs and intermediate results that are alive at once.

    A tensor is alive from the operation that writes it to the last one that reads it, views and
    in-place results with it; outputs are alive until the end, parameters and buffers not counted.
    This is what an executor that frees at once would need, without its workspaces.
    """
    storage = [tensor.storage for tensor in graph.tensors]
    last: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        for number in (*node.inputs, *node.outputs):
            last[storage[number]] = index
    for number in graph.outputs:
        last[storage[number]] = len(graph.nodes)
    ends: dict[int, list[int]] = {}
    for number, index in last.items():
        ends.setdefault(index, []).append(number)
    alive = {number: graph.tensors[number].spec.bytes for number in graph.inputs}
    live = peak = sum(alive.values())
    for index, node in enumerate(graph.nodes):
        for number in node.outputs:
            if storage[number] == number and node.coverage is not Coverage.FREE:
                alive[number] = graph.tensors[number].spec.bytes
                live += alive[number]
        peak = max(peak, live)
        for number in ends.get(index, ()):
            live -= alive.pop(number, 0)
    return peak
