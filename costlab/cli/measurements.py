"""Measurements as the command line shows them: one study, two of them side by side, all there are.

Knows neither devices nor how anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from costlab.bench.contrast import contrast
from costlab.bench.document import Measurements
from costlab.bench.request import TIME_OVER
from costlab.cli.output import Face, Target, emit
from costlab.cli.running import running
from costlab.cli.voice import Voice
from costlab.errors import DocumentError, UsageError
from costlab.render.bench import bench_rows, bench_tables, pairs_table, studies_table
from costlab.render.bench_cases import DROWNED, alike, named, remedy, some
from costlab.render.contrast import contrast_rows, contrast_tables
from costlab.render.table import Table
from costlab.store import load, without_remedy

TWO = 2
COMPARED = (
    "compare takes two files that `costlab bench STUDY --out FILE` wrote; measure anew, or name "
    "another file"
)


def show(found: Measurements, wanted: list[Target], face: Face, voice: Voice) -> None:
    """Writes measurements in each format; CSV has one table, with all columns."""
    _emit(wanted, lambda: bench_tables(found), bench_rows(found), found.to_json, face, voice)


def lacking(found: Measurements, arms: Iterable[str]) -> str:
    """Which of all that was asked for has no time, and why; empty if nothing is lacking.

    `arms` are those that were asked for by name: others that cannot run here are only noted.
    """
    drowned = [case for case in found.cases if case.is_drowned]
    failed = [case for case in found.cases if case.error and not case.is_drowned]
    if len(failed) + len(drowned) == len(found.cases):
        whys = [case.error for case in failed]
        whys += [f"{DROWNED}; {remedy(found)}"] if drowned else []
        over = [note for note in found.notes if note.startswith(TIME_OVER)]
        reasons = {alike(why): why.rstrip(".") for why in whys or over}
        return f"nothing could be measured: {'; '.join(reasons.values()) or 'no time was left'}"
    parts = []
    if failed:
        names = some([named(case, found) for case in failed])
        parts.append(f"{len(failed)} of {len(found.cases)} cases failed ({names})")
    if drowned:
        names = some([named(case, found) for case in drowned])
        parts.append(f"{names}: {DROWNED}; {remedy(found)}")
    elif not found.complete:
        parts.append("no time was left for others (--minutes gives more)")
    if found.complete:
        ran = {side.arm for case in found.cases for side in (case.baseline, case.variant)}
        absent = [arm for arm in arms if arm not in ran]
        parts += [f"{', '.join(absent)} cannot run on this device"] if absent else []
    return f"not all that was asked for was measured: {'; '.join(parts)}" if parts else ""


def list_studies(
    words: list[str],
    inputs: tuple[str, ...],
    inputs_from: str,
    wanted: list[Target],
    face: Face,
    voice: Voice,
) -> None:
    """Writes the studies that come with costlab, or the pairs of the one that is named.

    Raises:
        UsageError: several are named, or inputs are given for none.
    """
    from costlab.bench.listed import to_json
    from costlab.bench.studies import STUDIES

    if len(words) > 1:
        raise UsageError(f"--list lists the pairs of one study at a time; leave {words[1]!r} out")
    if not words:
        if inputs or inputs_from:
            raise UsageError("inputs are of a model: name it, as in costlab bench --list MODEL")
        tables, listed = [studies_table(STUDIES.values())], list(STUDIES.values())
    else:
        from costlab.bench.studyfile import study_of

        with running(words[0]):
            study = study_of(words[0], inputs, inputs_from)
        tables, listed = [pairs_table(study)], [study]
    emit(wanted, lambda: tables, lambda: to_json(listed), face, voice)


def compare(files: list[str], wanted: list[Target], face: Face, voice: Voice) -> None:
    """Writes the cases that two files of measurements have in common.

    Raises:
        UsageError: there are not two files, or they have no case in common.
        DocumentError: a file holds no measurements.
    """
    if len(files) != TWO:
        raise UsageError(
            f"compare takes two files of measurements, not {len(files)}: "
            "costlab bench compare A.json B.json"
        )
    first, second = (loaded(file, COMPARED) for file in files)
    found = contrast(first, second)
    _emit(
        wanted,
        lambda: contrast_tables(found),
        contrast_rows(found),
        found.to_json,
        face,
        voice,
    )


def loaded(file: str, remedy: str) -> Measurements:
    """The measurements in a file; `remedy` ends the sentence that says why there are none.

    Raises:
        DocumentError: it cannot be read, or holds something else.
    """
    try:
        document = load(file)
    except DocumentError as error:
        raise DocumentError(f"{without_remedy(str(error))}: {remedy}") from error
    if not isinstance(document, Measurements):
        raise DocumentError(f"{file} holds no measurements: {remedy}")
    return document


def _emit(
    wanted: list[Target],
    tables: Callable[[], list[Table]],
    rows: Table,
    document: Callable[[], str],
    face: Face,
    voice: Voice,
) -> None:
    for_programs = [target for target in wanted if target.form == "csv"]
    for_people = [target for target in wanted if target.form != "csv"]
    parts = [(for_programs, lambda: [rows]), (for_people, tables)]
    # Files first: the reader of stdout may go away.
    for part, made in sorted(parts, key=lambda part: any(t.path is None for t in part[0])):
        if part:
            emit(part, made, document, face, voice)
