"""Siblings that are the same in all that a report shows, as one row that is their sum.

Knows blocks, not text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.blocks import Block, OpTally
from costlab.cost import Cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FEWEST = 3
"""Two that are the same are sooner read than a row that stands for both."""


class Run(NamedTuple):
    """Some siblings as one block, which is their sum, and how many they are."""

    block: Block
    times: int = 1


def runs(siblings: Iterable[Block]) -> Iterator[Run]:
    """The siblings in order, with each run of equal neighbours as one.

    A list that is nothing but such a run is that run: a row for it would say the same again.

    >>> layers = [Block(f"h.{n}", "Layer", Cost(macs=10), calls=1) for n in range(4)]
    >>> [(run.block.path, run.block.cost.macs, run.times) for run in runs(layers)]
    [('h.0…3', 40, 4)]
    """
    run: list[Block] = []
    for block in siblings:
        if run and not same(run[-1], block):
            yield from map(_opened, _folded(run))
            run = []
        run.append(block)
    yield from map(_opened, _folded(run))


def same(one: Block, other: Block) -> bool:
    """Whether two blocks differ in nothing but their names: all below them is the same too."""
    return (
        one.cost == other.cost
        and one.own == other.own
        and (one.kind, one.calls, one.outputs) == (other.kind, other.calls, other.outputs)
        and one.ops == other.ops
        and [child.name for child in one.children] == [child.name for child in other.children]
        and all(map(same, one.children, other.children))
    )


def _opened(run: Run) -> Run:
    """What is in a list that does nothing itself and holds one run; else the run itself."""
    block, times = run
    if times > 1 or block.own != Cost() or block.ops or len(block.children) < FEWEST:
        return run
    first, *others = block.children
    if not all(same(first, other) for other in others):
        return run
    return next(_folded(list(block.children)))


def _folded(run: list[Block]) -> Iterator[Run]:
    if len(run) < FEWEST:
        yield from map(Run, run)
        return
    first, last = run[0], run[-1]
    yield Run(_times(first, len(run), f"{first.path}…{last.name}"), len(run))


def _times(block: Block, times: int, path: str) -> Block:
    """A block so many times, at a path of its own."""
    return Block(
        path,
        block.kind,
        Cost(*(times * count for count in block.own)),
        tuple(_times(child, times, f"{path}.{child.name}") for child in block.children),
        times * block.calls,
        block.outputs,
        tuple(_tally(op, times) for op in block.ops),
    )


def _tally(op: OpTally, times: int) -> OpTally:
    return op._replace(
        calls=times * op.calls,
        elements=times * op.elements,
        macs=times * op.macs,
        flops=times * op.flops,
        bytes=times * op.bytes,
    )
