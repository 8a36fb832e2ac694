"""What stands where something else was: new parts of a model beside parts that are gone.

Another name and another shape in one change look like one thing removed and one added. What is new
has no increase of its own, so it is held together against what is gone. Knows blocks and costs,
neither limits nor where they were written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.budget import WHOLE_MODEL
from costlab.budgets.subjects import chosen, outermost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from costlab.blocks import Block
    from costlab.budgets.baseline import Baseline
    from costlab.budgets.budget import Budget
    from costlab.budgets.matching import Matching
    from costlab.budgets.subjects import Subject


class Successor(NamedTuple):
    """What is new, what is gone, each by its names, and what both take together."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    value: int
    base: int

    @property
    def told(self) -> str:
        """What it is, in a line."""
        return f"it is in place of {', '.join(self.gone)}, which is gone"


def of_modules(
    budget: Budget, metric: str, new: Sequence[Subject], matched: Matching, base: Block, head: Block
) -> Successor | None:
    """The new modules of a budget beside those that it had and that are gone; None without these.

    What is in one of them is a part of it, and counted once.
    """
    paths = {block.path for block in head.walk()}
    known = {block.path: block for block in base.walk() if block.path}
    gone = {
        path: known[path]
        for path in chosen(budget.modules, known)[0]
        if path not in paths and matched.head_of(known[path]) is None
    }
    came = {one.name: one.blocks[0] for one in new if one.blocks}
    if not gone or not came:
        return None
    outer_came, outer_gone = outermost(came), outermost(gone)
    return Successor(
        tuple(outer_came),
        tuple(outer_gone),
        sum(int(getattr(came[path].cost, metric)) for path in outer_came),
        sum(int(getattr(gone[path].cost, metric)) for path in outer_gone),
    )


def of_models(metric: str, new: Mapping[str, int], base: Baseline) -> Successor | None:
    """The new models of a budget beside those of the commit's budget file that are gone."""
    if not new or not base.gone:
        return None
    together = max if metric in WHOLE_MODEL else sum
    values = [int(getattr(cost, metric)) for cost in base.gone.values()]
    return Successor(tuple(new), tuple(base.gone), together(new.values()), together(values))
