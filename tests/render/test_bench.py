"""Tables and pictures of measurements: what they say, what they leave out, what adds up."""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import pytest

from costlab.bench.contrast import contrast
from costlab.bench.document import Comparison, Explanation, Measurements
from costlab.bench.saved import to_json
from costlab.render import FORMATS, terminal
from costlab.render.bench import bench_rows, bench_tables
from costlab.render.bench_columns import PAGE
from costlab.render.bench_rows import PARTS, TENTHS, tenths
from costlab.render.contrast import contrast_tables
from tests.render.measured import EXPLANATION, FAILED, FIVE, FOUND, NULL, SLOWER, TWO

if TYPE_CHECKING:
    from costlab.render.table import Table, Value
    from tests.conftest import Golden


def cell(table: Table, row: int, key: str) -> Value:
    """What stands in a column."""
    return table.rows[row].cells[[column.key for column in table.columns].index(key)]


def text(found: Measurements, width: int | None = None) -> str:
    """All tables as text."""
    return "\n".join(terminal.render(table, width=width) for table in bench_tables(found))


@pytest.mark.parametrize(
    ("name", "width"), [("bench.txt", None), ("bench_80.txt", 80), ("bench_140.txt", 140)]
)
def test_the_tables(golden: Golden, name: str, width: int | None) -> None:
    """A study with its notes and its explanation, in a pipe and on pages of two widths."""
    golden(name, text(FOUND, width))


@pytest.mark.parametrize(
    ("form", "name"), [("csv", "bench.csv"), ("markdown", "bench.md"), ("html", "bench.html")]
)
def test_the_other_formats(golden: Golden, form: str, name: str) -> None:
    """CSV has one table with every column; Markdown and HTML what a reader is shown."""
    tables = [bench_rows(FOUND)] if form == "csv" else bench_tables(FOUND)
    golden(name, "\n".join(FORMATS[form](table) for table in tables))


def test_the_document(golden: Golden) -> None:
    """The document itself, which the tests of the command line show again."""
    golden("bench.json", to_json(FOUND))


def test_a_pipe_is_no_wider_than_a_page() -> None:
    """Where nothing says how wide a line may be, columns that can be spared go, and are named."""
    assert max(map(len, text(FOUND).splitlines())) <= PAGE
    said = " ".join(text(FOUND).split())
    assert "A wider terminal, COLUMNS=200 or CSV shows all columns." in said
    told = contrast(FOUND, FOUND)
    shown = "\n".join(map(terminal.render, contrast_tables(told)))
    assert max(map(len, shown.splitlines())) <= PAGE


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_line_is_longer_than_the_page(width: int) -> None:
    """Whatever the page is wide, the tables fit."""
    assert max(map(len, text(FOUND, width).splitlines())) <= width


def test_what_a_row_says() -> None:
    """A variant is set against its baseline: 28 % of the MACs saved, and time lost."""
    table = bench_tables(FOUND)[0]
    assert [cell(table, row, "side") for row in (0, 1)] == ["5x5, 35x35x64", "3x3 3x3, 35x35x64"]
    assert cell(table, 0, "saving") is None
    assert cell(table, 1, "mac_saving") == pytest.approx(1 - 18 / 25)
    assert cell(table, 1, "saving") == pytest.approx(1 - 1.1639)
    assert cell(table, 1, "realised") == pytest.approx((1 - 1.1639) / (7 / 25))
    assert cell(table, 1, "interval") == "[-17.6, -15.2]"
    assert cell(table, 1, "time_s") == 59e-6
    assert cell(table, 1, "kernels") == 2 + 4
    assert cell(table, 0, "flops_per_s") == round(2 * FIVE.macs / 51e-6)
    assert cell(table, 0, "of_roof") == pytest.approx(1.02e-5 / 51e-6)
    assert cell(table, 0, "clock_hz") == 1_980_000_000


def test_a_failure_prints_no_speed() -> None:
    """A case with an error has no row; its error stands below."""
    table = bench_tables(FOUND)[0]
    assert len(table.rows) == 2
    assert f"Not measured: {FAILED.pair} · compile: its outputs are wrong." in table.notes
    samples = replace(FAILED.variant, samples_s=(1e-6,))
    hidden = replace(FOUND, cases=(replace(FAILED, variant=samples),))
    assert bench_rows(hidden).rows == ()


def test_what_was_not_measured_has_no_column() -> None:
    """A machine without clocks and energy has no empty columns for them; CSV keeps all."""
    bare = replace(SLOWER, baseline=replace(FIVE, clock_mhz=None, energy_j=None))
    bare = replace(bare, variant=replace(bare.variant, clock_mhz=None, energy_j=None))
    keys = {column.key for column in bench_tables(replace(FOUND, cases=(bare,)))[0].columns}
    assert not {"clock_hz", "energy"} & keys
    assert {"clock_hz", "energy"} <= {column.key for column in bench_tables(FOUND)[0].columns}
    assert bench_rows(replace(FOUND, cases=(bare,))).columns == bench_rows(FOUND).columns


