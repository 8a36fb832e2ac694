"""Whether a run may go on with what an earlier one measured.

Knows neither a device nor files.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.bench.document import Session
from costlab.bench.judging import noise_floor, reach
from costlab.bench.study import threads_of, with_threads
from costlab.errors import UsageError
from costlab.units import scale_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Measured, Measurements

RESUMED = "Resumed"
EARLIER = "Before it was resumed: "
FIGURES = re.compile(r"\d[\d.]*")


def taken_up(known: Measurements) -> tuple[dict[str, Measured], tuple[Session, ...]]:
    """The cases of an earlier run, by what they are called now, and what they were judged by.

    A document from before there were sessions is one; its keys say no threads.
    """
    threads, done = threads_of(known.environment), {}
    for case in known.cases:
        key, at = with_threads(case.key, threads), case.session or 0
        done[key] = replace(case, key=key, threads=threads, session=at)
    return done, known.sessions or (Session(known.ceilings, known.null),)


def resumed(known: Measurements) -> str:
    """What is to be said of cases that an earlier run measured: by which ceilings and noise."""
    beside = [] if known.null is None else [f"its noise was {reach(noise_floor(known.null))}"]
    if known.ceilings is not None:
        rates = known.ceilings.flops_per_s.items()
        told = ", ".join(
            f"{name} {scale_count(round(rate), unit='FLOP/s')}" for name, rate in rates
        )
        beside.append(f"its ceilings {told}")
    cases = f"{len(known.cases)} case{'' if len(known.cases) == 1 else 's'}"
    judged = f", judged by what it measured: {'; '.join(beside)}" if beside else ""
    return f"{RESUMED}: {cases} of an earlier run{judged}."


def before(note: str, now: str) -> str:
    """A note of an earlier session, which says so if this one has the same with other figures.

    >>> before("busy: 3.9 processes", "busy: 3.7 processes"), before("busy: 1", "busy: 1")
    ('Before it was resumed: busy: 3.9 processes', 'busy: 1')
    """
    again = note != now and FIGURES.sub("", note) == FIGURES.sub("", now)
    return f"{EARLIER}{note}" if again else note


SAME = ("device", "gpu", "torch", "cudnn", "driver")
SAME_ON_A_CPU, INPUT = ("cpu", "threads"), "input"
"""What must be the same for times to stand in one document; a GPU may be another of its kind."""
CALLED = {"threads": "number of threads"}
"""What is not called in a message as it is in a document."""


def refuse_another(
    known: Measurements, study: str, environment: Mapping[str, object] | None = None
) -> None:
    """Refuses to go on with a document that is of something else; the device is asked for later.

    Raises:
        UsageError: the document is of another study or device.
    """
    if known.study != study:
        raise UsageError(
            f"the file holds the study {known.study!r}, not {study!r}; give --out another file"
        )
    if environment is None:
        return
    on_cpu = SAME_ON_A_CPU if environment.get("device") == "cpu" else ()
    for name in (*SAME, *on_cpu, INPUT):
        here, there = environment.get(name), known.environment.get(name)
        if name == INPUT and INPUT not in known.environment:
            continue  # of a release that did not write it down
        if here != there:
            what = CALLED.get(name, name)
            raise UsageError(
                f"the file was measured with another {what} ({there!r}; here it is {here!r}); "
                "give --out another file"
            )
