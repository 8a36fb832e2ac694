"""What is asked of a run, and what comes of it.

Knows neither a device nor how anything is run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from costlab.bench.plan import Plan

if TYPE_CHECKING:
    from costlab.bench.document import Measurements
    from costlab.bench.study import Axes, Study, Subject

INTERRUPTED, TIME_OVER, AGAIN = "Interrupted", "The time limit", "Measured again"
KEPT = f"{INTERRUPTED}: what had been measured until then was kept."
ENDED = INTERRUPTED, TIME_OVER, AGAIN
"""How notes begin on how a run ended, which the next run makes untrue."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the cases of a study, and the seconds for all of it.

    Of the seconds, `spent_s` were gone before the run began. `force` measures on a device that
    others use as well; `anew` measures ceilings and identical arms again though an earlier run has
    them, as what they were then may not hold now. Ceilings take at most `ceilings_s`, each time,
    and less in a short run. `notes` are what whoever asks has to say of it.
    """

    study: Study
    axes: Axes
    limit_s: float
    plan: Plan = field(default_factory=Plan)
    seed: int = 0
    force: bool = False
    anew: bool = False
    ceilings_s: float = math.inf
    notes: tuple[str, ...] = ()
    spent_s: float = 0.0


def input_of(study: Study) -> str | None:
    """What the model of a study of one model is given, which its name does not say; else None.

    >>> from costlab.bench.study import Pair, Study, Subject
    >>> input_of(Study("net.py:Net", "", (Pair("net.py:Net", Subject("", "net.py:Net", (3, 9))),)))
    'f32[…,3,9]'
    """
    model = study.pairs[0].variant
    if model.source != study.name:
        return None
    return given_to(model)


def given_to(subject: Subject) -> str:
    """What goes into a subject, in words; of samples the batch is the axis's.

    >>> from costlab.bench.study import Subject
    >>> given_to(Subject("", "net.py:Net", (3, 9))), given_to(Subject("", "n", (), inputs_from="f"))
    ('f32[…,3,9]', 'f')
    """
    sizes = ",".join(("…", *map(str, subject.shape)))
    return subject.inputs_from or ", ".join(subject.inputs) or f"f32[{sizes}]"


def named(study: Study) -> bool:
    """Whether a study says more of itself than its name."""
    return study.title not in {"", study.name}


def late(found: Measurements, limit_s: float) -> Measurements:
    """What was kept last, of a run whose time is over while what it does cannot be stopped."""
    note = (
        f"{TIME_OVER} of {limit_s / 60:g} min was over while something was being prepared, "
        "compiled or timed; --minutes gives more."
    )
    return replace(found, notes=(*found.notes, note))


def interrupted(found: Measurements) -> Measurements:
    """What was kept last, of a run that can say no more itself."""
    return replace(found, notes=(*found.notes, KEPT))


class Outcome(NamedTuple):
    """What was measured, and whether it was interrupted."""

    found: Measurements
    interrupted: bool
