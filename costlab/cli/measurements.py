"""Measurements as the command line shows them: one study, two of them side by side, all there are.

Knows neither devices nor how anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable

from costlab.bench.contrast import contrast
from costlab.bench.document import Measurements
from costlab.cli.output import Face, Target, emit
from costlab.cli.voice import Voice
from costlab.errors import DocumentError, UsageError
from costlab.render.bench import bench_rows, bench_tables, studies_table
from costlab.render.contrast import contrast_rows, contrast_tables
from costlab.render.table import Table
from costlab.store import REMEDY, load

TWO = 2
COMPARED = (
    "compare takes two files that `costlab bench STUDY --out FILE` wrote; measure anew, or name "
    "another file"
)


def show(found: Measurements, wanted: list[Target], face: Face, voice: Voice) -> None:
    """Writes measurements in each format; CSV has one table, with all columns."""
    _emit(wanted, lambda: bench_tables(found), bench_rows(found), found.to_json, face, voice)


def list_studies(words: list[str], wanted: list[Target], face: Face, voice: Voice) -> None:
    """Writes the studies that come with costlab.

    Raises:
        UsageError: one is named.
    """
    from costlab.bench.listed import to_json
    from costlab.bench.studies import STUDIES

    if words:
        raise UsageError(f"--list lists the studies; leave {words[0]!r} out")
    table = studies_table(STUDIES.values())
    emit(wanted, lambda: [table], lambda: to_json(STUDIES.values()), face, voice)


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
        # What the store advises for a document of any kind is to save a report.
        told = str(error).removesuffix(REMEDY).rstrip(" .")
        raise DocumentError(f"{told}: {remedy}") from error
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
