"""Two documents of measurements side by side, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab.bench.contrast import contrast
from costlab.render import terminal
from costlab.render.contrast import contrast_rows, contrast_tables
from tests.render.measured import FOUND, SLOWER
from tests.render.test_bench import cell

if TYPE_CHECKING:
    from tests.conftest import Golden


def test_two_documents(golden: Golden) -> None:
    """The same cases twice, and what differs around them."""
    faster = replace(SLOWER, variant=replace(SLOWER.variant, samples_s=(30e-6, 31e-6, 29e-6)))
    environment = {**FOUND.environment, "torch": "2.13.0"}
    told = contrast(FOUND, replace(FOUND, cases=(faster,), environment=environment))
    shown = [terminal.render(table) for table in contrast_tables(told)]
    golden("bench_compare.txt", "\n".join(shown))
    rows = contrast_rows(told)
    assert [row.cells[0] for row in rows.rows] == [SLOWER.key] * 2
    assert [cell(rows, row, "first_verdict") for row in (0, 1)] == [None, "SLOWER"]


def test_two_documents_of_machines_that_differ() -> None:
    """Ceilings that differ, and noise that nobody measured, are warned of; notes are told."""
    assert FOUND.ceilings is not None
    slow = replace(FOUND.ceilings, copy_bytes_per_s=FOUND.ceilings.copy_bytes_per_s / 2)
    other = replace(FOUND, ceilings=slow, null=None, notes=("the machine is busy",))
    sides, _, runs, *_ = contrast_tables(contrast(FOUND, other))
    assert any("those of the first: a copy 0.5 times;" in text for text in sides.warnings)
    assert any("the second run compared no identical arms" in text for text in sides.warnings)
    assert "Of the second: The machine is busy." in runs.notes
    alike, *_ = contrast_tables(contrast(FOUND, FOUND))
    assert alike.warnings == ()


def test_a_page_has_room_for_what_is_saved() -> None:
    """On 80 columns no line is longer; on 120 the intervals stand there, before the verdicts."""
    saved = contrast_tables(contrast(FOUND, FOUND))[1]
    narrow = terminal.render(saved, width=80).splitlines()
    assert max(map(len, narrow)) <= 80
    assert any("second saves" in line for line in narrow)
    wide = terminal.render(saved, width=120)
    assert "its 95 % interval  second saves" in wide
