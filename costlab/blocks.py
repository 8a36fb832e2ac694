"""The tree of blocks: what each module costs, its own operations and its children's.

Knows neither torch nor text; `block.cost == block.own + Σ children` holds everywhere.
"""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from costlab.cost import Cost, summed
from costlab.graph import Coverage, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.graph import Graph

WRITERS = frozenset({"convolution", "linear", "matmul", "attention", "recurrent"})
"""Families whose output elements are counted as activations."""


REMARK = "remark"
"""An attribute that is a sentence for the reader of a report, and nothing of the operation's."""
PLAIN: Mapping[str, Any] = {}  # a mapping that can be pickled and copied, as a report can


class OpTally(NamedTuple):
    """The calls of one operation in one block; `elements` is what they wrote.

    `attributes` are those that all the calls share: kernel, stride, channels, …
    """

    op: str
    family: str
    calls: int
    elements: int
    macs: int
    flops: int
    bytes: int
    attributes: Mapping[str, Any] = PLAIN


class _Fields(NamedTuple):
    path: str
    kind: str
    own: Cost
    children: tuple[Block, ...]
    calls: int
    outputs: tuple[TensorSpec, ...]
    ops: tuple[OpTally, ...]
    cost: Cost


class Block(_Fields):
    """A module as a place of cost: `own` is what its forward does itself.

    `cost` is that and what all blocks below it cost, summed once, as a block is made. `outputs` are
    the tensors of its last call; `calls` is 0 for a module that did not run.
    """

    __slots__ = ()

    def __new__(
        cls,
        path: str,
        kind: str,
        own: Cost,
        children: tuple[Block, ...] = (),
        calls: int = 0,
        outputs: tuple[TensorSpec, ...] = (),
        ops: tuple[OpTally, ...] = (),
    ) -> Self:
        """A block, which sums itself."""
        cost = own
        if children:
            cost = summed(own, [child.cost for child in children])
        return tuple.__new__(cls, (path, kind, own, children, calls, outputs, ops, cost))

    def __getnewargs__(self) -> tuple[Any, ...]:
        """What a copy is made from: all but the sum."""
        return self[:-1]

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
"""What the blocks without operations and parameters of their own share."""
NO_PARAMS = (0, 0)
"""What a module that holds no parameter holds: elements, and elements that ran."""


def block_tree(graph: Graph) -> Block:
    """The root of the tree of blocks; its path is the empty string.

    Each operation is charged to the module that ran it, each parameter to the module that holds it
    first, so that sums over the tree count everything once.
    """
    tallies = _tallies(graph)
    params = _params(graph)
    below: dict[str, list[Block]] = {}
    # Children stand after their parents in registration order: from the end, each is complete
    # before its parent is made.
    for path, kind, calls, outputs in reversed(graph.modules):
        tally = tallies.get(path)
        held = params.get(path)
        ops = tuple(tally.values()) if tally else ()
        own = NO_COST if held is None and not ops else _own(ops, held or NO_PARAMS)
        children: tuple[Block, ...] = ()
        cost = own
        if path in below:
            children = tuple(below.pop(path)[::-1])
            cost = summed(own, [child[-1] for child in children])
        # As `Block(…)`, which sums itself, without a call of Python's for each of hundreds.
        block = tuple.__new__(Block, (path, kind, own, children, calls, outputs, ops, cost))
        if not path:
            return block
        above = path.rpartition(".")[0]
        if above in below:
            below[above].append(block)
        else:
            below[above] = [block]
    message = "a graph has a module with the empty path: the model"
    raise ValueError(message)


def _own(ops: tuple[OpTally, ...], held: tuple[int, int]) -> Cost:
    """What a module's own operations and parameters come to."""
    params, params_executed = held
    if len(ops) == 1:  # as of most
        _, family, _, elements, macs, flops, moved, _ = ops[0]
        activations = elements if family in WRITERS else 0
        fields = (macs, flops, params, params_executed, activations, moved)
        return tuple.__new__(Cost, fields)
    macs = flops = activations = moved = 0
    for _, family, _, elements, op_macs, op_flops, op_bytes, _ in ops:
        macs += op_macs
        flops += op_flops
        moved += op_bytes
        if family in WRITERS:
            activations += elements
    # As `Cost(…)`, without a call of Python's for each of hundreds.
    return tuple.__new__(Cost, (macs, flops, params, params_executed, activations, moved))


def _params(graph: Graph) -> dict[str, tuple[int, int]]:
    """Of each module, the elements of the parameters it holds first, and of those that ran."""
    params: dict[str, tuple[int, int]] = {}
    for parameter in graph.parameters:
        path, spec, tensor, _, _, logical, _, _ = parameter
        owner = path.rpartition(".")[0]
        elements = spec.elements if logical is None else parameter.elements
        registered, executed = params.get(owner, NO_PARAMS)
        params[owner] = (registered + elements, executed + (0 if tensor is None else elements))
    return params


def _tallies(graph: Graph) -> dict[str, dict[tuple[str, str], OpTally]]:
    """Of each scope, the tally of each operation, by its name and family."""
    tensors = graph.tensors
    tallies: dict[str, dict[tuple[str, str], OpTally]] = {}
    for op, family, coverage, scope, inputs, outputs, macs, flops, attributes in graph.nodes:
        written = moved = 0
        for number in outputs:
            spec = tensors[number][0]
            written += spec.elements
            moved += spec.bytes
        if coverage is Coverage.FREE:
            moved = 0
        else:
            for number in inputs:
                moved += tensors[number][0].bytes
        told = attributes or PLAIN
        if REMARK in told:
            told = {name: value for name, value in told.items() if name != REMARK}
        # As `OpTally(…)`, without a call of Python's for each of thousands.
        tally = tuple.__new__(OpTally, (op, family, 1, written, macs, flops, moved, told))
        if scope not in tallies:
            tallies[scope] = {(op, family): tally}
            continue
        own = tallies[scope]
        before = own.get((op, family))
        own[op, family] = tally if before is None else _together(before, tally)
    return tallies


def _together(before: OpTally, tally: OpTally) -> OpTally:
    """Two tallies of one operation as one; of the attributes those that are the same in both."""
    told = tally.attributes
    if told != before.attributes:
        missing = object()
        told = {
            name: value
            for name, value in before.attributes.items()
            if told.get(name, missing) == value
        }
    calls, elements, macs, flops, moved = map(add, before[2:7], tally[2:7])
    return OpTally(tally.op, tally.family, calls, elements, macs, flops, moved, told)