def test_what_varies_is_a_column() -> None:
    """What all cases share stands in the title, and what differs beside each row."""
    shared = "bf16 · nhwc · bn_relu · cold"
    assert bench_tables(FOUND)[0].title == f"factorizations · batch 32 · {shared} · eager"
    other = replace(FOUND, cases=(SLOWER, replace(SLOWER, batch=256)))
    table = bench_tables(other)[0]
    assert table.title == f"factorizations · {shared} · eager"
    assert [cell(table, row, "batch") for row in range(4)] == [32, 32, 256, 256]
    compiled = replace(SLOWER, variant=replace(SLOWER.variant, arm="compile"))
    table = bench_tables(replace(FOUND, cases=(compiled,)))[0]
    assert table.title == f"factorizations · batch 32 · {shared}"
    assert [cell(table, row, "arm") for row in (0, 1)] == ["eager", "compile"]


def test_the_threads_of_a_cpu_stand_in_the_title() -> None:
    """A verdict depends on them; of a GPU's host they stand below."""
    for device, titled in (("cpu", True), ("cuda", False)):
        environment = {**FOUND.environment, "device": device, "threads": 2}
        table = bench_tables(replace(FOUND, environment=environment))[0]
        assert table.title.endswith(" · 2 threads") is titled
        assert ("threads 2" in table.notes[0]) is not titled


@pytest.mark.parametrize(
    "explanation",
    [
        EXPLANATION,
        Explanation(0.2804, 0.0004, 0.0004, 0.0004, 0.0004, 0.0004),
        Explanation(1 / 3, -1 / 7, 1 / 9, -1 / 11, 1 / 13, -1 / 17),
        Explanation(0.0, 0.0, 0.0, 0.0, 0.0, -0.9996),
    ],
    ids=repr,
)
def test_rounded_parts_still_add_up(explanation: Explanation) -> None:
    """The parts that are shown sum to the saving that is shown; rounding is left to the rest."""
    shown = tenths(explanation)
    whole = [round(getattr(shown, part) * TENTHS) for part in PARTS]
    assert sum(whole) == round(explanation.saving * TENTHS)
    for part, count in zip(PARTS, whole, strict=True):
        off = abs(count - getattr(explanation, part) * TENTHS)
        assert off <= (len(PARTS) / 2 if part == "residual" else 0.5)


def test_the_explanation_in_text_adds_up() -> None:
    """Each line of the printed table adds up, as it is printed."""
    line = terminal.render(bench_tables(FOUND)[1]).splitlines()[4]
    numbers = [float(n) for n in re.findall(r" (-?\d+\.\d)\b", re.sub(r"\[.*?\]", "", line))]
    assert len(numbers) == 7
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1])
    assert numbers[0] == 28.0


def test_a_subject_alone_has_one_row() -> None:
    """What was compared with itself is one row, without a saving."""
    alone = replace(SLOWER, variant=FIVE, comparison=NULL, explanation=None)
    table = bench_tables(replace(FOUND, cases=(alone,)))[0]
    assert [row.depth for row in table.rows] == [0]
    assert not {"saving", "verdict", "realised"} & {column.key for column in table.columns}
    assert not any("saving:" in note or "realised" in note for note in table.notes)


def warnings(**changed: object) -> str:
    """What a reader of the changed measurements is warned of."""
    return "\n".join(bench_tables(replace(FOUND, **changed))[0].warnings)  # type: ignore[arg-type]  # fields by name, of several types


def test_a_reader_is_warned() -> None:
    """Of what is missing, of a noise floor that is not known or not sound, and of odd ceilings."""
    assert "not complete" in warnings()
    assert warnings(complete=True) == ""
    assert "noise floor is not known" in warnings(null=None)
    biased = Comparison(1.02, 1.01, 1.03, 40, 0, "SLOWER", "precise")
    assert "identical arms differ by more than their interval" in warnings(null=biased)
    fast = replace(SLOWER, baseline=replace(FIVE, samples_s=(5e-6,)))
    assert "1 of the sides ran above their roof" in warnings(cases=(fast,))


def test_nothing_measured_is_a_table_too() -> None:
    """A document without cases can be shown."""
    assert text(Measurements("factorizations", {}, ())).startswith("factorizations\n")


def compared(**changed: object) -> Comparison:
    """The comparison of the slower case, changed."""
    assert SLOWER.comparison is not None
    return replace(SLOWER.comparison, **changed)  # type: ignore[arg-type]  # fields by name, of several types


