"""One case from beginning to end: prepared, checked, timed, checked again, profiled, explained.

Knows neither a device nor torch; whatever a case raises stays with the case.
"""

from __future__ import annotations

import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

from costlab.bench.blame import in_words, threads_heard
from costlab.bench.costs import price
from costlab.bench.document import Measured, Timing
from costlab.bench.explain import explain
from costlab.bench.harness import energy_j, measure
from costlab.bench.paired import SIDES
from costlab.bench.roofline import predict
from costlab.bench.roofs import beaten, bound
from costlab.errors import CostlabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.bench.document import Ceilings, Comparison
    from costlab.bench.paired import Paired, SideName
    from costlab.bench.plan import Plan
    from costlab.bench.seams import Backend, Prepared, Timer
    from costlab.bench.study import Case, Side
    from costlab.bench.work import Costs

OF_A_SIDE = ("correctness", "how", "peak_bytes", "energy_j", "kernels", "gaps_s")
"""What a timing says of what ran, and not of its samples."""
MOVED = "a side set flags of torch while it was timed: {}"
GAPS = "more launches than a stream holds: {} times may include gaps between them"


def seed_of(key: str, seed: int) -> int:
    """A number of 32 bits that is the same for the same case in every run.

    >>> seed_of("5x5", 0) == seed_of("5x5", 0) != seed_of("5x5", 1)
    True
    """
    return zlib.crc32(f"{seed} {key}".encode())


class _FailedError(Exception):
    """A side that cannot be measured."""


class TimeIsUpError(CostlabError):
    """A case that there was too little time for."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a case needs to be measured.

    `floor` is the noise floor, as a logarithm; `full_s` what a comparison may take where there is
    time enough, so that a case that gets less may be measured another time. `end_s` is when all
    is to be over, by the timer: no block of samples is begun that would not end before.
    """

    backend: Backend
    ceilings: Ceilings | None
    floor: float
    seed: int
    full_s: float
    end_s: float = inf

    def null(self, case: Case, plan: Plan) -> Comparison | None:
        """The baseline of a case compared with itself: what is left is noise.

        Raises:
            ArmError: it cannot run.
        """
        seed = seed_of(f"null {case.key}", self.seed)
        with ExitStack() as stack:
            side = self.backend.prepare(case.baseline, case, seed)
            stack.callback(side.close)
            side.check()
            timer, gauge = self._timer(case), self.backend.gauge
            return measure(side, side, timer, gauge, self.hurried(plan), seed).comparison()

    def hurried(self, plan: Plan) -> Plan:
        """The plan within what is left of the time.

        Raises:
            TimeIsUpError: nothing is left.
        """
        left_s = self.end_s - self.backend.timer.wait_s()
        if left_s <= 0:
            raise TimeIsUpError("the time is up")
        return replace(
            plan, limit_s=min(plan.limit_s, left_s), patience_s=min(plan.patience_s, left_s)
        )

    def modelled(self, case: Case, found: Measured) -> Measured:
        """A case that was measured, with the roofline of these ceilings."""
        costs = [price(side.subject, case) for side in (case.baseline, case.variant)]
        return _modelled(found, case, (costs[0], costs[1]), self.ceilings)

    def measured(self, case: Case, plan: Plan) -> Measured | None:
        """All that comes of a case, its errors if it cannot be measured; None if time was short."""
        run = _Case(self, case, plan, seed_of(case.key, self.seed), self._timer(case))
        with threads_heard() as heard:
            try:
                with ExitStack() as stack:
                    run.go(stack)
            except _FailedError:
                if heard:
                    run.tell(f"a thread had ended before by {in_words(heard[0])}")
                return run.result(None)
            except TimeIsUpError:
                return None
        return run.result(self.ceilings)

    def _timer(self, case: Case) -> Timer:
        return self.backend.wall if case.regime == "wall" else self.backend.timer


