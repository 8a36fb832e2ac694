"""The measures that readings are made of: totals, ratios, savings, grids, series of blocks.

Each gives a function of a `Lab`, so that a claim is a row of a literal table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costlab.claims.document import Part
from costlab.claims.ledger import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.claims.lab import Lab
    from costlab.report import Report


@dataclass(frozen=True, slots=True)
class Subject:
    """A network of the zoo as a reading sees it: its arguments, mode and image.

    `blocks` are the paths of the blocks that count, all if there are none.
    """

    name: str
    mode: str = "eval"
    shape: tuple[int, ...] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()

    def report(self, lab: Lab) -> Report:
        """The report on it."""
        return lab.report(self.name, mode=self.mode, shape=self.shape, **self.arguments)

    def value(self, lab: Lab, metric: str) -> int:
        """One of its counts, such as `macs`, `params_executed` or `depth`."""
        report = self.report(lab)
        if not self.blocks:
            return int(getattr(report.total, metric))
        return sum(int(getattr(report.block(path).cost, metric)) for path in self.blocks)

    def parts(self, lab: Lab, metric: str) -> tuple[Part, ...]:
        """The blocks that the count sums, those that have any of it."""
        report = self.report(lab)
        blocks = [report.block(path) for path in self.blocks] or report.blocks
        counts = ((block.path, getattr(block.cost, metric, 0)) for block in blocks)
        return tuple(Part(path, count) for path, count in counts if count)

    def __str__(self) -> str:
        """How a formula names it.

        >>> str(Subject("inception_v3", arguments={"width": 2}))
        'inception_v3(width=2)'
        """
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        named = f"{self.name}({given})" if given else self.name
        if self.shape is not None:
            named += f" at {'×'.join(map(str, self.shape[1:]))}"
        if self.mode != "eval":
            named += f" in {self.mode} mode"
        return f"{named} [{', '.join(self.blocks)}]" if self.blocks else named


def net(
    name: str,
    *blocks: str,
    mode: str = "eval",
    shape: tuple[int, ...] | None = None,
    **arguments: object,
) -> Subject:
    """A network of the zoo, or some of its blocks, as a subject of readings."""
    return Subject(name, mode, shape, arguments, blocks)


def total(subject: Subject, metric: str = "macs") -> Callable[[Lab], Finding]:
    """A count of a network, with the blocks that it sums."""

    def compute(lab: Lab) -> Finding:
        value = subject.value(lab, metric)
        parts = subject.parts(lab, metric)
        summed = f" = Σ of {len(parts)} blocks" if len(parts) > 1 else ""
        return Finding(value, f"{metric}({subject}){summed} = {value:,}", parts)

    return compute


def without(subject: Subject, path: str, metric: str = "macs") -> Callable[[Lab], Finding]:
    """A count of a network but for one of its blocks."""

    def compute(lab: Lab) -> Finding:
        whole = subject.value(lab, metric)
        left_out = int(getattr(subject.report(lab).block(path).cost, metric))
        formula = f"{metric}({subject}) without {path} = {whole:,} − {left_out:,}"
        return Finding(whole - left_out, formula, (Part(path, -left_out),))

    return compute


def ratio(over: Subject, under: Subject, metric: str = "macs") -> Callable[[Lab], Finding]:
    """How many times as much of a count one network has as another."""

    def compute(lab: Lab) -> Finding:
        above, below = over.value(lab, metric), under.value(lab, metric)
        parts = Part(str(over), above), Part(str(under), below)
        formula = f"{metric}({over}) / {metric}({under}) = {above:,} / {below:,}"
        return Finding(Fraction(above, below), formula, parts)

    return compute


def saving(instead: Subject, of: Subject, metric: str = "macs") -> Callable[[Lab], Finding]:
    """The share of a count that one network saves where it stands for another."""

    def compute(lab: Lab) -> Finding:
        less, whole = instead.value(lab, metric), of.value(lab, metric)
        parts = Part(str(instead), less), Part(str(of), whole)
        formula = f"1 − {metric}({instead}) / {metric}({of}) = 1 − {less:,} / {whole:,}"
        return Finding(1 - Fraction(less, whole), formula, parts)

    return compute


def excess(over: Subject, under: Subject, metric: str = "macs") -> Callable[[Lab], Finding]:
    """By how many times the second network's count the first exceeds it: their ratio less one."""

    def compute(lab: Lab) -> Finding:
        above, below = over.value(lab, metric), under.value(lab, metric)
        formula = f"({metric}({over}) − {metric}({under})) / {metric}({under})"
        return Finding(
            Fraction(above - below, below), f"{formula} = ({above:,} − {below:,}) / {below:,}"
        )

    return compute


def grid(subject: Subject, path: str) -> Callable[[Lab], Finding]:
    """The shape that a block writes, channels first."""

    def compute(lab: Lab) -> Finding:
        shape = subject.report(lab).block(path).outputs[0].shape[1:]
        return Finding(shape, f"{path} of {subject} writes {'×'.join(map(str, shape))}")

    return compute


def noted(compute: Callable[[Lab], Finding], note: str) -> Callable[[Lab], Finding]:
    """The same with a remark on where its value comes from, or what bears on it."""
    return lambda lab: replace(compute(lab), note=note)


def closed(value: Any, formula: str) -> Callable[[], Finding]:
    """A closed form: its value, and how it is written."""
    return lambda: Finding(value, formula)


def only(value: Callable[[], Finding]) -> Callable[[Lab], Finding]:
    """A closed form as the reading itself, where there is nothing to trace."""
    return lambda _: value()
