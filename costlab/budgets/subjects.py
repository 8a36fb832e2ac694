"""What of a model a budget speaks of: the whole, modules, operations, or the sum of several.

Knows reports, neither limits nor baselines. Globs are those of `costlab report --module`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from costlab.blocks import WRITERS, OpTally
from costlab.budgets.budget import WHOLE_MODEL, Metric
from costlab.errors import did_you_mean
from costlab.globs import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from costlab.blocks import Block
    from costlab.budgets.budget import Budget
    from costlab.report import Report

Kind = Literal["total", "module", "op", "sum"]
OF_OPERATIONS: tuple[Metric, ...] = ("macs", "flops", "activations", "bytes")
"""Metrics that an operation has: parameters belong to modules."""
LISTED = 8
"""Of many modules a message names as many."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that a limit holds for: its kind, what a check calls it, and what it is made of.

    `parts` are the paths of modules or the names of operations, so that two ways to say the same
    are seen to be one.
    """

    kind: Kind
    name: str
    parts: frozenset[str]
    blocks: tuple[Block, ...] = ()
    ops: tuple[OpTally, ...] = ()

    @property
    def path(self) -> str:
        """The module that it is, or the first of those that it sums."""
        return self.blocks[0].path if self.blocks else ""

    def value(self, report: Report, metric: Metric) -> int:
        """What it costs, exactly."""
        if self.kind == "total":
            return int(getattr(report.total, metric))
        if self.ops:
            return sum(_of_op(op, metric) for op in self.ops)
        return sum(int(getattr(block.cost, metric)) for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Selection:
    """The subjects of a budget in one report, and what it names that is not there to limit."""

    subjects: tuple[Subject, ...]
    missing: tuple[str, ...] = ()


def select(budget: Budget, report: Report, model: str) -> Selection:
    """What a budget limits in the report of a model."""
    if budget.ops:
        return _operations(budget, report, model)
    if budget.modules:
        return _modules(budget, report, model)
    return Selection((Subject("total", "", frozenset()),))


def unsuited(budget: Budget, metric: Metric) -> str:
    """Why a budget's subjects do not have a metric; empty if they have it."""
    if budget.modules and budget.ops:
        return "it has modules and ops; write a budget for each"
    if metric in WHOLE_MODEL and (budget.modules or budget.ops):
        return f"{metric} is of a whole model, not of modules or ops"
    if budget.ops and metric not in OF_OPERATIONS:
        return f"{metric} is not counted an operation; ops take {', '.join(OF_OPERATIONS)}"
    return ""


def chosen(globs: Iterable[str], names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names that some glob matches, in their order, and the globs that match none.

    >>> chosen(["incept*", "vgg"], ["inception", "resnet"])
    (['inception'], ['vgg'])
    """
    listed, globs = list(names), tuple(globs)
    found = [name for name in listed if any(matches(glob, name) for glob in globs)]
    return found, [glob for glob in globs if not any(matches(glob, name) for name in listed)]


def outermost(paths: Iterable[str]) -> list[str]:
    """The modules that are in none of the others, so that what each costs is counted once.

    >>> outermost(["body.one", "stem", "body", "body.one.conv"])
    ['stem', 'body']
    """
    listed = list(paths)
    known = set(listed)
    return [path for path in listed if known.isdisjoint(_around(path))]


def _modules(budget: Budget, report: Report, model: str) -> Selection:
    blocks = {block.path: block for block in report.root.walk() if block.path}
    paths, unused = chosen(budget.modules, blocks)
    missing = [
        f"no module of {model} matches {glob!r}.{did_you_mean(glob, blocks) or _some(blocks)} `*` "
        "stops at dots, `**` crosses them"
        for glob in unused
    ]
    # A limit on what does not run would hold whatever became of it.
    if any(limit.metric != "params" for limit in budget.limits):
        for glob in budget.modules:
            hits = [blocks[path] for path in paths if matches(glob, path)]
            if hits and not any(_ran(block) for block in hits):
                missing.append(
                    f"nothing of {model} that {glob!r} matches runs in {report.mode} mode, so that "
                    "there is nothing to limit but params"
                )
    if budget.per == "match":
        found = (Subject("module", path, frozenset({path}), (blocks[path],)) for path in paths)
        return Selection(tuple(found), tuple(missing))
    outer = outermost(paths)
    each = tuple(blocks[path] for path in outer)
    summed = Subject("sum", ", ".join(budget.modules), frozenset(outer), each)
    return Selection((summed,) if each else (), tuple(missing))


def _some(paths: Iterable[str]) -> str:
    """The first of the outermost modules, in a sentence."""
    outer = [path for path in paths if "." not in path]
    if not outer:
        return " It has no modules."
    return f" There are {', '.join(outer[:LISTED])}{', …' if len(outer) > LISTED else ''}."


def _operations(budget: Budget, report: Report, model: str) -> Selection:
    tallies = [op for block in report.root.walk() for op in block.ops]
    names = {name for op in tallies for name in (op.op, op.family)}
    missing = tuple(
        f"no operation or family of {model} is called {name!r}."
        f"{did_you_mean(name, names) or ' It has ' + ', '.join(sorted(names)) + '.'}"
        for name in budget.ops
        if name not in names
    )
    if budget.per == "match":
        each = {name: _called(tallies, {name}) for name in budget.ops}
        found = (Subject("op", name, _parts(ops), (), ops) for name, ops in each.items() if ops)
        return Selection(tuple(found), missing)
    ops = _called(tallies, set(budget.ops))
    summed = Subject("sum", ", ".join(budget.ops), _parts(ops), (), ops)
    return Selection((summed,) if ops else (), missing)


def _called(tallies: list[OpTally], names: set[str]) -> tuple[OpTally, ...]:
    """The operations that are of one of these names or families, each once."""
    return tuple(op for op in tallies if op.op in names or op.family in names)


def _parts(ops: tuple[OpTally, ...]) -> frozenset[str]:
    """The operations by names that no module has."""
    return frozenset(f"op {op.family}/{op.op}" for op in ops)


def _around(path: str) -> Iterator[str]:
    """The modules that a module is in, the nearest first; the whole model is none of them."""
    while path := path.rpartition(".")[0]:
        yield path


def _ran(block: Block) -> bool:
    return any(below.calls or below.ops for below in block.walk())


def _of_op(op: OpTally, metric: Metric) -> int:
    """A metric of an operation; only convolutions and their like write activations."""
    if metric == "activations":
        return op.elements if op.family in WRITERS else 0
    return int(getattr(op, metric))
