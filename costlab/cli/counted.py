"""Models that a file of limits or values is made of: those that can be counted in full.

Knows neither the file nor what is made of the reports. One model that cannot be counted keeps no
other from its limits; it is left out, named, and the command ends with 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from costlab.budgets.budget import Config
from costlab.cli import COULD_NOT_SAY
from costlab.cli.running import load_torch
from costlab.cli.voice import Voice
from costlab.errors import SourceError
from costlab.report import Report


class Counted(NamedTuple):
    """The reports of the models that were counted in full, and why each of the others was not."""

    reports: Mapping[str, Report]
    left_out: Mapping[str, str]

    def ending(self, voice: Voice, after: str) -> int:
        """Says of each model why it is left out, and what `after` says of it; the exit code."""
        for name, why in self.left_out.items():
            for line in why.splitlines():
                voice.fail(line)
            voice.fail(f"{name} is left out: {after}")
        return COULD_NOT_SAY if self.left_out else 0


def counted(config: Config, voice: Voice) -> Counted:
    """The models of a configuration, each measured.

    Raises:
        SourceError: none of them can be counted in full.
    """
    from costlab.budgets.collect import collect
    from costlab.budgets.soundness import problems_of_report

    load_torch(voice)
    with voice.working("measuring"):
        found = collect(config, lambda name: voice.tell(f"measure: {name}"))
    left_out: dict[str, str] = {}
    for problem in found.problems:
        left_out[problem.model] = problem.text
    for model in config.models:
        report = found.reports.get(model.name)
        faults = problems_of_report(model, report) if report else ()
        if whys := [fault.text for fault in faults]:
            left_out[model.name] = "\n".join(whys)
    reports = {name: one for name, one in found.reports.items() if name not in left_out}
    if left_out and not reports:
        raise SourceError("\n".join(left_out.values()))
    return Counted(reports, left_out)
