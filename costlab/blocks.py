"""The tree of blocks: what each module costs, its own operations and its children's.

Knows neither torch nor text; `block.cost == block.own + Σ children` holds everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from costlab.cost import Cost
from costlab.graph import Coverage, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.graph import Graph

WRITERS = frozenset({"convolution", "linear", "matmul", "attention", "recurrent"})
"""Families whose output elements are counted as activations."""


class OpTally(NamedTuple):
    """The calls of one operation in one block; `elements` is what they wrote."""

    op: str
    family: str
    calls: int
    elements: int
    macs: int
    flops: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Block:
    """A module as a place of cost: `own` is what its forward does itself.

    `outputs` are the tensors of its last call; `calls` is 0 for a module that did not run.
    """

    path: str
    kind: str
    own: Cost
    children: tuple[Block, ...] = ()
    calls: int = 0
    outputs: tuple[TensorSpec, ...] = ()
    ops: tuple[OpTally, ...] = ()
    cost: Cost = field(init=False)

    def __post_init__(self) -> None:
        """Sums the block's own cost and that of all blocks below it, once."""
        cost = self.own
        for child in self.children:
            cost += child.cost
        object.__setattr__(self, "cost", cost)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    def walk(self) -> Iterator[Block]:
        """The block and every block below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def tally(self, family: str) -> OpTally:
        """What the operations of a family come to in the block and below it."""
        found = [op for block in self.walk() for op in block.ops if op.family == family]
        return OpTally(
            family,
            family,
            sum(op.calls for op in found),
            sum(op.elements for op in found),
            sum(op.macs for op in found),
            sum(op.flops for op in found),
            sum(op.bytes for op in found),
        )


NO_COST = Cost()
NO_OPS: tuple[OpTally, ...] = ()


def block_tree(graph: Graph) -> Block:
    """The root of the tree of blocks; its path is the empty string.

    Each operation is charged to the module that ran it, each parameter to the module that holds it
    first, so that sums over the tree count everything once.
    """
    tallies, activations, families = _tallies(graph)
    params: dict[str, list[int]] = {}
    for parameter in graph.parameters:
        held = params.setdefault(parameter.owner, [0, 0])
        elements = parameter.spec.elements
        held[0] += elements
        if parameter.tensor is not None:
            held[1] += elements
    below: dict[str, list[Block]] = {}
    # Children stand after their parents in registration order: from the end, each is complete
    # before its parent is made.
    for module in reversed(graph.modules):
        path = module.path
        counted = tallies.get(path)
        registered, executed = params.get(path, (0, 0))
        ops, own = NO_OPS, NO_COST
        if counted is not None or registered:
            macs = flops = moved = 0
            if counted is not None:
                ops = tuple([OpTally(op, families[op], *counts) for op, counts in counted.items()])
                for op in ops:
                    macs += op.macs
                    flops += op.flops
                    moved += op.bytes
            own = Cost(macs, flops, registered, executed, activations.get(path, 0), moved)
        children = below.pop(path, None)
        block = Block(
            path,
            module.kind,
            own,
            tuple(reversed(children)) if children else (),
            module.calls,
            module.outputs,
            ops,
        )
        if not path:
            return block
        below.setdefault(path.rpartition(".")[0], []).append(block)
    message = "a graph has a module with the empty path: the model"
    raise ValueError(message)


def _tallies(
    graph: Graph,
) -> tuple[dict[str, dict[str, list[int]]], dict[str, int], dict[str, str]]:
    """Of each scope, the counts of each operation and the activations; the family of each."""
    elements, sizes = _sizes(graph)
    tallies: dict[str, dict[str, list[int]]] = {}
    activations: dict[str, int] = {}
    families: dict[str, str] = {}
    for node in graph.nodes:
        families[node.op] = node.family
        written = sum([elements[number] for number in node.outputs])
        moved = 0
        if node.coverage is not Coverage.FREE:
            moved = sum([sizes[number] for number in (*node.inputs, *node.outputs)])
        if node.family in WRITERS:
            activations[node.scope] = activations.get(node.scope, 0) + written
        own = tallies.setdefault(node.scope, {})
        tally = own.get(node.op)
        if tally is None:
            own[node.op] = [1, written, node.macs, node.flops, moved]
            continue
        for index, count in enumerate((1, written, node.macs, node.flops, moved)):
            tally[index] += count
    return tallies, activations, families


def _sizes(graph: Graph) -> tuple[list[int], list[int]]:
    """Elements and bytes of each tensor, each spec's computed once."""
    known: dict[int, tuple[int, int]] = {}
    elements, sizes = [], []
    for tensor in graph.tensors:
        spec = tensor.spec
        size = known.get(id(spec))
        if size is None:
            size = known[id(spec)] = (spec.elements, spec.bytes)
        elements.append(size[0])
        sizes.append(size[1])
    return elements, sizes
