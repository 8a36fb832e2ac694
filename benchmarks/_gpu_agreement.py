"""Whether fresh processes choose the same kernels: cuDNN tries each plan out but once.

What is compared are the names of kernels, and of our own their tilings too; which template's sizes
Inductor took, no name tells. Knows no files. What a process chose is kept as soon as it has ended,
so that another call goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_leash import leashed
from benchmarks._gpu_parts import AGREEMENT, OURS, SHOWCASE, TUNED
from benchmarks._gpu_subjects import looked_at
from costlab.bench.fresh import Agreement, choices
from costlab.bench.study import Case, Side, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.bench.study import Arm

BATCH = 256
SAID = "Fresh processes"


@dataclass(frozen=True, slots=True)
class Question:
    """What each of `count` processes is asked for, how long one is taken to last and may last.

    Of an arm that tunes, `whole` is False: the factorizations alone are asked for, since to choose
    takes most of a minute each.
    """

    arms: tuple[Arm, ...]
    process_s: float
    longest_s: float
    whole: bool = True
    count: int = 3
    tiny: bool = False

    @property
    def name(self) -> str:
        """Its arms: what is kept of it is found by them."""
        return ", ".join(self.arms)

    @property
    def begin(self) -> str:
        """How the note of a document begins that tells the answer."""
        return f"{SAID} ({self.name})"

    def sides(self) -> dict[str, tuple[Case, Side]]:
        """The sides by a name. No input rotates: which kernel is chosen does not depend on it."""
        if self.tiny:
            return _tiny_sides()
        asked = {}
        for arm in self.arms:
            for name in SHOWCASE:
                case = looked_at(name, arm, BATCH)
                if case is None:
                    continue
                for side in (case.baseline, case.variant) if self.whole else (case.variant,):
                    asked[f"{side.subject.name} · {arm} · b{BATCH}"] = case, side
        return asked


QUICK = Question(("eager", "cudnn-fused"), 40.0, 120.0)
TINY = Question(("eager",), 15.0, 120.0, count=2, tiny=True)
TUNING = (
    *(Question((arm,), 90.0, 240.0, whole=False) for arm in OURS),
    Question(("compile-autotune",), 240.0, 400.0, whole=False),
)


def questions(part: int, *, tiny: bool = False) -> tuple[Question, ...]:
    """What a part asks: first the arms that choose in seconds, in another part those that tune."""
    return {AGREEMENT: (TINY if tiny else QUICK,), TUNED: TUNING}.get(part, ())


def _tiny_sides() -> dict[str, tuple[Case, Side]]:
    """One side that a CPU runs in milliseconds, for the same path."""
    side = Side(Subject("3x3", "conv3x3(inputs=8)", (8, 9, 9), takes_finish=True), "eager")
    case = Case("tiny", side.subject.name, side, side, 1, "fp32", "nhwc", "bn_relu", "warm")
    return {f"{side.subject.name} · eager · b1": (case, side)}


def missing(known: Mapping[str, Any], question: Question) -> int:
    """How many processes are still to be asked."""
    return max(0, question.count - len(_runs(known, question)))


def _runs(known: Mapping[str, Any], question: Question) -> list[dict[str, Any]]:
    return list(known.get(question.name, {}).get("runs", ()))


def agree(
    known: Mapping[str, Any],
    question: Question,
    end_s: float,
    keep: Callable[[dict[str, Any]], None],
    device: str = "cuda",
) -> str:
    """Asks the processes that are missing until the time is over; why not all of them, else "".

    `keep` is given everything after each process.
    """
    runs = _runs(known, question)
    while len(runs) < question.count:
        left_s = end_s - time.monotonic()
        if left_s < question.process_s:
            left = missing({question.name: {"runs": runs}}, question)
            return f"no time was left for {left} of {question.count} processes"
        limit_s = min(left_s, question.longest_s)
        runs.append(choices(question.sides(), device=device, limit_s=limit_s, run_by=leashed))
        keep({**known, question.name: {"runs": runs, "batch": BATCH}})
    return ""


def told(known: Mapping[str, Any], question: Question) -> str:
    """What the processes that were asked say, in a sentence for a document; "" if it is too few."""
    runs = _runs(known, question)
    if len(runs) < question.count:
        return ""
    other, failed = [], []
    for name in runs[0]:
        found = [run.get(name, "it was not asked for") for run in runs]
        if any(isinstance(one, str) for one in found):
            failed.append(name)
        elif not Agreement(tuple(tuple((k, c) for k, c in one) for one in found)).agree:
            other.append(name)
    asked = len(runs[0]) - len(failed)
    text = f"{question.begin}, {len(runs)} of them, chose the same kernels in"
    text += f" {asked - len(other)} of {asked} sides that were asked for"
    text += f", others in: {'; '.join(other)}" if other else ""
    text += f"; not told: {'; '.join(failed)}" if failed else ""
    return f"{text}."
