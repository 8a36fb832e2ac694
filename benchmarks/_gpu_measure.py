"""Measures the parts of a GPU study in a process of its own, until the time is up.

`python -m benchmarks._gpu_measure` is run by `gpu_study.py`, which starts another where this one
dies: a kernel that fails may leave the device of a process unusable. Its exit code says why it
ended.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._gpu_ending import BROKEN, DONE, REFUSED, TIME_UP, Ended, ended_by
from benchmarks._gpu_files import REFERENCE, Folder, floor_of
from benchmarks._gpu_pace import estimate_s, pace_key
from benchmarks._gpu_parts import CEILINGS, Part, Slice, parts
from costlab.bench.backends import choose
from costlab.bench.document import Measurements
from costlab.bench.kernels import tuning
from costlab.bench.request import Request
from costlab.bench.runner import run
from costlab.bench.saved import plain
from costlab.bench.study import without_threads
from costlab.errors import CostlabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.progress import Moment
    from costlab.bench.seams import Backend
    from costlab.bench.study import Case

NULL_LIMIT_S, TINY_NULL_LIMIT_S = 200.0, 15.0
"""Of which a tenth is for the ceilings."""
CEILINGS_S, TINY_CEILINGS_S = 20.0, 1.5
"""What ceilings may take at most, also where a case beat them: no run has a limit of its own."""
FOREVER_S = 1e6
"""The runner has no limit of its own: it would shorten every case to make room for the last."""
NEEDED = 0.5
"""A case is not begun with less than this share of what it is taken to last."""
TUNED_EACH_S, TUNED_ALL_S = 4.0, 160.0
"""What the tilings of a launch may take to be chosen, and all of them in a process."""
IDENTITY = ("gpu", "uuid", "driver", "torch", "cpu")


@dataclass(slots=True)
class Measuring:
    """A process that measures; `end_s` is when it must be done, by the monotonic clock."""

    folder: Folder
    backend: Backend
    end_s: float
    force: bool = False
    tiny: bool = False
    known: dict[str, Measurements] = field(default_factory=dict)
    begun_s: float = 0.0
    code: int = TIME_UP
    wanted: dict[str, set[str]] = field(default_factory=dict)

    def go(self, wanted: list[Part]) -> None:
        """All parts, or as much as there is time for.

        Raises:
            Ended: the time is up, the device unusable, or somebody asked to end.
        """
        arms = self.backend.arms()
        # A machine that is lent begins with no cache, and to choose tilings anew takes minutes.
        tuning.adopt(self.folder.record().get("tilings", {}))
        self.folder.note(arms=list(arms), device=str(self.backend.environment()["device"]))
        for piece in (piece for part in parts(tiny=self.tiny) for piece in part.slices):
            keys = {case.key for case in piece.cases(arms)}
            self.wanted.setdefault(piece.study.name, set()).update(keys)
        for part in wanted:
            for piece in part.slices:
                self._measure(part, piece, list(piece.cases(arms)))

    def _measure(self, part: Part, piece: Slice, cases: list[Case]) -> None:
        name = piece.study.name
        known = self._known(piece)
        done = {without_threads(case.key) for case in known.cases}
        missing = [case for case in cases if case.key not in done]
        if not missing and (part.number != CEILINGS or known.ceilings is not None):
            return
        null_s = TINY_NULL_LIMIT_S if self.tiny else NULL_LIMIT_S
        outcome = run(
            Request(
                piece.study,
                piece.axes,
                null_s if part.number == CEILINGS else FOREVER_S,
                piece.plan,
                force=self.force,
                ceilings_s=TINY_CEILINGS_S if self.tiny else CEILINGS_S,
            ),
            self.backend,
            known=None if part.number == CEILINGS and not known.cases else known,
            keep=lambda found: self._keep(part, found, missing),
            watch=lambda moment: self._watch(part, piece, missing, moment),
        )
        self.known[name] = outcome.found
        if outcome.interrupted:
            raise Ended(self.code)

    def _known(self, piece: Slice) -> Measurements:
        """What there is of a study; before its first case, the ceilings and the noise floor.

        A machine that was not measured yet measures its own ceilings, and the record keeps those
        of the one before.
        """
        name = piece.study.name
        found = self.known.get(name) or self.folder.document(name)
        environment = plain({**self.backend.environment(), "plan": asdict(piece.plan), "seed": 0})
        if found is not None:
            refuse_another_kind(found, environment, str(self.folder.path))
        if name == REFERENCE and found is not None and not _same(found, environment):
            earlier = [one for one in self.folder.record().get("machines", ()) if one]
            self.folder.note(machines=[*earlier, found.to_dict()])
            found = None
        if found is not None:
            return _on_another(found, environment)
        if name == REFERENCE:
            return Measurements(name, environment, ())
        reference = self.known.get(REFERENCE) or self.folder.document(REFERENCE)
        if reference is None:
            return Measurements(name, environment, ())
        return Measurements(
            name, environment, (), ceilings=reference.ceilings, null=floor_of(reference)
        )

    def _watch(self, part: Part, piece: Slice, missing: list[Case], moment: Moment) -> None:
        """Before a case: whether there is time for it; and that it is the one under way."""
        if moment.what.startswith(("ceilings", "identical arms:")):
            self._say(f"part {part.number}: {moment.what}")
            return
        if not missing:
            return
        case = missing[0]
        pace = {name: tuple(took) for name, took in self.folder.record().get("pace", {}).items()}
        needed_s = estimate_s(piece, [case], pace)
        if NEEDED * needed_s > self.end_s - time.monotonic():
            raise Ended(TIME_UP)
        self.folder.note(current=[part.number, case.key])
        self.begun_s = time.monotonic()

    def _keep(self, part: Part, found: Measurements, missing: list[Case]) -> None:
        """Keeps a document, and after a case says what came of it."""
        # A slice is complete before its study is.
        found = replace(found, complete=self._all_of(found))
        self.folder.save(found)
        self.known[found.study] = found
        keys = {without_threads(one.key): one for one in found.cases}
        case = next((one for one in missing if one.key in keys), None)
        if case is None:
            return
        measured = keys[case.key]
        missing.remove(case)
        took_s = time.monotonic() - self.begun_s
        pace = self.folder.record().get("pace", {})
        count, total_s = pace.get(pace_key(case), (0, 0.0))
        pace[pace_key(case)] = [count + 1, round(total_s + took_s, 3)]
        tilings = {**self.folder.record().get("tilings", {}), **tuning.choices()}
        self.folder.note(pace=pace, current=None, tilings=tilings)
        comparison = measured.comparison
        said = measured.error or "no comparison"
        if comparison is not None:
            said = (
                f"{comparison.verdict} {1 - comparison.ratio:+.1%} "
                f"[{1 - comparison.high:+.1%}, {1 - comparison.low:+.1%}]"
            )
        self._say(f"part {part.number}, {len(missing)} left: {case.key}: {said} ({took_s:.1f} s)")
        if measured.error and not self._usable():
            self.code = BROKEN
            raise Ended(BROKEN)

    def _all_of(self, found: Measurements) -> bool:
        return self.wanted.get(found.study, set()) <= {
            without_threads(case.key) for case in found.cases
        }

    def _usable(self) -> bool:
        """Whether the device still works after a failure: some leave it in error for good."""
        if "graph" not in self.backend.arms():
            return True
        import torch

        try:
            torch.cuda.synchronize()
            return bool(torch.ones(1, device="cuda").add(1).item() == 2)  # noqa: PLR2004 - one and one
        except (RuntimeError, AssertionError):  # the second if torch has no CUDA at all
            return False

    def _say(self, text: str) -> None:
        print(f"[{max(0.0, self.end_s - time.monotonic()):4.0f} s] {text}", flush=True)


def refuse_another_kind(found: Measurements, environment: Mapping[str, object], where: str) -> None:
    """Refuses to write over what was measured on another kind of device.

    Raises:
        UsageError: it was.
    """
    for kind in ("device", "gpu"):
        here, there = environment.get(kind), found.environment.get(kind)
        if here != there:
            raise UsageError(
                f"{where} holds results of another device ({kind} {there!r}; here it is {here!r}); "
                "name another folder by --out"
            )


def _same(found: Measurements, environment: object) -> bool:
    here = environment if isinstance(environment, dict) else {}
    return all(found.environment.get(name) == here.get(name) for name in IDENTITY)


def _on_another(found: Measurements, environment: object) -> Measurements:
    """The document, with a note if what follows is measured on another device of the kind."""
    if _same(found, environment) or not isinstance(environment, dict):
        return found
    here = ", ".join(f"{name} {environment.get(name)}" for name in IDENTITY[1:4])
    note = f"After the first {len(found.cases)} cases, others were measured on another: {here}."
    told = any(one.endswith(f"on another: {here}.") for one in found.notes)
    return found if told else replace(found, notes=(*found.notes, note))


def main(arguments: list[str] | None = None) -> int:
    """Measures; the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks._gpu_measure")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--parts", type=int, nargs="*", required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--force", action="store_true")
    asked = parser.parse_args(arguments)
    end_s = time.monotonic() + asked.seconds
    tuning.BUDGET.each_s, tuning.BUDGET.all_s = TUNED_EACH_S, TUNED_ALL_S
    try:
        with ended_by(end_s):
            measuring = Measuring(
                Folder(asked.out), choose(asked.device), end_s, asked.force, asked.tiny
            )
            measuring.go([part for part in parts(tiny=asked.tiny) if part.number in asked.parts])
    except Ended as ended:
        return ended.code
    except CostlabError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
