"""What makes a report or a baseline unfit to judge by: not counted in full, or otherwise.

Knows neither limits nor waivers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.budgets.baseline import UPDATE, digest
from costlab.budgets.checks import Problem
from costlab.cost import CONVENTION
from costlab.errors import UsageError
from costlab.inputspec import format_argument, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.budgets.baseline import Baseline
    from costlab.budgets.budget import ModelSpec
    from costlab.report import Report

NAMED = 4


def problems_of_report(model: ModelSpec, report: Report) -> Iterator[Problem]:
    """Why the report of a model cannot be held against a limit, if it cannot."""
    name = model.name

    def problem(text: str) -> Problem:
        return Problem(text, model.place, name)

    if report.coverage.unknown:
        ops = [f"{one.op} (in {one.scope or name})" for one in report.coverage.unknown]
        more = f" and {len(ops) - NAMED} more" if len(ops) > NAMED else ""
        yield problem(
            f"{name}: no rule prices {', '.join(ops[:NAMED])}{more}, so that its counts are only a "
            "lower bound; see docs/adding-an-op.md"
        )
    if not report.complete:
        first = f": {report.warnings[0]}" if report.warnings else ""
        yield problem(f"{name}: its forward stopped before its end{first}")
    if report.convention != CONVENTION:
        yield problem(f"{name}: its report is of another counting convention than this costlab")
    if report.mode != model.mode:
        yield problem(
            f"{name}: its report is of {report.mode} mode, and the budget file says {model.mode}"
        )
    if model.inputs and _normal(model.inputs) != _normal(report.inputs):
        yield problem(
            f"{name}: its report is of {', '.join(report.inputs)}, and the budget file says "
            f"{', '.join(model.inputs)}"
        )


def problems_of_baseline(
    model: ModelSpec, report: Report, base: Baseline, called: str
) -> Iterator[Problem]:
    """Why a model's values in a baseline cannot be compared with a report, if they cannot.

    A model that is new since the commit of a baseline is not compared.
    """
    name = model.name
    if name in base.absent:
        return

    def problem(text: str) -> Problem:
        return Problem(f"{name}: {text}", model.place, name)

    measured = base.models.get(name)
    anew = f"; {UPDATE} anew"
    if base.at:
        anew = "; write the inputs and the mode in the budget file, for both"
    if measured is None:
        remedy = f"; {UPDATE}" if not base.at else f", as {base.at} was not asked for it"
        yield problem(f"it is not in the {called}{remedy}")
        return
    if base.convention != digest(report.convention):
        yield problem(
            f"the {called} is of another counting convention ({base.convention}, and this is "
            f"{digest(report.convention)}){anew}"
        )
    if measured.mode != report.mode:
        yield problem(f"the {called} is of {measured.mode} mode, and this of {report.mode}{anew}")
    if measured.inputs != report.inputs:
        yield problem(
            f"the {called} is of inputs {', '.join(measured.inputs)}, and this of "
            f"{', '.join(report.inputs)}{anew}"
        )
    if measured.lower_bound:
        yield problem(f"the {called} could not be counted in full, and is only a lower bound")


def _normal(inputs: tuple[str, ...]) -> list[str]:
    """Specs without what does not matter in them: their spelling, and the names of arguments."""
    try:
        return sorted(format_argument(read(text)._replace(name=None)) for text in inputs)
    except UsageError:
        return sorted(inputs)
