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

    A convolution or a linear layer is one layer, recurrent layers are as many as are stacked; a
    matrix product is one if an operand is computed from parameters alone, and from what the model
    holds besides (scales, zero points, masks). Views and in-place results are the tensor whose
    memory they share.
    """
    storage = [held for _, held in graph.tensors]
    reach = [0] * len(storage)
    of_weights, of_model = _held(graph, storage)
    longest = 0
    for _, family, _, _, inputs, outputs, _, _, attributes in graph.nodes:
        below, weights, alone = 0, False, bool(inputs)
        for number in inputs:
            held = storage[number]
            weights = weights or of_weights[held]
            alone = alone and of_model[held]
            if reach[held] > below:  # noqa: PLR1730 - max() takes longer, and there are thousands
                below = reach[held]
        if family in LAYERS or (family in PRODUCTS and weights):
            below += attributes.get("layers", 1) if family == "recurrent" else 1
            longest = max(longest, below)
        for number in outputs:
            held = storage[number]
            if reach[held] < below:  # noqa: PLR1730 - as above
                reach[held] = below
            if not alone:
                of_model[held] = of_weights[held]
            elif weights:
                of_weights[held] = of_model[held] = True
    return longest


def _held(graph: Graph, storage: list[int]) -> tuple[list[bool], list[bool]]:
    """Of each memory, whether it is a parameter's, and whether it is the model's and no input's."""
    of_weights = [False] * len(storage)
    for parameter in graph.parameters:
        if parameter.tensor is not None:
            of_weights[storage[parameter.tensor]] = True
    of_model = [True] * len(storage)
    for number in graph.inputs:
        of_model[storage[number]] = of_weights[storage[number]]
    return of_weights, of_model


def peak_activation_bytes(graph: Graph) -> int:
    """The most bytes of inputs and intermediate results that are alive at once.

    A tensor is alive from the operation that writes it to the last one that reads it, views and
    in-place results with it; outputs are alive until the end, parameters and buffers not counted.
    This is what an executor that frees at once would need, without its workspaces.
    """
    storage = [held for _, held in graph.tensors]
    last = _last_uses(graph, storage)
    live = 0
    freed = [0] * (len(graph.nodes) + 1)
    for number in set(graph.inputs):
        size = graph.tensors[number].spec.bytes
        live += size
        freed[last[number]] += size
    peak = live
    for index, (_, _, coverage, _, _, outputs, _, _, _) in enumerate(graph.nodes):
        if coverage is not Coverage.FREE:
            for number in outputs:
                if storage[number] == number:
                    size = graph.tensors[number].spec.bytes
                    live += size
                    freed[last[number]] += size
        if peak < live:  # noqa: PLR1730 - max() takes longer, and there are thousands
            peak = live
        live -= freed[index]
    return peak


def _last_uses(graph: Graph, storage: list[int]) -> list[int]:
    """The last node that uses each memory, by its place; past the last for what is returned."""
    end = len(graph.nodes)
    last = [end] * len(storage)
    for index, (_, _, _, _, inputs, outputs, _, _, _) in enumerate(graph.nodes):
        for number in inputs:
            last[storage[number]] = index
        for number in outputs:
            last[storage[number]] = index
    for number in graph.outputs:
        last[storage[number]] = end
    return last
