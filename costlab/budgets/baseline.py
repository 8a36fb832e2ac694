"""The baseline: what models cost when somebody last agreed to it, kept as a text that git merges.

Knows neither budgets' limits nor where the file is. One line holds one value, and lines are sorted:
two changes of different modules do not touch. The line of a model has the fingerprint of its whole
tree of blocks: two branches that change one model differently always conflict in it, even if both
write the same total, so that no stale value is merged in silence.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from costlab.budgets.budget import METRICS
from costlab.budgets.subjects import Kind, chosen, select, unsuited
from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from costlab.blocks import Block
    from costlab.budgets.budget import Config, Limit
    from costlab.report import Report, Total

SCHEMA = "costlab.baseline/1"
UPDATE = "`costlab baseline update` writes it"


class Key(NamedTuple):
    """What a value is of: a model, the kind and name of a part of it, and the metric."""

    model: str
    kind: Kind
    name: str
    metric: str

    def __str__(self) -> str:
        """As a message calls it.

        >>> str(Key("net", "module", "stem", "macs")), str(Key("net", "total", "", "macs"))
        ('the macs of stem in net', 'the macs of net')
        """
        within = f"{self.name!s} in {self.model}" if self.name else self.model
        return f"the {self.metric} of {within}"


@dataclass(frozen=True, slots=True)
class Measured:
    """How a model was measured, and the fingerprint of what was found.

    `lower_bound` is whether something could not be counted; no file holds such a model.
    """

    mode: str
    inputs: tuple[str, ...]
    fingerprint: str
    lower_bound: bool = False


@dataclass(frozen=True, slots=True)
class Baseline:
    """The values that relative limits are relative to, and what they were counted by.

    Of one that was measured at a commit, and read from no file, `at` is the commit, `absent` are
    the models that it does not have, and `roots` the blocks of those that it has. `gone` are the
    totals of the models that its budget file names and that of now does not.
    """

    models: Mapping[str, Measured]
    values: Mapping[Key, int]
    versions: Mapping[str, str]
    convention: str
    at: str = ""
    absent: frozenset[str] = frozenset()
    roots: Mapping[str, Block] = field(default_factory=dict)
    gone: Mapping[str, Total] = field(default_factory=dict)


def digest(text: str) -> str:
    """Twelve hexadecimal figures that tell one text from another.

    >>> digest("multiply-adds")
    '726f5f0553a8'
    """
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def fingerprint(report: Report) -> str:
    """What tells the costs of all blocks of a report from those of another."""
    blocks = [[block.path, block.kind, *block.cost] for block in report.root.walk()]
    return digest(json.dumps(blocks))


def snapshot(config: Config, reports: Mapping[str, Report], *, every: bool = False) -> Baseline:
    """What the relative limits of a configuration compare with, measured in these reports.

    These are the totals of all models, and of each budget that is relative what it selects; with
    `every`, of each budget. What a budget selects in vain is left out: `check` finds it missing.

    Raises:
        UsageError: the reports are not of one convention.
    """
    values: dict[Key, int] = {}
    names = [model.name for model in config.models if model.name in reports]
    conventions = {reports[name].convention for name in names}
    if len(conventions) > 1:
        raise UsageError("the reports of the baseline are of different counting conventions")
    for name in names:
        total = reports[name].total
        values.update({Key(name, "total", "", each): getattr(total, each) for each in METRICS})
    for budget in config.budgets:
        relative = [
            limit.metric
            for limit in budget.limits
            if (every or _is_relative(limit)) and not unsuited(budget, limit.metric)
        ]
        for name in chosen(budget.models, names)[0] if relative else ():
            for subject in select(budget, reports[name], name).subjects:
                for metric in relative:
                    key = Key(name, subject.kind, subject.name, metric)
                    values[key] = subject.value(reports[name], metric)
    return Baseline(
        models={name: _measured(reports[name]) for name in names},
        values=values,
        versions=_versions(reports[names[0]]) if names else {},
        convention=digest(next(iter(conventions))) if conventions else "",
    )


def update(
    old: Baseline | None,
    new: Baseline,
    slack: Fraction = Fraction(0),
    unmeasured: Collection[str] = (),
) -> Baseline:
    """The baseline that takes the place of an old one, after new measurements.

    Values that moved by no more than `slack` of what the file says stay as they are, so that a file
    does not change with every commit; as they stay, what moves step by step leaves the slack in
    the end. How a model was measured is always that of now. What the file says of the models that
    are `unmeasured` now stays too, unless it was counted by another convention.

    Raises:
        UsageError: a model could not be counted in full.
    """
    for name, measured in new.models.items():
        if measured.lower_bound:
            raise UsageError(
                f"{name} could not be counted in full, and a lower bound is no baseline; "
                f"`costlab report` says what is unknown"
            )
    if old is None or old.convention != new.convention:
        return new
    same = {
        name
        for name, measured in new.models.items()
        if name in old.models and _semantics(old.models[name]) == _semantics(measured)
    }
    kept = {
        key: old.values[key]
        for key, value in new.values.items()
        if key in old.values
        and key.model in same
        and abs(value - old.values[key]) <= slack * old.values[key]
    }
    stays = {name: old.models[name] for name in unmeasured if name in old.models}
    kept |= {key: value for key, value in old.values.items() if key.model in stays}
    return replace(new, models={**new.models, **stays}, values={**new.values, **kept})


def drift(old: Baseline, new: Baseline, slack: Fraction = Fraction(0)) -> tuple[Key, ...]:
    """The values of a baseline that are off by more than `slack`, are missing or are left over."""
    keys = sorted({*old.values, *new.values})
    return tuple(
        key
        for key in keys
        if key not in old.values
        or key not in new.values
        or abs(new.values[key] - old.values[key]) > slack * old.values[key]
    )


def _is_relative(limit: Limit) -> bool:
    return limit.max_increase is not None or limit.anchor_increase is not None


def _semantics(measured: Measured) -> tuple[str, tuple[str, ...]]:
    """What must be the same for two measurements to be compared."""
    return measured.mode, measured.inputs


def _measured(report: Report) -> Measured:
    return Measured(report.mode, report.inputs, fingerprint(report), report.is_lower_bound)


def _versions(report: Report) -> dict[str, str]:
    """The versions that a baseline records: told, but not compared."""
    return {name: report.versions[name] for name in ("costlab", "torch") if name in report.versions}
