"""Two reports to their difference: which blocks changed, by how much, and why.

Knows neither torch nor where a report comes from. All counts are exact: the causes of a block add
up to its change, and the changes of blocks to that of the total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.attribution import causes_of, said
from costlab.budgets.difference import BlockChange, Cause, Change, Delta, Difference
from costlab.budgets.matching import Matching, work_of
from costlab.budgets.wording import CLASS, brief, caveats, headline
from costlab.cost import METRICS, Cost
from costlab.errors import DocumentError
from costlab.report import Total
from costlab.units import exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from costlab.blocks import Block
    from costlab.report import Report

ARROW = " → "
FEW = 4
"""More operations than these are not said one by one."""


def difference(base: Report, head: Report, *, names: tuple[str, str] | None = None) -> Difference:
    """What changed from one report to another; `names` is what the two are called.

    Raises:
        DocumentError: the blocks of a report are nested too deep.
    """
    called = names or (base.model, head.model)
    totals = {
        name: Delta(getattr(base.total, name), getattr(head.total, name))
        for name in Total.__slots__
    }
    try:
        blocks = Tree(Matching(base.root, head.root)).top(base.root, head.root)
        told = headline(called, totals, blocks)
    except RecursionError as error:
        message = "the blocks of a report are nested too deep to be compared"
        raise DocumentError(message) from error
    return Difference(
        base=called[0],
        head=called[1],
        totals=totals,
        blocks=blocks,
        headline=told,
        versions=head.versions,
        warnings=tuple(caveats(base, head, called)),
    )


class Move(NamedTuple):
    """A block that went to another parent; its cost is missing in the one, new in the other."""

    cause: Cause
    out: Cost = Cost()
    into: Cost = Cost()


class Child(NamedTuple):
    """A child of a pair, with the blocks that it is, before and after."""

    change: BlockChange
    base: Block | None
    head: Block | None

    @property
    def macs(self) -> int:
        """How many multiply-adds it adds."""
        return self.change.deltas["macs"].amount


class Tree:
    """The tree of changes, made from the pairs of two trees of blocks."""

    def __init__(self, matching: Matching) -> None:
        """The tree of these pairs."""
        self.matching = matching

    def top(self, base: Block, head: Block) -> tuple[BlockChange, ...]:
        """The changes of the outermost blocks; before them, what the model does itself."""
        children, moves = self._inside(base, head)
        own = (*_own(base, head), *(move.cause for move in moves))
        shown = _shown(children)
        if not own:
            return shown
        before = sum((move.out for move in moves), base.own)
        after = sum((move.into for move in moves), head.own)
        change: Change = "changed" if any(map(_counts, own)) else "renamed"
        itself = BlockChange("", head.kind, change, _deltas(before, after), "", own)
        return (itself, *shown)

    def _both(self, base: Block, head: Block, *, moved: bool) -> BlockChange:
        """The change of a block that is in both reports."""
        children, moves = self._inside(base, head)
        own = (*_own(base, head), *(move.cause for move in moves))
        shown = _shown(children)
        change: Change = "renamed" if moved or own or base.name != head.name else "same"
        if any(map(_counts, own)) or any(
            child.change not in ("same", "renamed") for child in shown
        ):
            change = "changed"
        return BlockChange(
            head.path,
            head.kind,
            change,
            _deltas(base.cost, head.cost),
            base.path if base.path != head.path else "",
            (*own, *_below(children)),
            shown,
        )

    def _one(self, base: Block | None, head: Block | None) -> BlockChange:
        """The change of a block that is in one report only."""
        children, moves = self._inside(base, head)
        block = head or base
        assert block is not None  # noqa: S101 - for the type checker
        change: Change = "added" if base is None else "removed"
        causes = [Cause(_named(block, change), block.cost.macs * (1 if base is None else -1))]
        shown = tuple(c.change for c in children if c.change.change not in ("added", "removed"))
        if shown or moves:
            # Part of it is elsewhere in the other report: what is really new is told apart.
            causes = [*_own(base, head), *(m.cause for m in moves), *_below(children)]
            shown = tuple(child.change for child in children)
        deltas = _deltas(base.cost if base else None, head.cost if head else None)
        return BlockChange(block.path, block.kind, change, deltas, "", tuple(causes), shown)

    def _inside(self, base: Block | None, head: Block | None) -> tuple[list[Child], list[Move]]:
        """The children of a block, those that are gone in their places, and those that moved."""
        befores = base.children if base else ()
        at_home = {id(child) for child in befores}
        children, moves = [], []
        for now in head.children if head else ():
            was = self.matching.base_of(now)
            if was is None:
                children.append(Child(self._one(None, now), None, now))
                continue
            moved = id(was) not in at_home
            children.append(Child(self._both(was, now, moved=moved), was, now))
            if moved:
                cause = Cause(f"{now.name} moved here from {was.path}", was.cost.macs)
                moves.append(Move(cause, into=was.cost))
        stay = {id(child.head) for child in children}
        place = 0
        for was in befores:
            here = self.matching.head_of(was)
            if here is None:
                children.insert(place, Child(self._one(was, None), was, None))
                place += 1
            elif id(here) in stay:
                place = 1 + next(i for i, child in enumerate(children) if child.head is here)
            else:
                cause = Cause(f"{was.name} moved to {here.path}", -was.cost.macs)
                moves.append(Move(cause, out=was.cost))
        return children, moves


def _shown(children: Sequence[Child]) -> tuple[BlockChange, ...]:
    """The changes, without the blocks that are the same all the way down."""
    return tuple(
        child.change for child in children if child.change.change != "same" or child.change.children
    )


def _counts(cause: Cause) -> bool:
    """Whether a cause is more than another name."""
    return not cause.text.startswith(CLASS)


def _deltas(base: Cost | None, head: Cost | None) -> dict[str, Delta]:
    return {name: Delta(getattr(base, name, None), getattr(head, name, None)) for name in METRICS}


def _own(base: Block | None, head: Block | None) -> tuple[Cause, ...]:
    """Why a block's own operations cost more or less; their parts add up to all that it does."""
    causes = list(causes_of(base.ops if base else (), head.ops if head else ()))
    if base is not None and head is not None:
        if base.kind != head.kind:
            causes.append(Cause(f"{CLASS}{base.kind}{ARROW}{head.kind}", 0))
        if base.calls != head.calls and not causes:
            causes.append(Cause(f"calls {exact(base.calls)}{ARROW}{exact(head.calls)}", 0))
    before, after = base.own if base else Cost(), head.own if head else Cost()
    rest = after.macs - before.macs - sum(cause.macs for cause in causes)
    if rest:  # a document whose operations do not add up to their block
        causes.append(Cause("no operation that the report tells of", rest))
    if not causes:
        causes += [
            Cause(f"{name} {exact(old)}{ARROW}{exact(new)}", 0)
            for name, old, new in zip(METRICS, before, after, strict=True)
            if old != new
        ]
    return tuple(causes)


