"""Which block of one report is which of another: by path, and then by shape.

A block that is called otherwise, or stands elsewhere, is found by what it is: its class, what it
puts out and what it costs. It does not know why two blocks of a pair differ.
"""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.attribution import label

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from costlab.blocks import Block

ALIKE = 0.5
"""Blocks that share at least this part of what is below them are the same block, changed."""


class Pair(NamedTuple):
    """A block before and after."""

    base: Block
    head: Block


class Matching:
    """The pairs of two trees of blocks; a block is in one pair at most."""

    def __init__(self, base: Block, head: Block) -> None:
        """Match the roots, then from each pair downwards, then what was moved elsewhere."""
        self._by_base: dict[int, Block] = {}
        self._by_head: dict[int, Block] = {}
        # Of two trees nothing is twice the same object but what is in both, which is no harm:
        # each side is looked up on its own.
        self._descend(base, head)
        self._find_moved(base, head)

    def base_of(self, head: Block) -> Block | None:
        """The block that this one was before."""
        return self._by_head.get(id(head))

    def head_of(self, base: Block) -> Block | None:
        """The block that this one is now."""
        return self._by_base.get(id(base))

    def _descend(self, base: Block, head: Block) -> None:
        waiting = [Pair(base, head)]
        while waiting:
            pair = waiting.pop()
            self._by_base[id(pair.base)] = pair.head
            self._by_head[id(pair.head)] = pair.base
            waiting += _children(pair)

    def _find_moved(self, base: Block, head: Block) -> None:
        """Pairs blocks that left one parent for another, if there is no doubt about which."""
        gone = _by_shape(block for block in base.walk() if id(block) not in self._by_base)
        come = _by_shape(block for block in head.walk() if id(block) not in self._by_head)
        # Parents come first, so that what is below them moves with them.
        for shape, blocks in gone.items():
            found = come.get(shape, [])
            sure = len(blocks) == len(found) == 1
            if sure and self.head_of(blocks[0]) is None and self.base_of(found[0]) is None:
                self._descend(blocks[0], found[0])


def shape_of(block: Block) -> Hashable:
    """What a block is, but for its name: class, outputs, costs, and the work of its operations."""
    return block.kind, block.outputs, block.cost, block.calls, work_of(block)


def work_of(block: Block) -> tuple[str, ...]:
    """The operations with multiply-adds in a block and below it, as they are called.

    >>> from costlab.blocks import Block, Cost, OpTally
    >>> conv = OpTally("conv2d", "convolution", 1, 8, 72, 144, 0, {"kernel": (3, 3)})
    >>> work_of(Block("stem", "Stem", Cost(), (Block("stem.conv", "Conv2d", Cost(), ops=(conv,)),)))
    ('3×3',)
    """
    return tuple(label(op) for each in block.walk() for op in each.ops if op.macs)


def _by_shape(blocks: Iterable[Block]) -> dict[Hashable, list[Block]]:
    """Blocks that cost something, by their shape."""
    found: dict[Hashable, list[Block]] = {}
    for block in blocks:
        if block.cost.macs or block.cost.params:
            found.setdefault(shape_of(block), []).append(block)
    return found


def _children(pair: Pair) -> list[Pair]:
    """The pairs of children of a pair, the surest first."""
    bases, heads = list(pair.base.children), list(pair.head.children)
    found = []
    if not all(block.name.isdecimal() for block in (*bases, *heads)):
        # Numbers are no names: one layer more, and every later one has another.
        found += _equal(bases, heads, lambda block: block.name)
    for pairs in (_aligned, _alike, _working, _idle):
        matched = pairs(
            _without(bases, (pair.base for pair in found)),
            _without(heads, (pair.head for pair in found)),
        )
        found += matched
    return found


def _without(blocks: list[Block], taken: Iterable[Block]) -> list[Block]:
    known = {id(block) for block in taken}
    return [block for block in blocks if id(block) not in known]


def _equal(
    bases: Sequence[Block], heads: Sequence[Block], key: Callable[[Block], Hashable]
) -> list[Pair]:
    """Blocks with the same key, those with one that several have in their order."""
    waiting: dict[Hashable, list[Block]] = {}
    for base in reversed(bases):
        waiting.setdefault(key(base), []).append(base)
    return [Pair(same.pop(), head) for head in heads if (same := waiting.get(key(head)))]


def _aligned(bases: list[Block], heads: list[Block]) -> list[Pair]:
    """Blocks of the same shape, first those in the same order, then those in another."""
    found = list(_in_order(bases, heads, shape_of))
    left = (
        _without(bases, (pair.base for pair in found)),
        _without(heads, (pair.head for pair in found)),
    )
    return [*found, *_equal(*left, shape_of)]


def _in_order(
    bases: list[Block], heads: list[Block], key: Callable[[Block], Hashable]
) -> Iterator[Pair]:
    """The blocks with the same key in the longest common sequence of two."""
    before, after = list(map(key, bases)), list(map(key, heads))
    for start, end, size in SequenceMatcher(None, before, after, False).get_matching_blocks():
        for offset in range(size):
            yield Pair(bases[start + offset], heads[end + offset])


def _alike(bases: list[Block], heads: list[Block]) -> list[Pair]:
    """Parents of which most is still there, the most alike first."""
    parts = {id(block): _parts(block) for block in (*bases, *heads) if block.children}
    ranked = sorted(
        (
            (_overlap(parts[id(base)], parts[id(head)]), -i, -j)
            for i, base in enumerate(bases)
            for j, head in enumerate(heads)
            if base.children and head.children
        ),
        reverse=True,
    )
    found: list[Pair] = []
    taken: set[int] = set()
    for overlap, i, j in ranked:
        base, head = bases[-i], heads[-j]
        if overlap >= ALIKE and not taken & {id(base), id(head)}:
            taken |= {id(base), id(head)}
            found.append(Pair(base, head))
    return found


def _parts(block: Block) -> Counter[Hashable]:
    """What the leaves below a block are."""
    return Counter(shape_of(each) for each in block.walk() if not each.children)


def _overlap(base: Counter[Hashable], head: Counter[Hashable]) -> float:
    return 2 * (base & head).total() / (base.total() + head.total())


def _working(bases: list[Block], heads: list[Block]) -> list[Pair]:
    """Blocks of the same class that do the same work, wider or narrower, in the same order."""
    return list(
        _in_order(
            [block for block in bases if work_of(block)],
            [block for block in heads if work_of(block)],
            lambda block: (block.kind, work_of(block)),
        )
    )


def _idle(bases: list[Block], heads: list[Block]) -> list[Pair]:
    """Blocks of the same class without work, such as what normalizes another number of channels."""
    return list(
        _in_order(
            [block for block in bases if not work_of(block)],
            [block for block in heads if not work_of(block)],
            lambda block: block.kind,
        )
    )
