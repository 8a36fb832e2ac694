"""What a GPU study keeps: a document a study, and a record of how far it came.

Each file is whole or as it was, so that a study may be cut off at any moment. Knows no device.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from costlab.bench.document import Measured, Measurements, Timing
from costlab.bench.study import without_threads
from costlab.errors import CostlabError, UsageError
from costlab.store import load, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from costlab.bench.document import Comparison
    from costlab.bench.study import Case

REFERENCE = "identical-arms"
RECORD, COUNTED, AGREED = "session.json", "counters.json", "agreement.json"
MOST_BYTES = 9_000_000
"""What all files may take: git keeps every version, and 10 MB are the limit that was set."""
DIGITS = 6
"""Of a sample; a timer's own step is coarser."""
THINNER = ((40, 40), (20, 12), (8, 4))
"""Blocks and kernels that are kept of a case as room gets short; a block is two samples a side."""
A_BLOCK = 2
PATIENCE_S = 5.0
"""How long a study waits for a folder: what was killed a moment ago may still hold it."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a study in a folder."""

    path: Path

    @contextmanager
    def alone(self) -> Iterator[int]:
        """Within it no other study writes here; a process that inherits what it gives holds it too.

        The folder itself is locked, so that nothing is left in it (flock(2)).

        Raises:
            UsageError: another study holds it, or it cannot be made or locked.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            held = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            message = f"cannot write to {self.path}: {error.strerror}; name another by --out"
            raise UsageError(message) from error
        try:
            self._lock(held)
            yield held
        finally:
            os.close(held)

    def _lock(self, held: int) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() < end_s:
                    time.sleep(0.1)
                    continue
                message = f"another study writes to {self.path}; wait for it, or name another"
                raise UsageError(f"{message} folder by --out") from error
            except OSError as error:
                message = f"{self.path} cannot be locked: {error.strerror}; name another by --out"
                raise UsageError(message) from error
            return

    def document(self, study: str) -> Measurements | None:
        """What was measured of a study; None if nothing was.

        Raises:
            DocumentError: the file is damaged.
        """
        file = self.path / f"{study}.json"
        if not file.exists():
            return None
        found = load(file)
        if not isinstance(found, Measurements):
            raise CostlabError(f"{file} holds no measurements; name another folder by --out")
        return found

    def measured(self, study: str) -> set[str]:
        """The keys of the cases that a study has, failed ones too."""
        found = self.document(study)
        return set() if found is None else {without_threads(case.key) for case in found.cases}

    def save(self, found: Measurements) -> None:
        """Keeps a document, with fewer of its samples if there is no room for all.

        Raises:
            UsageError: the file cannot be written.
        """
        file = self.path / f"{found.study}.json"
        others = sum(
            one.stat().st_size for one in self.path.glob("*.json") if one.name != file.name
        )
        lean = rounded(found)
        text = lean.to_json()
        for blocks, kernels in THINNER:
            if others + len(text.encode()) <= MOST_BYTES:
                break
            text = thinned(lean, blocks, kernels).to_json()
        write_text(file, text)

    def record(self) -> dict[str, Any]:
        """How far the study came; empty before the first call."""
        return self._read(RECORD)

    def note(self, **found: object) -> None:
        """Adds to the record."""
        self._write(RECORD, {**self.record(), **found})

    def counted(self) -> dict[str, Any]:
        """The hardware counters, by the side that they are of."""
        return self._read(COUNTED)

    def count(self, counted: Mapping[str, Any]) -> None:
        """Keeps the hardware counters."""
        self._write(COUNTED, counted)

    def agreed(self) -> dict[str, Any]:
        """The kernels that fresh processes chose."""
        return self._read(AGREED)

    def agree(self, agreed: Mapping[str, Any]) -> None:
        """Keeps the kernels that fresh processes chose."""
        self._write(AGREED, agreed)

    def say(self, study: str, note: str, begin: str) -> None:
        """Puts a note into a document, in the place of one that begins alike."""
        found = self.document(study)
        if found is not None:
            kept = (one for one in found.notes if not one.startswith(begin))
            self.save(replace(found, notes=(*kept, note)))

    def sizes(self) -> dict[str, tuple[int, int]]:
        """The bytes and the cases of each document."""
        found = {}
        for file in sorted(self.path.glob("*.json")):
            if file.name not in {RECORD, COUNTED, AGREED}:
                document = self.document(file.stem)
                found[file.stem] = file.stat().st_size, len(document.cases) if document else 0
        return found

    def _read(self, name: str) -> dict[str, Any]:
        file = self.path / name
        if not file.exists():
            return {}
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            message = f"{file} is damaged: {error}; delete it, and what it records is done again"
            raise CostlabError(message) from error
        return found

    def _write(self, name: str, found: Mapping[str, Any]) -> None:
        write_text(self.path / name, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def rounded(found: Measurements) -> Measurements:
    """The document with samples of six digits, which take half of the room."""
    cases = [
        replace(case, baseline=_rounded(case.baseline), variant=_rounded(case.variant))
        for case in found.cases
    ]
    return replace(found, cases=tuple(cases))


def _rounded(timing: Timing) -> Timing:
    return replace(timing, samples_s=tuple(float(f"{s:.{DIGITS}g}") for s in timing.samples_s))


def thinned(found: Measurements, blocks: int, kernels: int) -> Measurements:
    """The document with so many blocks and kernels a case at most, and a note that says so.

    What was computed of all samples stays as it is.
    """
    cases = [
        replace(
            case,
            baseline=_thinned(case.baseline, blocks, kernels),
            variant=_thinned(case.variant, blocks, kernels),
        )
        for case in found.cases
    ]
    said = "To keep the file small"
    note = (
        f"{said}, at most {blocks} blocks of samples and the {kernels} longest kernels of a side "
        "are in it, evenly chosen; all results are of all samples."
    )
    notes = (*(one for one in found.notes if not one.startswith(said)), note)
    return replace(found, cases=tuple(cases), notes=notes)


def _thinned(timing: Timing, blocks: int, kernels: int) -> Timing:
    here = len(timing.samples_s) // A_BLOCK
    kept = sorted({at * here // blocks for at in range(blocks)}) if here > blocks else range(here)
    places = [A_BLOCK * block + place for block in kept for place in range(A_BLOCK)]
    clocks, out = timing.clock_mhz, frozenset(timing.dropped)
    return replace(
        timing,
        samples_s=tuple(timing.samples_s[at] for at in places),
        dropped=tuple(now for now, at in enumerate(places) if at in out),
        clock_mhz=None if clocks is None else tuple(clocks[at] for at in places),
        kernels=None if timing.kernels is None else timing.kernels[:kernels],
    )


def floor_of(found: Measurements) -> Comparison | None:
    """The widest of the comparisons of identical arms: what is less than it, is noise."""
    compared = [found.null, *(case.comparison for case in found.cases)]
    known = [one for one in compared if one is not None]
    return max(known, key=lambda one: max(one.high, 1 / one.low), default=None)


def failed(case: Case, why: str) -> Measured:
    """A case that ended the process that measured it."""
    timings = [
        Timing(side.subject.name, side.arm, 0, 0, 0, 0, error=why)
        for side in (case.baseline, case.variant)
    ]
    return case.measured(*timings)