def _below(children: Sequence[Child]) -> Iterator[Cause]:
    """What the children add: operations that took the place of others first, then each child."""
    changed = [child for child in children if child.change.causes]
    replaced = _replaced(changed)
    if replaced:
        yield Cause(_replacement(replaced), sum(child.macs for child in replaced))
    rest = [child for child in changed if child not in replaced]
    telling = [child for child in rest if child.macs] or ([] if replaced else rest)
    if len(telling) == 1 and not replaced and telling[0].base and telling[0].head:
        yield from telling[0].change.causes
        return
    for child in telling:
        block = child.head or child.base
        if block is not None:
            yield Cause(f"{block.name}: {brief(child.change)}", child.macs)


def _replaced(changed: Sequence[Child]) -> list[Child]:
    """The children that came, those that went, and those that work otherwise, if both are there."""
    found = [child for child in changed if _work(child.base) != _work(child.head)]
    came_or_went = any(child.base is None or child.head is None for child in found)
    old = [label for child in found for label in _work(child.base)]
    new = [label for child in found for label in _work(child.head)]
    told = came_or_went and old and new and old != new and max(len(old), len(new)) <= FEW
    return found if told else []


def _replacement(replaced: Sequence[Child]) -> str:
    """What took the place of what: 7×7 → 1×7 + 7×1."""
    old = [label for child in replaced for label in _work(child.base)]
    new = [label for child in replaced for label in _work(child.head)]
    return f"{' + '.join(old)}{ARROW}{' + '.join(new)}"


def _work(block: Block | None) -> tuple[str, ...]:
    return work_of(block) if block else ()


def _named(block: Block, change: Change) -> str:
    """What was added or removed, in words."""
    ops = [op for each in block.walk() for op in each.ops if op.macs]
    if len(ops) == 1:
        return f"{change}: {said(ops[0])}"
    if not ops:
        return change
    if len(ops) <= FEW:
        return f"{change}: {' + '.join(work_of(block))}"
    return f"{change}: {len(ops)} operations with multiply-adds"