def test_what_is_no_verdict_is_not_explained() -> None:
    """Parts are told of a verdict alone, under its roof, and of two models; else it is said why."""
    doubt = replace(SLOWER, comparison=compared(verdict="AMBIGUOUS"))
    fast = replace(SLOWER, baseline=replace(FIVE, samples_s=(5e-6,)))
    one = replace(SLOWER, variant=replace(FIVE, arm="compile"))
    for case, why in (
        (doubt, "there is no verdict"),
        (fast, "a side ran above its roof"),
        (one, "both sides are one model in two arms"),
    ):
        (table,) = bench_tables(replace(FOUND, cases=(case,)))
        assert any(f"Not told in parts: 1 saving, as {why}" in note for note in table.notes)
    both = bench_tables(replace(FOUND, cases=(SLOWER, replace(doubt, batch=256))))
    assert len(both[1].rows) == 1
    assert "Not told in parts: 1 saving, as there is no verdict." in both[1].notes


def test_what_beats_its_roof_is_bound_by_nothing() -> None:
    """A side above its roof says so where it would say what binds it; the other keeps its word."""
    fast = replace(SLOWER, baseline=replace(FIVE, samples_s=(5e-6,)))
    table = bench_tables(replace(FOUND, cases=(fast,)))[0]
    assert cell(table, 0, "binds") == "above its roof"
    assert cell(table, 1, "binds") == cell(bench_tables(FOUND)[0], 1, "binds") != "above its roof"


def test_a_cache_slower_than_memory_is_told() -> None:
    """Such ceilings cannot be, and a reader is warned."""
    assert FOUND.ceilings is not None
    odd = replace(FOUND.ceilings, cache_bytes_per_s=FOUND.ceilings.copy_bytes_per_s / 2)
    assert "slower than one through memory" in warnings(ceilings=odd)


def test_a_reason_is_told_whatever_the_verdict() -> None:
    """Also of what is FASTER or SLOWER; reasons that differ in their figures are told once."""
    cases = [
        replace(SLOWER, batch=n, comparison=compared(reason=f"baseline drifted by +{n}.5%"))
        for n in (1, 2)
    ]
    notes = bench_tables(replace(FOUND, cases=tuple(cases)))[0].notes
    name = SLOWER.variant.subject
    told = f"{name} · b1; {name} · b2 (SLOWER), such as {name} · b1: baseline drifted by +1.5%."
    assert told in notes


def test_the_example_of_a_reason_is_the_worst() -> None:
    """Who lost 30 of 40 pairs is not told to be as who lost 6."""
    cases = [
        replace(
            SLOWER,
            batch=batch,
            comparison=replace(compared(reason=reason), pairs=pairs, dropped=40 - pairs),
        )
        for batch, pairs, reason in (
            (1, 34, "blocks 0-1, 8 of 20 dropped: neighbours"),
            (2, 10, "blocks 0, 3-16 of 20 dropped: neighbours"),
        )
    ]
    notes = bench_tables(replace(FOUND, cases=tuple(cases)))[0].notes
    name = SLOWER.variant.subject
    worst = f"of {name} · b2, which lost most: blocks 0, 3-16 of 20 dropped: neighbours."
    assert f"{name} · b1; {name} · b2 (SLOWER), {worst}" in notes


def test_medians_beside_their_interval() -> None:
    """Where the ratio of the medians is outside the interval, that is said."""
    pulled = replace(SLOWER, comparison=compared(low=2.0, ratio=2.1, high=2.2))
    said = "The ratio of the medians lies outside the interval of 1 of 1"
    assert any(said in note for note in bench_tables(replace(FOUND, cases=(pulled,)))[0].notes)
    assert not any(said in note for note in bench_tables(FOUND)[0].notes)


def test_a_title_is_shown() -> None:
    """A study that has a title is headed by it."""
    titled = replace(FOUND, environment={**FOUND.environment, "title": "Five or three"})
    assert bench_tables(titled)[0].title.startswith("factorizations: Five or three · batch 32")


def test_a_narrow_page_keeps_the_interval() -> None:
    """A saving is not read without it: on 80 columns it stands there."""
    assert "[-17.6, -15.2]" in text(FOUND, 80)


def test_power_bandwidth_and_gaps_are_shown() -> None:
    """Watts of the case, bytes of the operands over the median, and the seconds between kernels."""
    table = bench_tables(FOUND)[0]
    for row, side in enumerate((FIVE, TWO)):
        assert cell(table, row, "power") == "612 W"
        assert cell(table, row, "bytes_per_s") == round(side.bytes / median(side.samples_s))
        assert cell(table, row, "gaps_s") == side.gaps_s
    programs = bench_rows(FOUND)
    assert cell(programs, 0, "power_w") == SLOWER.power_w
    assert "gaps_s" in [column.key for column in programs.columns]
