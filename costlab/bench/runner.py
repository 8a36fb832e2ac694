"""Runs the cases of a study on a backend, within a time limit; whatever is measured is kept.

Knows neither a device nor torch nor files: a backend and a place to keep things are
given to it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from costlab.bench.allotment import Allotment
from costlab.bench.costs import fault
from costlab.bench.document import Measurements, Session
from costlab.bench.progress import Moment, nobody
from costlab.bench.request import AGAIN, ENDED, KEPT, TIME_OVER, Outcome, Request, input_of, named
from costlab.bench.resume import before, refuse_another, resumed, taken_up
from costlab.bench.saved import plain
from costlab.bench.standards import Standards
from costlab.bench.study import threads_of
from costlab.errors import CostlabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.bench.document import Measured
    from costlab.bench.progress import Watch
    from costlab.bench.seams import Backend
    from costlab.bench.study import Axes, Case, Subject


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
    cases: tuple[Case, ...] = ()
    done: dict[str, Measured] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    earlier: tuple[Session, ...] = ()
    time: Allotment = field(init=False)
    standards: Standards = field(init=False)

    def __post_init__(self) -> None:
        """Begins to count the time."""
        timer, request = self.backend.timer, self.request
        limit_s = request.limit_s - request.spent_s
        self.time = Allotment(timer, request.plan, timer.wait_s() + limit_s, all_s=limit_s)
        self.standards = Standards(self.backend, request, self.time, self._note, self._tell)

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
            self.environment = known.environment
            self.standards.ceilings, self.standards.null = known.ceilings, known.null
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
            self.notes = [before(one, note) for one in self.notes]
            self._note(note)
        self.keep(self._document())  # a file that cannot be written is to be known now
        anew = request.anew and bool(self._missing())
        if anew and self.done:
            self._note(resumed(self._document()))
        if known is not None and not anew:
            self.earlier = self.earlier[:-1]  # what follows belongs to its last session
        self.standards.measure(self.cases, anew=anew)

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

    def _fill(self) -> None:
        """Measures the cases that are missing, one after the other.

        A case whose arm takes longer to prepare than there is time left is passed over. What others
        drowned is measured again as long as there is time, in turn: each time in another moment.
        """
        passed: list[Case] = []
        self._measure(self._missing(), passed)
        times = 1
        while drowned := [case for case in self._missing() if case not in passed]:
            if not self._measure(drowned, []):
                break
            times += 1
        if drowned and times > 1:
            self._note(f"{AGAIN} while there was time: what was drowned, {times} times in all.")
        if passed:
            self._note(
                f"{TIME_OVER} of {self.request.limit_s / 60:g} min left no room for {len(passed)} "
                f"of {len(self.cases)} cases; they may take {self.time.wanted_min(passed)} min "
                "(--minutes), or measure fewer (--pair, --arm, --batch)."
            )

    def _measure(self, missing: list[Case], passed: list[Case]) -> int:
        """Measures cases one after the other; those that there is no room for are `passed`.

        How many there was time for comes back.
        """
        timer, done = self.backend.timer, 0
        for place, case in enumerate(missing):
            if not self.time.has_room(case):
                passed.append(case)
                continue
            self._tell(f"{case.pair}, {case.variant.arm}, batch {case.batch}, {case.precision}")
            begun_s, plan = timer.wait_s(), self.time.share(missing[place:])
            measured = self.standards.bench().measured(case, plan)
            self.time.took(case, timer.wait_s() - begun_s, plan)
            if measured is None:
                passed.append(case)
                continue
            done += 1
            self.done[case.key] = replace(measured, session=len(self.earlier))
            if self.standards.are_raised_by(measured):
                self._model_again()
            self._keep()
        return done

    def _model_again(self) -> None:
        """Gives the cases of this session the ceilings that it has now: it has one set of them."""
        bench = self.standards.bench()
        for case in self.cases:
            found = self.done.get(case.key)
            if found is not None and found.comparison and found.session == len(self.earlier):
                self.done[case.key] = bench.modelled(case, found)

    def _keep(self) -> None:
        """Keeps what there is; a full disk is no reason to lose what was measured."""
        try:
            self.keep(self._document())
        except CostlabError as error:
            self._note(f"It could not be kept: {error}.")

    def _document(self) -> Measurements:
        order = {case.key: place for place, case in enumerate(self.cases)}
        cases = sorted(self.done.values(), key=lambda case: order.get(case.key, -1))
        return Measurements(
            study=self.request.study.name,
            environment=self.environment,
            cases=tuple(cases),
            ceilings=self.standards.ceilings,
            null=self.standards.null,
            complete=bool(self.cases) and not self._missing(),
            notes=tuple(self.notes),
            sessions=(*self.earlier, Session(self.standards.ceilings, self.standards.null)),
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _tell(self, what: str) -> None:
        done = sum(case.key in self.done for case in self.cases)
        self.watch(Moment(what, done, len(self.cases), max(self.time.left_s, 0.0)))