class _Case:
    """A case under way."""

    def __init__(self, bench: Bench, case: Case, plan: Plan, seed: int, timer: Timer) -> None:
        self.bench, self.case, self.plan, self.seed, self.timer = bench, case, plan, seed, timer
        self.sides: dict[SideName, Side] = {"baseline": case.baseline, "variant": case.variant}
        self.timings: dict[SideName, Timing] = {
            name: Timing(side.subject.name, side.arm, 0, 0, 0, 0)
            for name, side in self.sides.items()
        }
        self.costs: dict[SideName, Costs] = {}
        self.paired: Paired | None = None
        self.flags: dict[str, Any] = {}

    def go(self, stack: ExitStack) -> None:
        """Everything that needs the device.

        Raises:
            _FailedError: a side failed; its timing has the error, and what was measured before.
            TimeIsUpError: there was no time, or too little for a verdict.
        """
        for name, side in self.sides.items():
            with self._blamed_on(name):
                costs = self.costs[name] = price(side.subject, self.case)
            self._has(
                name,
                macs=costs.macs,
                params=costs.params,
                activations=costs.activations,
                bytes=costs.bytes,
            )
        prepared: dict[SideName, Prepared] = {}
        for name in self._apart:
            with self._blamed_on(name):
                ready = prepared[name] = self.bench.backend.prepare(
                    self.sides[name], self.case, self.seed
                )
                stack.callback(ready.close)
                self._has(name, correctness=ready.check(), how=dict(ready.how))
        plan = self.bench.hurried(self.plan)
        paired = self._timed(prepared, plan)
        for name in SIDES:
            self.timings[name] = paired.timing(name, self.timings[name])
        if paired.failed is not None:
            raise _FailedError
        short = paired.error and not paired.dropped
        if plan.limit_s < self.bench.full_s and (
            short or (plan.limit_s < self.plan.limit_s and not paired.is_enough)
        ):
            raise TimeIsUpError("too little was left for a comparison")
        for name, ready in prepared.items():
            with self._blamed_on(name):
                self._check_again(name, ready)
        self.paired = paired
        for place, name in enumerate(self._apart):
            self._look_at(name, prepared[name], paired.calls[place])
        if self._apart != SIDES:
            one = self.timings["baseline"]
            told = {field: getattr(one, field) for field in OF_A_SIDE}
            self._has("variant", **told)

    def _timed(self, prepared: Mapping[SideName, Prepared], plan: Plan) -> Paired:
        """The samples of both sides; what the timer or a side did meanwhile is noted with them."""
        first = prepared["baseline"]
        uncovered, self.flags = self._uncovered(), dict(first.flags)
        paired = measure(
            first,
            prepared[self._apart[-1]],
            self.timer,
            self.bench.backend.gauge,
            plan,
            self.seed,
        )
        notes, now = [], first.flags
        if gaps := self._uncovered() - uncovered:
            notes.append(GAPS.format(gaps))
        if moved := [name for name, was in self.flags.items() if now.get(name) != was]:
            notes.append(MOVED.format(", ".join(moved)))
        return replace(paired, notes=(*paired.notes, *notes))

    def _uncovered(self) -> int:
        """Times so far in which the device may have waited for launches; a clock has none."""
        return int(getattr(self.timer, "uncovered", 0))

    @property
    def _apart(self) -> tuple[SideName, ...]:
        """The sides that are prepared: one, where a side has nothing to be compared with."""
        return SIDES[:1] if self.case.variant == self.case.baseline else SIDES

    def _check_again(self, name: SideName, side: Prepared) -> None:
        before = self.timings[name].correctness
        after = side.check().before
        self._has(name, correctness=before and replace(before, after=after))

    def _look_at(self, name: SideName, side: Prepared, calls: int) -> None:
        """Memory, energy and kernels, each in a pass of its own; the times stand without them."""
        gauge, backend = self.bench.backend.gauge, self.bench.backend
        try:
            self._has(name, peak_bytes=side.peak_bytes)
            if self.bench.end_s - self.timer.wait_s() > self.plan.energy_s:
                self._has(name, energy_j=energy_j(side, self.timer, gauge, calls, self.plan))
            kernels, gaps_s = backend.kernels(side)
        except Exception:  # noqa: BLE001 - a profiler that fails says nothing of the times
            return
        if kernels:
            self._has(name, kernels=kernels, gaps_s=gaps_s)

    def _has(self, name: SideName, **found: object) -> None:
        self.timings[name] = replace(self.timings[name], **found)  # type: ignore[arg-type]  # fields of a Timing

    @contextmanager
    def _blamed_on(self, name: SideName) -> Iterator[None]:
        """Within it, an error is that of a side."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a model of the user's may raise anything
            self._fail(name, in_words(error))

    def tell(self, besides: str) -> None:
        """Adds to the error of a side that failed."""
        for name, timing in self.timings.items():
            if timing.error:
                self._has(name, error=f"{timing.error}; {besides}")

    def _fail(self, name: SideName, error: str) -> None:
        self._has(name, error=error)
        raise _FailedError

    def result(self, ceilings: Ceilings | None) -> Measured:
        """What came of the case."""
        case, paired = self.case, self.paired
        comparison = None if paired is None else paired.comparison(self.bench.floor)
        found = case.measured(
            self.timings["baseline"],
            self.timings["variant"],
            comparison=comparison,
            throttled=() if paired is None else paired.throttled,
            flags=self.flags,
            power_w=None if paired is None else paired.power_w,
        )
        if comparison is None:
            return found
        return _modelled(found, case, (self.costs["baseline"], self.costs["variant"]), ceilings)


def _modelled(
    found: Measured, case: Case, costs: tuple[Costs, Costs], ceilings: Ceilings | None
) -> Measured:
    """A case with what its sides should take, and why its saving is what it is."""
    compared = found.comparison
    if ceilings is None or compared is None:
        return found
    baseline = predict(costs[0], case.baseline.arm, case, ceilings)
    variant = predict(costs[1], case.variant.arm, case, ceilings)
    if baseline is None or variant is None:
        return found
    models = bound(baseline, found.baseline), bound(variant, found.variant)
    found = replace(found, models=models, explanation=None)
    if case.baseline == case.variant or beaten(found):
        return found
    macs = costs[0].macs, costs[1].macs
    return replace(found, explanation=explain(macs, models, compared.ratio))
