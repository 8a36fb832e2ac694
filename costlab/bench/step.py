"""A training step out of its forward: the gradients' products and passes, and the update.

Knows no device. It is the least that a step does: what a gradient needs is read once, nothing is
computed again, and the loss is free.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.bench.work import Pass, Product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costlab.bench.lowering import Lowering
    from costlab.graph import Graph, Node


def wanting(graph: Graph, nodes: Iterable[Node]) -> frozenset[int]:
    """The tensors that a gradient is wanted of: the weights that these nodes use, and on from them.

    The input is not among them, unless a weight went into it.
    """
    nodes = tuple(nodes)
    used = {number for node in nodes for number in node.inputs}
    wanted = {p.tensor for p in graph.parameters if p.tensor is not None and p.tensor in used}
    for node in nodes:
        if wanted.intersection(node.inputs):
            wanted.update(node.outputs)
    return frozenset(wanted)


def step(
    forward: Lowering, wanted: frozenset[int], weights: int, converted: int = 0
) -> tuple[tuple[Product, ...], tuple[Pass, ...]]:
    """Products and passes of a whole step: forward, backward, update of `weights` bytes.

    `converted` are the bytes of the same weights in the type that products are in, if that is
    another: each step makes such a copy of them, and float32 of their gradients.

    A product y = a·b has a gradient for each factor that wants one, ∂a = ∂y·bᵀ and ∂b = aᵀ·∂y, of
    as many multiply-adds, and as many bytes, as the product itself. The backward of a pass reads
    what its forward read, and the gradient of what that wrote, and writes the gradient of what it
    read; that of a bias is a sum, and that of a concatenation a view. Descent with momentum reads
    weights, gradients and momentum, and writes the weights and the momentum.
    """
    products = list(forward.products)
    for product, node in zip(forward.products, forward.origin, strict=True):
        products += [replace(product, tiled=False)] * len(wanted.intersection(node.inputs[:2]))
    casts: tuple[Pass, ...] = ()
    if converted:
        casts = Pass("elementwise", weights, converted), Pass("elementwise", converted, weights)
    passes = (*forward.passes, *_backward(forward, wanted), *casts, _update(weights))
    return tuple(products), passes


def _backward(forward: Lowering, wanted: frozenset[int]) -> list[Pass]:
    count = len(forward.passes)
    # The gradient of a pass comes behind those of the passes that read what it wrote.
    followers = {
        one.joins: index for index, one in enumerate(forward.passes) if one.joins is not None
    }
    places: dict[int, int] = {}
    made: list[Pass] = []
    for index in reversed(range(count)):
        one, node = forward.passes[index], forward.sources[index]
        if one.kind == "cat" or not wanted.intersection(node.inputs):
            continue
        joins = places.get(followers[index]) if index in followers else None
        places[index] = count + len(made)
        if one.kind == "bias":
            made.append(Pass("bias", one.writes, one.reads - one.writes))
        else:
            made.append(Pass(one.kind, one.moved, one.reads, joins=joins))
    return made


def _update(weights: int) -> Pass:
    return Pass("optimizer", 3 * weights, 2 * weights)
