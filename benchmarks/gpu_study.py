"""One command for a GPU machine: tests, ceilings, then the studies, what matters most first.

`python benchmarks/gpu_study.py --minutes 8 --out DIR` measures what DIR lacks, keeps each case as
soon as it is measured, stops before the minutes are over, and prints a summary last; another call
goes on. It needs torch, triton, numpy, rich and typer; pytest for the tests alone. Knows neither
arms nor kernels: a process of its own measures (`_gpu_measure.py`), and another is started where
that one dies. Without --out, DIR is named after the GPU.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# For benchmarks and, where it is not installed, costlab.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import _gpu_agreement, _gpu_checks, _gpu_counters, _gpu_plan, _gpu_sanitizer
from benchmarks._gpu_asked import Asked, asked_of
from benchmarks._gpu_ending import BROKEN, DONE, REFUSED, TERMINATED, TIME_UP, Ended, ended_by
from benchmarks._gpu_files import failed
from benchmarks._gpu_leash import leashed
from benchmarks._gpu_parts import AGREEMENT, CHECKS, COUNTERS, TUNED, Part
from benchmarks._gpu_summary import summary
from costlab.bench.studies import FACTORIZATIONS
from costlab.errors import CostlabError

ROOT = Path(__file__).resolve().parents[1]
RESERVE_S, RESERVE_SHARE = 12.0, 0.1
"""What is left at the end, for the last case to be kept and the summary to be printed."""
GRACE_S = 3.0
TESTS_S, TESTS_SHARE = 150.0, 0.4
LEAST_S = 20.0
"""With less time than this, a process that died is not replaced."""
RESTARTS = 6
UNFINISHED = {"finished": False, "sound": False, "passed": 0, "failed": 0, "skipped": 0}
"""What is known of the tests while they run."""


@dataclass(slots=True)
class Study:
    """A call under way; `said` is what the summary tells of its end.

    `held` is what keeps other studies out of the folder, for as long as a process has it.
    """

    asked: Asked
    end_s: float
    said: list[str]
    held: tuple[int, ...] = ()

    def go(self) -> int:
        """All parts, or as much as there is time for; the exit code."""
        waiting: list[Part] = []
        for part in self.asked.parts:
            if part.slices:
                waiting.append(part)
                continue
            code = self._measure(waiting)
            if code != DONE:
                return REFUSED if code == REFUSED else DONE
            waiting = []
            if part.number == CHECKS:
                self._check()
            elif part.number == COUNTERS:
                self._count()
            elif part.number in {AGREEMENT, TUNED}:
                self._agree(part.number)
        return REFUSED if self._measure(waiting) == REFUSED else DONE

    def _left_s(self) -> float:
        return self.end_s - time.monotonic()

    def _check(self) -> None:
        folder, of = self.asked.folder, fingerprint()
        known = folder.record().get("correctness", {})
        if known.get("of") != of:
            known = {}
        has_gpu, before = self.asked.device != "cpu", known.get("sanitizer")
        if known.get("sound") and not (has_gpu and _gpu_sanitizer.unwatched(before)):
            return
        limit_s = min(TESTS_S, TESTS_SHARE * self._left_s())
        print(f"part {CHECKS}: the tests that need a GPU", flush=True)
        found = known if known.get("sound") else self._test(known, of, limit_s)
        if has_gpu and found["finished"]:
            sanitized = _gpu_sanitizer.run_sanitizer(ROOT, min(TESTS_S, limit_s) / 2, before)
            found = {**found, "sanitizer": sanitized}
        folder.note(correctness={**found, "of": of})
        if not found["finished"]:
            self.said.append(f"part 1 was not done in {limit_s:.0f} s; another call goes on")

    def _test(self, known: dict[str, Any], of: int, limit_s: float) -> dict[str, Any]:
        """Runs the tests that were not run yet; all of them if some failed, as they may not now."""
        folder = self.asked.folder
        return _gpu_checks.run_tests(
            ROOT,
            limit_s,
            has_gpu=self.asked.device != "cpu",
            known={} if known.get("finished") else known.get("files", {}),
            keep=lambda done: folder.note(correctness={**UNFINISHED, "files": done, "of": of}),
            only=1 if self.asked.tiny else None,
        )

    def _agree(self, part: int) -> None:
        """Asks fresh processes for their kernels, and notes in the document whether they agree."""
        folder, device = self.asked.folder, self.asked.device
        for question in _gpu_agreement.questions(part, tiny=self.asked.tiny):
            known = folder.agreed()
            if _gpu_agreement.missing(known, question):
                print(f"part {part}: the kernels of fresh processes: {question.name}", flush=True)
                why = _gpu_agreement.agree(known, question, self.end_s, folder.agree, device)
                if why:
                    self.said.append(f"part {part}, {question.name}: {why}")
            told = _gpu_agreement.told(folder.agreed(), question)
            if told:
                folder.say(FACTORIZATIONS.name, told, question.begin)

    def _count(self) -> None:
        if self.asked.device == "cpu":
            self.said.append(
                f"part {COUNTERS} was left out: there are no hardware counters of a CPU here"
            )
            return
        folder = self.asked.folder
        why = _gpu_counters.count(ROOT, folder.counted(), self.end_s, folder.count)
        if why:
            self.said.append(f"part {COUNTERS}: {why}")

    def _measure(self, wanted: list[Part]) -> int:
        """Measures parts in a process, and in another if it dies; why the last one ended."""
        if not wanted:
            return DONE
        for _ in range(RESTARTS):
            if self._left_s() <= 0:
                break
            code = self._process(wanted)
            if code in {DONE, REFUSED, TIME_UP}:
                if code == TIME_UP:
                    self.said.append("the time was up before all was measured; call again to go on")
                return code
            if code != BROKEN and not self._blame(wanted, code):
                return REFUSED
            if self._left_s() < LEAST_S:
                break
        self.said.append("the time was up before all was measured; call again to go on")
        return TIME_UP

    def _process(self, wanted: list[Part]) -> int:
        asked = self.asked
        command = [sys.executable, "-m", "benchmarks._gpu_measure"]
        command += ["--out", str(asked.folder.path), "--seconds", f"{self._left_s():.3f}"]
        command += ["--device", asked.device, "--parts", *(str(part.number) for part in wanted)]
        command += ["--tiny"] * asked.tiny + ["--force"] * asked.force
        process = subprocess.Popen(
            leashed(command), cwd=ROOT, text=True, start_new_session=True, pass_fds=self.held
        )
        try:
            return process.wait(timeout=self._left_s() + GRACE_S)
        except subprocess.TimeoutExpired:
            self._end(process)
            return TIME_UP
        except Ended:
            self._end(process)
            raise
        finally:
            _gpu_checks.end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """Lets a process keep what it has; what does not end then is ended by `_process`."""
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            self.said.append("the measuring process did not end and was killed")

    def _blame(self, wanted: list[Part], code: int) -> bool:
        """Keeps, of the case that a process died of, that it did, so that the next passes it.

        False if it died of no case: then another would die as well.
        """
        folder = self.asked.folder
        current = folder.record().get("current")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if not current:
            self.said.append(f"the measuring process died ({how}) before it began a case")
            return False
        self.said.append(f"a measuring process died ({how}) of {current[1]}")
        pieces = [piece for part in wanted for piece in part.slices]
        for piece in pieces:
            found = folder.document(piece.study.name)
            case = next((c for c in piece.cases() if c.key == current[1]), None)
            if found is not None and case is not None:
                cases = (*found.cases, failed(case, f"the process died: {how}"))
                folder.save(replace(found, cases=cases))
                break
        folder.note(current=None)
        return True


def fingerprint() -> int:
    """A number that changes with the tests that need a GPU, and with the bench that they test."""
    files = [ROOT / name for name in _gpu_checks.marked(ROOT)]
    files += sorted((ROOT / "costlab" / "bench").rglob("*.py"))
    found = 0
    for file in files:
        found = zlib.crc32(file.read_bytes(), found)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measures, or shows what it would; the exit code."""
    begun_s = time.monotonic()
    try:
        asked, dry = asked_of(arguments, (__doc__ or "").split("\n")[0])
        if dry:
            of, minutes = fingerprint(), asked.minutes
            print(_gpu_plan.shown(asked.parts, asked.folder, minutes, of, tiny=asked.tiny))
            return DONE
        whole_s = 60 * asked.minutes
        reserve_s = min(RESERVE_S, RESERVE_SHARE * whole_s)
        with asked.folder.alone() as held:
            study, code = Study(asked, begun_s + whole_s - reserve_s, [], (held,)), DONE
            try:
                with ended_by():
                    code = study.go()
            except Ended:
                study.said.append("somebody stopped it; what had been measured was kept")
                code = TERMINATED
            took_s = time.monotonic() - begun_s
            print(summary(asked.folder, asked.parts, study.said, took_s, tiny=asked.tiny))
    except CostlabError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    return code


if __name__ == "__main__":
    sys.exit(main())
