"""Which blocks of a report are shown: by depth, by glob, sorted, and the largest of each.

Knows blocks, not text. Whatever is left out is still in a row: the rows of a table add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from costlab.blocks import Block
from costlab.cost import Cost
from costlab.errors import UsageError, did_you_mean
from costlab.globs import matches
from costlab.render.folding import Run, runs

AUTO_ROWS = 8
"""An automatic depth is the first that shows at least so many blocks."""

Measure = Callable[[Block], int]


@dataclass(frozen=True, slots=True)
class Item:
    """One row: a block at a depth, a block's own operations, or those that are not shown.

    `times` is how many equal blocks it is the sum of.
    """

    block: Block
    depth: int
    label: str | None = None
    hidden: int = 0
    times: int = 1


def matching(root: Block, globs: tuple[str, ...]) -> tuple[Block, ...]:
    """The blocks that match a glob, the outermost where one contains another.

    Raises:
        UsageError: a glob cannot be read, or matches no block; the message names the nearest.
    """
    used: set[str] = set()

    def walk(block: Block) -> Iterator[Block]:
        hits = [glob for glob in globs if block.path and matches(glob, block.path)]
        used.update(hits)
        if hits:
            for below in block.walk():
                used.update(glob for glob in globs if matches(glob, below.path))
            yield block
            return
        for child in block.children:
            yield from walk(child)

    found = tuple(walk(root))
    for glob in globs:
        if glob not in used:
            near = did_you_mean(glob, [block.path for block in root.walk() if block.path])
            message = f"no module matches {glob!r}.{near} `*` stops at dots, `**` crosses them."
            raise UsageError(message)
    return found


def automatic_depth(root: Block, *, fold: bool = False) -> int:
    """The first depth that shows at least `AUTO_ROWS` rows, or the greatest there is."""

    def shown_of(block: Block) -> list[Block]:
        return [run.block for run in _runs(block.children, fold=fold)]

    level, depth = shown_of(root), 1
    shown = len(level)
    while shown < AUTO_ROWS:
        below = [child for block in level for child in shown_of(block)]
        if not below:
            break
        level, depth, shown = below, depth + 1, shown + len(below)
    return depth


def select(
    blocks: tuple[Block, ...],
    *,
    depth: int,
    measure: Measure,
    order: Measure | None = None,
    ascending: bool = False,
    top: int | None = None,
    fold: int | None = None,
) -> list[Item]:
    """The rows for some blocks: to a depth, sorted by `order`, the `top` largest by `measure`.

    What a block does itself and what `top` leaves out get rows of their own, so that at every
    level the rows below a block add up to it. From the level `fold` on, if there is one, equal
    neighbours share a row.
    """
    items: list[Item] = []

    def show(siblings: tuple[Block, ...], level: int) -> None:
        found = _runs(siblings, fold=fold is not None and level >= fold)
        kept, hidden = _largest(found, top, measure)
        if order is not None:
            kept = tuple(sorted(kept, key=lambda run: order(run.block), reverse=not ascending))
        for block, times in kept:
            items.append(Item(block, level, times=times))
            if block.children and level + 1 < depth:
                show(block.children, level + 1)
                items.extend(own_row(block, level + 1))
        if hidden:
            count = sum(run.times for run in hidden)
            items.append(Item(_sum(hidden), level, f"and {count} more", count))

    show(blocks, 0)
    return items


def own_row(block: Block, depth: int) -> list[Item]:
    """A row for what a block does itself beside its children; none if that costs nothing."""
    if block.own == Cost() or not block.children:
        return []
    own = Block(block.path, block.kind, block.own, calls=block.calls, ops=block.ops)
    return [Item(own, depth, "(itself)")]


def _runs(siblings: tuple[Block, ...], *, fold: bool) -> tuple[Run, ...]:
    """The siblings, equal neighbours as one if they are to be folded."""
    return tuple(runs(siblings) if fold else map(Run, siblings))


def _largest(
    siblings: tuple[Run, ...], top: int | None, measure: Measure
) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """The `top` siblings of the largest measure, in their own order, and the others."""
    if top is None or len(siblings) <= top:
        return siblings, ()
    ranked = sorted(siblings, key=lambda run: measure(run.block), reverse=True)[:top]
    kept = {id(run) for run in ranked}
    return (
        tuple(run for run in siblings if id(run) in kept),
        tuple(run for run in siblings if id(run) not in kept),
    )


def _sum(hidden: tuple[Run, ...]) -> Block:
    """Several blocks as one that has no place and no name."""
    return Block("", "", Cost(), children=tuple(run.block for run in hidden))
