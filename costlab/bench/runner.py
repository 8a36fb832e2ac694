"""Runs the cases of a study on a backend, within a time limit; whatever is measured is kept.

Knows neither a device nor torch nor files: a backend and a place to keep things are
given to it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from costlab.bench.allotment import Allotment
from costlab.bench.blame import in_words
from costlab.bench.costs import fault, smallness
from costlab.bench.document import Measurements, Session
from costlab.bench.identical import floor_of
from costlab.bench.judging import noise_floor
from costlab.bench.progress import Moment, nobody
from costlab.bench.request import ENDED, KEPT, TIME_OVER, Outcome, Request, input_of, named
from costlab.bench.resume import refuse_another, resumed, taken_up
from costlab.bench.roofs import beaten, better, impossible
from costlab.bench.saved import plain
from costlab.bench.single import Bench
from costlab.bench.study import threads_of
from costlab.errors import CostlabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.bench.document import Ceilings, Comparison, Measured
    from costlab.bench.progress import Watch
    from costlab.bench.seams import Backend
    from costlab.bench.study import Axes, Case, Subject

CEILINGS_SHARE = 0.1
"""Of the time that is left; ceilings are asked for within at most `CEILINGS_S`."""
CEILINGS_S = 30.0


def run(
    request: Request,
    backend: Backend,
    *,
    known: Measurements | None = None,
    keep: Callable[[Measurements], None] = lambda found: None,  # noqa: ARG005 - keeps nothing
    watch: Watch = nobody,
) -> Outcome:
    """The cases that were measured before the time was over or somebody interrupted.

    Ceilings and the null arm come first, unless `known`, a document of an earlier run, has them;
    cases that it has are not measured again. `keep` is given the document after every case. A case
    that fails is kept with its error, and the others go on. KeyboardInterrupt ends the run, and
    what was measured comes back; everything else that ends it, goes through.

    Raises:
        UsageError: `known` is of another study or device; the device is busy; no arm can run.
    """
    return _Run(request, backend, known, keep, watch).go()


@dataclass(slots=True)
class _Run:
    """A run under way."""

    request: Request
    backend: Backend
    known: Measurements | None
    keep: Callable[[Measurements], None]
    watch: Watch
    environment: Mapping[str, object] = field(default_factory=dict)
    ceilings: Ceilings | None = None
    null: Comparison | None = None
    cases: tuple[Case, ...] = ()
    done: dict[str, Measured] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    again: bool = False
    earlier: tuple[Session, ...] = ()
    time: Allotment = field(init=False)

    def __post_init__(self) -> None:
        """Begins to count the time."""
        timer, request = self.backend.timer, self.request
        self.time = Allotment(timer, request.plan, timer.wait_s() + request.limit_s)

    def go(self) -> Outcome:
        """All of it, or as much as there was time for."""
        ended = False
        try:
            self._begin()
            self._fill()
        except KeyboardInterrupt:
            ended = True
            self._note(KEPT)
        if self.cases:
            self._keep()
        return Outcome(self._document(), ended)

    def _begin(self) -> None:
        known, request = self.known, self.request
        if known is not None:
            refuse_another(known, request.study.name)
            # Before anything else: what was measured is to survive whatever happens now.
            self.environment, self.ceilings, self.null = (
                known.environment,
                known.ceilings,
                known.null,
            )
            self.done, self.earlier = taken_up(known)
            self.notes = [note for note in known.notes if not note.startswith(ENDED)]
        environment = plain(
            {
                **self.backend.environment(),
                "plan": asdict(request.plan),
                "seed": request.seed,
                **({"title": request.study.title} if named(request.study) else {}),
                **({"input": told} if (told := input_of(request.study)) else {}),
            }
        )
        if known is not None:
            refuse_another(known, request.study.name, environment)
        else:
            self.environment = environment
        threads = threads_of(environment)
        self.cases = tuple(
            replace(case, threads=threads) for case in request.study.cases(self._axes())
        )
        if not self.cases:
            raise UsageError(f"the study {request.study.name} has no case with these axes")
        self._refuse_broken()
        for note in (*request.notes, *self.backend.refuse_if_busy(force=request.force)):
            self._note(note)
        self.keep(self._document())  # a file that cannot be written is to be known now
        anew = request.anew and bool(self._missing())
        if anew and self.done:
            self._note(resumed(self._document()))
        if known is not None and not anew:
            self.earlier = self.earlier[:-1]  # what follows belongs to its last session
        if self.ceilings is None or anew:
            self._measure_ceilings()
        if self.null is None or anew:
            self._measure_null()

    def _missing(self) -> list[Case]:
        """The cases that were not measured, or in vain."""
        return [
            case
            for case in self.cases
            if (found := self.done.get(case.key)) is None or found.is_drowned
        ]

    def _refuse_broken(self) -> None:
        """Before anything is measured: whether a model can be had for both sides of any case.

        Raises:
            UsageError: there is no such case.
        """
        why: dict[Subject, str] = {}
        for case in self.cases:
            for subject in (case.baseline.subject, case.variant.subject):
                if subject not in why:
                    why[subject] = fault(subject, case)
            if not (why[case.baseline.subject] or why[case.variant.subject]):
                return
        reasons = "; ".join(dict.fromkeys(filter(None, why.values())))
        raise UsageError(f"nothing can be measured: {reasons}")

    def _axes(self) -> Axes:
        """The axes with the arms that can run here.

        Raises:
            UsageError: none can.
        """
        axes, here = self.request.axes, self.backend.arms()
        absent = [arm for arm in axes.arms if arm not in here]
        if len(absent) == len(axes.arms):
            raise UsageError(
                f"{', '.join(absent)} cannot run on this device; its arms are {', '.join(here)}"
            )
        if absent:
            self._note(f"Arms that cannot run on this device: {', '.join(absent)}.")
        return replace(axes, arms=tuple(arm for arm in axes.arms if arm in here))

    def _measure_ceilings(self) -> None:
        self._tell("ceilings")
        try:
            found = self._ceilings()
            self.ceilings = better(found, self._ceilings()) if impossible(found) else found
        except Exception as error:  # noqa: BLE001 - without ceilings there is no roofline, but times
            self._note(f"The ceilings could not be measured: {in_words(error)}.")

    def _ceilings(self) -> Ceilings:
        return self.backend.ceilings(min(CEILINGS_S, CEILINGS_SHARE * max(self.time.left_s, 0.0)))

    def _under_its_roof(self, case: Case, measured: Measured) -> Measured:
        """A case that beat its roof, with ceilings measured once more, in a better moment."""
        if self.ceilings is None or self.again or not beaten(measured):
            return measured
        self.again = True
        self._tell("ceilings, as they were beaten")
        try:
            self.ceilings = better(self.ceilings, self._ceilings())
            bench = self._bench()
            for other in self.cases:  # a session has one set of ceilings
                found = self.done.get(other.key)
                if found is not None and found.session == len(self.earlier):
                    self.done[other.key] = bench.modelled(other, found)
            return bench.modelled(case, measured)
        except Exception as error:  # noqa: BLE001 - the first ceilings stand, and are told to be low
            self._note(f"The ceilings could not be measured again: {in_words(error)}.")
            return measured

    def _measure_null(self) -> None:
        """Compares an arm with itself: the first of the study that runs."""
        bench = self._bench()

        def timed(case: Case) -> Comparison | None:
            self._tell(f"identical arms: {case.baseline.subject.name} {case.baseline.arm}")
            return bench.null(case, self.time.share((case, *self.cases)))

        self.null = floor_of(
            sorted(self.cases, key=smallness),
            timed,
            fewest_pairs=self.request.plan.fewest_pairs,
            has_time=lambda: self.time.left_s > 0,
            note=self._note,
        )

    def _fill(self) -> None:
        """Measures the cases that are missing, one after the other.

        A case whose arm takes longer to prepare than there is time left is passed over.
        """
        passed: list[Case] = []
        self._measure(self._missing(), passed)
        drowned = [case for case in self._missing() if case not in passed]
        if drowned and self.time.left_s > 0:
            self._measure(drowned, [])
        if passed:
            self._note(
                f"{TIME_OVER} of {self.request.limit_s / 60:g} min left no room for {len(passed)} "
                f"of {len(self.cases)} cases; they may take {self.time.wanted_min(passed)} min "
                "(--minutes), or measure fewer (--pair, --arm, --batch)."
            )

    def _measure(self, missing: list[Case], passed: list[Case]) -> None:
        """Measures cases one after the other; those that there is no room for are `passed`."""
        timer = self.backend.timer
        for place, case in enumerate(missing):
            if not self.time.has_room(case):
                passed.append(case)
                continue
            self._tell(f"{case.pair}, {case.variant.arm}, batch {case.batch}, {case.precision}")
            begun_s, plan = timer.wait_s(), self.time.share(missing[place:])
            measured = self._bench().measured(case, plan)
            self.time.took(case, timer.wait_s() - begun_s, plan)
            if measured is None:
                passed.append(case)
                continue
            found = replace(measured, session=len(self.earlier))
            self.done[case.key] = self._under_its_roof(case, found)
            self._keep()

    def _keep(self) -> None:
        """Keeps what there is; a full disk is no reason to lose what was measured."""
        try:
            self.keep(self._document())
        except CostlabError as error:
            self._note(f"It could not be kept: {error}.")

    def _bench(self) -> Bench:
        return Bench(
            self.backend,
            self.ceilings,
            noise_floor(self.null),
            self.request.seed,
            self.request.plan.limit_s,
            self.time.end_s,
        )

    def _document(self) -> Measurements:
        order = {case.key: place for place, case in enumerate(self.cases)}
        cases = sorted(self.done.values(), key=lambda case: order.get(case.key, -1))
        return Measurements(
            study=self.request.study.name,
            environment=self.environment,
            cases=tuple(cases),
            ceilings=self.ceilings,
            null=self.null,
            complete=bool(self.cases) and not self._missing(),
            notes=tuple(self.notes),
            sessions=(*self.earlier, Session(self.ceilings, self.null)),
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _tell(self, what: str) -> None:
        done = sum(case.key in self.done for case in self.cases)
        self.watch(Moment(what, done, len(self.cases), max(self.time.left_s, 0.0)))
