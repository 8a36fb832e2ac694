"""The tree of blocks: what each module costs, its own operations and its children's.

Knows neither torch nor text; `block.cost == block.own + Σ children` holds everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costlab.cost import Cost
from costlab.graph import Coverage, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.graph import Graph, Node

WRITERS = frozenset({"convolution", "linear", "matmul", "attention", "recurrent"})
"""Families whose output elements are counted as activations."""


@dataclass(frozen=True, slots=True)
class OpTally:
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


class _Sums:
    """The own sums of one scope while the nodes are gone through."""

    __slots__ = ("activations", "bytes", "flops", "macs", "ops", "params", "params_executed")

    def __init__(self) -> None:
        self.macs = self.flops = self.activations = self.bytes = 0
        self.params = self.params_executed = 0
        self.ops: dict[str, list[int]] = {}

    def cost(self) -> Cost:
        return Cost(
            self.macs, self.flops, self.params, self.params_executed, self.activations, self.bytes
        )


def block_tree(graph: Graph) -> Block:
    """The root of the tree of blocks; its path is the empty string.

    Each operation is charged to the module that ran it, each parameter to the module that holds it
    first, so that sums over the tree count everything once.
    """
    sums: dict[str, _Sums] = {module.path: _Sums() for module in graph.modules}
    families: dict[str, str] = {}
    sizes = _Sizes(graph)
    for node in graph.nodes:
        own = sums[node.scope]
        families[node.op] = node.family
        written, moved = sizes.of(node)
        own.macs += node.macs
        own.flops += node.flops
        own.bytes += moved
        if node.family in WRITERS:
            own.activations += written
        tally = own.ops.setdefault(node.op, [0, 0, 0, 0, 0])
        tally[0] += 1
        tally[1] += written
        tally[2] += node.macs
        tally[3] += node.flops
        tally[4] += moved
    for parameter in graph.parameters:
        own = sums[parameter.owner]
        own.params += parameter.spec.elements
        if parameter.tensor is not None:
            own.params_executed += parameter.spec.elements
    below: dict[str, list[str]] = {}
    modules = {module.path: module for module in graph.modules}
    for path in modules:
        if path:
            below.setdefault(path.rpartition(".")[0], []).append(path)

    def block(path: str) -> Block:
        module, own = modules[path], sums[path]
        return Block(
            path,
            module.kind,
            own.cost(),
            tuple(block(child) for child in below.get(path, ())),
            module.calls,
            module.outputs,
            tuple(OpTally(op, families[op], *counts) for op, counts in own.ops.items()),
        )

    return block("")


class _Sizes:
    """Elements written and bytes moved by a node, with each spec's size computed once."""

    def __init__(self, graph: Graph) -> None:
        known: dict[int, tuple[int, int]] = {}
        self.tensors: list[tuple[int, int]] = []
        for tensor in graph.tensors:
            spec = tensor.spec
            size = known.get(id(spec))
            if size is None:
                size = known[id(spec)] = (spec.elements, spec.bytes)
            self.tensors.append(size)

    def of(self, node: Node) -> tuple[int, int]:
        written = sum(self.tensors[number][0] for number in node.outputs)
        if node.coverage is Coverage.FREE:
            return written, 0
        return written, sum(self.tensors[number][1] for number in (*node.inputs, *node.outputs))
