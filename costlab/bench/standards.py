"""What the cases of a session are judged by: the device's ceilings, and what identical arms differ.

Knows neither a device nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from costlab.bench.blame import in_words
from costlab.bench.costs import smallness
from costlab.bench.identical import floor_of
from costlab.bench.judging import noise_floor
from costlab.bench.roofs import beaten, better, impossible
from costlab.bench.single import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from costlab.bench.allotment import Allotment
    from costlab.bench.document import Ceilings, Comparison, Measured
    from costlab.bench.request import Request
    from costlab.bench.seams import Backend
    from costlab.bench.study import Case

CEILINGS_SHARE = 0.1
"""Of the time that is left; ceilings are asked for within at most `CEILINGS_S`."""
CEILINGS_S = 30.0
NULL_SHARE = 0.1
"""Of the time that is left, which identical arms may be timed for, each time."""
AGAIN_SHARE = 0.25
"""What is measured once more took at most this share of the time that is left."""


@dataclass(slots=True)
class Standards:
    """Ceilings and identical arms, measured within a run's time; None if that failed.

    `again` is whether the ceilings were measured once more, which they are once, and `ceilings_s`
    what they took. `note` keeps what is to be said of it, and `tell` says what is being done.
    """

    backend: Backend
    request: Request
    time: Allotment
    note: Callable[[str], None]
    tell: Callable[[str], None]
    ceilings: Ceilings | None = None
    null: Comparison | None = None
    again: bool = False
    ceilings_s: float = 0.0

    def measure(self, cases: Sequence[Case], *, anew: bool) -> None:
        """Measures what there is none of, or all of it anew."""
        if self.ceilings is None or anew:
            self._measure_ceilings()
        if self.null is None or anew:
            self._measure_null(cases)

    def bench(self) -> Bench:
        """What a case needs to be measured, and judged by these."""
        request = self.request
        return Bench(
            self.backend,
            self.ceilings,
            noise_floor(self.null),
            request.seed,
            request.plan.limit_s,
            self.time.end_s,
        )

    def are_raised_by(self, measured: Measured) -> bool:
        """Whether a case beat its roof, and the ceilings were measured once more for it."""
        if self.ceilings is None or self.again or not beaten(measured):
            return False
        if self.ceilings_s > AGAIN_SHARE * self.time.left_s:
            return False
        self.again = True
        self.tell("ceilings, as they were beaten")
        try:
            self.ceilings = better(self.ceilings, self._ceilings())
        except Exception as error:  # noqa: BLE001 - the first ceilings stand, and are told to be low
            self.note(f"The ceilings could not be measured again: {in_words(error)}.")
            return False
        return True

    def _measure_ceilings(self) -> None:
        self.tell("ceilings")
        try:
            found = self._ceilings()
            if impossible(found) and self.time.is_young:
                found = better(found, self._ceilings())
            self.ceilings = found
        except Exception as error:  # noqa: BLE001 - without ceilings there is no roofline, but times
            self.note(f"The ceilings could not be measured: {in_words(error)}.")

    def _ceilings(self) -> Ceilings:
        begun_s = self.backend.timer.wait_s()
        most_s = min(CEILINGS_S, self.request.ceilings_s)
        limit_s = min(most_s, CEILINGS_SHARE * max(self.time.left_s, 0.0))
        found = self.backend.ceilings(limit_s)
        self.ceilings_s = self.backend.timer.wait_s() - begun_s
        return found

    def _measure_null(self, cases: Sequence[Case]) -> None:
        """Compares an arm with itself: the first of the study that runs."""
        bench = self.bench()

        def timed(case: Case) -> Comparison | None:
            self.tell(f"identical arms: {case.baseline.subject.name} {case.baseline.arm}")
            plan = self.time.bounded(self.time.share((case, *cases)), NULL_SHARE)
            return bench.null(case, plan)

        self.null = floor_of(
            sorted(cases, key=smallness),
            timed,
            fewest_pairs=self.request.plan.fewest_pairs,
            has_time=lambda: self.time.is_young,
            note=self.note,
        )
