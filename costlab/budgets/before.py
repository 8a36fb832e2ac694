"""What a commit has of something that is limited: a value, nothing as it is new, or a fault.

Knows baselines and blocks, not what is limited to which increase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.matching import Matching

if TYPE_CHECKING:
    from costlab.blocks import Block
    from costlab.budgets.baseline import Baseline, Key
    from costlab.budgets.budget import Budget
    from costlab.budgets.subjects import Subject

ABSOLUTE = 'give it an absolute limit, such as max = "5G"'


class Before(NamedTuple):
    """A value as it was; None for what is new. A fault is why there is neither."""

    value: int | None
    is_new: bool = False
    fault: str = ""


class Befores:
    """What commits have; two trees of blocks are matched once."""

    def __init__(self) -> None:
        self._matched: dict[tuple[int, str], Matching] = {}

    def of(self, budget: Budget, key: Key, subject: Subject, base: Baseline, head: Block) -> Before:
        """What a commit has of a subject of a budget.

        A module that was called otherwise there is the same module. What is new has no increase: a
        budget that names it, and does not only match it by a glob, cannot be held.
        """
        if key in base.values:
            return Before(base.values[key])
        was = self._renamed(key, subject, base, head)
        if was is not None:
            return Before(int(getattr(was.cost, key.metric)))
        if _names(budget, key, base):
            fault = (
                f"{key} has no increase, being new since {base.at}: {ABSOLUTE}, or match it by a "
                "glob until it is there too"
            )
            return Before(None, fault=fault)
        return Before(None, is_new=True)

    def matched(self, model: str, base: Baseline, head: Block) -> Matching | None:
        """Which block of a model is which of a commit's; None if the commit has no such model."""
        if model not in base.roots:
            return None
        place = id(base), model
        if place not in self._matched:
            self._matched[place] = Matching(base.roots[model], head)
        return self._matched[place]

    def _renamed(self, key: Key, subject: Subject, base: Baseline, head: Block) -> Block | None:
        """The block that a module was, by another name; None if it was none."""
        matched = self.matched(key.model, base, head) if subject.kind == "module" else None
        if matched is None:
            return None
        found = matched.base_of(subject.blocks[0])
        return found if found is not None and found.path else None


def _names(budget: Budget, key: Key, base: Baseline) -> bool:
    """Whether a budget has what is new by its very name: a model, or a module or operation."""
    if key.model in base.absent:
        return key.model in budget.models
    names = {*budget.modules, *budget.ops}
    if key.kind == "sum":
        return not any(set(name) & set("*?[") for name in names)
    return key.name in names
