"""What is kept of a GPU, read once: documents of measurements, tests, counters.

Knows no page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_files import AGREED, COUNTED, RECORD
from costlab.bench.document import Measurements
from costlab.store import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from costlab.bench.document import Measured, Timing

REFERENCE = "identical-arms"
STUDIES = ("factorizations", "grid-reduction")
MAIN = ("bf16", "nhwc", "cold")
"""The conditions that the page tells first: precision, layout, regime."""


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that is kept of a device."""

    name: str
    documents: Mapping[str, Measurements]
    session: Mapping[str, Any] = field(default_factory=dict)
    counted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, Any]:
        """That of the first document that there is."""
        return next((found.environment for found in self.documents.values()), {})

    @property
    def compared(self) -> list[Measured]:
        """Every factorization and grid reduction that was compared."""
        return [
            case
            for study in STUDIES
            for case in self.of(study)
            if case.comparison is not None and not case.error
        ]

    @property
    def main(self) -> list[Measured]:
        """Those under the conditions that the page tells first."""
        return [case for case in self.compared if conditions(case) == MAIN]

    def of(self, study: str) -> list[Measured]:
        """The cases of a study."""
        found = self.documents.get(study)
        return [] if found is None else list(found.cases)


def read(folder: Path) -> Results:
    """What a folder holds.

    Raises:
        DocumentError: a document is damaged.
    """
    documents = {}
    # What fresh processes chose is told by a note of the documents.
    others: dict[str, Any] = {RECORD: {}, COUNTED: {}, AGREED: {}}
    for file in sorted(folder.glob("*.json")):
        if file.name in others:
            others[file.name] = json.loads(file.read_text(encoding="utf-8"))
            continue
        found = load(file)
        if isinstance(found, Measurements):
            documents[found.study] = found
    if REFERENCE in documents:
        documents = {REFERENCE: documents.pop(REFERENCE), **documents}
    return Results(folder.name, documents, others[RECORD], others[COUNTED])


def conditions(case: Measured) -> tuple[str, str, str]:
    """Precision, layout and regime."""
    return case.precision, case.layout, case.regime


def family(case: Measured) -> str:
    """What stands for what, without the place: `5x5 → 3x3 3x3`."""
    return case.pair.partition(", ")[0]


def place(case: Measured) -> str:
    """Grid and width."""
    return case.pair.partition(", ")[2]


def mac_saving(case: Measured) -> float:
    """The saving in multiply-adds; 0 where the baseline has none."""
    return 1 - case.variant.macs / case.baseline.macs if case.baseline.macs else 0.0


def time_saving(case: Measured) -> float:
    """The saving in time; 0 for what was not compared."""
    return 0.0 if case.comparison is None else 1 - case.comparison.ratio


def realised(cases: list[Measured]) -> float | None:
    """The median of the fraction of the promised saving that arrives; None if none is promised."""
    found = [time_saving(case) / mac_saving(case) for case in cases if mac_saving(case) > 0]
    return median(found) if found else None


def time_s(timing: Timing) -> float | None:
    """The median of its samples that count."""
    return median(timing.counted_s) if timing.counted_s else None
