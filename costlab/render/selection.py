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

AUTO_ROWS = 8
"""An automatic depth is the first that shows at least so many blocks."""

Measure = Callable[[Block], int]


@dataclass(frozen=True, slots=True)
class Item:
    """One row: a block at a depth, a block's own operations, or those that are not shown."""

    block: Block
    depth: int
    label: str | None = None
    hidden: int = 0


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


def automatic_depth(root: Block) -> int:
    """The first depth that shows at least `AUTO_ROWS` blocks, or the greatest there is."""
    level, depth = list(root.children), 1
    shown = len(level)
    while shown < AUTO_ROWS:
        below = [child for block in level for child in block.children]
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
) -> list[Item]:
    """The rows for some blocks: to a depth, sorted by `order`, the `top` largest by `measure`.

    What a block does itself and what `top` leaves out get rows of their own, so that at every
    level the rows below a block add up to it.
    """
    items: list[Item] = []

    def show(siblings: tuple[Block, ...], level: int) -> None:
        kept, hidden = _largest(siblings, top, measure)
        if order is not None:
            kept = tuple(sorted(kept, key=order, reverse=not ascending))
        for block in kept:
            items.append(Item(block, level))
            if block.children and level + 1 < depth:
                show(block.children, level + 1)
                items.extend(own_row(block, level + 1))
        if hidden:
            items.append(Item(_sum(hidden), level, f"and {len(hidden)} more", len(hidden)))

    show(blocks, 0)
    return items


def own_row(block: Block, depth: int) -> list[Item]:
    """A row for what a block does itself beside its children; none if that costs nothing."""
    if block.own == Cost() or not block.children:
        return []
    own = Block(block.path, block.kind, block.own, calls=block.calls, ops=block.ops)
    return [Item(own, depth, "(itself)")]


def _largest(
    siblings: tuple[Block, ...], top: int | None, measure: Measure
) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """The `top` siblings of the largest measure, in their own order, and the others."""
    if top is None or len(siblings) <= top:
        return siblings, ()
    ranked = sorted(siblings, key=measure, reverse=True)[:top]
    kept = {id(block) for block in ranked}
    return (
        tuple(block for block in siblings if id(block) in kept),
        tuple(block for block in siblings if id(block) not in kept),
    )


def _sum(hidden: tuple[Block, ...]) -> Block:
    """Several blocks as one that has no place and no name."""
    return Block("", "", Cost(), children=hidden)
