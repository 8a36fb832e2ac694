"""Two documents of measurements as tables: sides and savings in both, and what stood around them.

Knows documents, not text layout.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from costlab.bench.judging import reach
from costlab.bench.roofs import TOLERANCE
from costlab.render.bench_columns import PAGE
from costlab.render.table import Column, Row, Table
from costlab.units import scale_count, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.bench.contrast import Contrast, Contrasted, Savings
    from costlab.bench.runs import Run, Saving
    from costlab.render.table import Value

NAMED = 3
PART = " · "
"""Between the parts of a case's key: its pair, the arms, and the value of each axis."""
NOISE = (
    "low and high: the 95 % interval of the ratio of medians, by the noise within each run; what "
    "differs between the runs is not in it. Within the noise: the interval does not clear what "
    "identical arms differ by in both runs together, and how far the side's own blocks of samples "
    "wandered within them."
)
SIDES = (
    Column("case", "case", "text", prose=24),
    Column("side", "side", "path"),
    Column("arm", "arm", "text"),
    Column("first_s", "first", "seconds", spare=1),
    Column("second_s", "second", "seconds", spare=1),
    Column("ratio", "second / first", "ratio"),
    Column("low", "low", "ratio", spare=2),
    Column("high", "high", "ratio", spare=2),
    Column("difference", "second takes", "text", prose=10),
)
SAVINGS = (
    Column("first_saving", "first", "share", bar=False),
    Column("first_interval", "95 % interval", "text", spare=2),
    Column("first_verdict", "verdict", "text", spare=3),
    Column("second_saving", "second", "share", bar=False),
    Column("second_interval", "its 95 % interval", "text", spare=2),
    Column("second_verdict", "its verdict", "text", spare=3),
    Column("saves", "second saves", "text", prose=10),
)
RATES = {"copy": "B/s", "cache": "B/s"}
"""Ceilings whose unit is not FLOP/s; a launch takes seconds."""
CALLED = {"copy": "a copy", "cache": "a copy within the cache", "launch": "a launch"}


def contrast_tables(found: Contrast) -> list[Table]:
    """A row a side, a row a saving, what each run says of itself, and what else differs.

    What the keys of all cases end with stands in the title.
    """
    common = _common([side.case for side in found.sides])
    end = "".join(f"{PART}{part}" for part in common)
    before = ""
    rows = []
    for side in found.sides:
        rows.append(Row(_side(side, side.case.removesuffix(end) if side.case != before else None)))
        before = side.case
    title = f"{found.study}, twice{end}"
    tables = [
        Table(title, SIDES, tuple(rows), notes=_notes(found), warnings=_warnings(found), page=PAGE)
    ]
    if found.savings:
        columns = (*SIDES[:3], *SAVINGS)
        saved = tuple(
            Row((one.case.removesuffix(end), one.subject, one.arm, *_saving(one)))
            for one in found.savings
        )
        title = "What each run says is saved"
        tables.append(Table(title, columns, saved, notes=_agreed(found), page=PAGE))
    tables.append(_runs(found))
    if found.differing:
        tables.append(_environment(found))
    return tables


def _common(keys: list[str]) -> list[str]:
    """The parts that all keys end with; the pair, which begins them, is none of these.

    >>> _common(["5x5 · eager · b1 · cold", "7x7 · compile · b1 · cold"])
    ['b1', 'cold']
    """
    ends = [key.split(PART)[1:][::-1] for key in keys]
    alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*ends, strict=False))
    return [parts[0] for parts in alike][::-1]


def contrast_rows(found: Contrast) -> Table:
    """A row a side, the case in each, for programs; what is saved in those of variants."""
    saved = {(one.case, one.subject, one.arm): one for one in found.savings}
    rows = []
    for side in found.sides:
        saving = saved.get((side.case, side.subject, side.arm))
        beside = (None,) * len(SAVINGS) if saving is None else _saving(saving)
        rows.append(Row((*_side(side, side.case), *beside)))
    return Table("", (*SIDES, *SAVINGS), tuple(rows))


def _side(side: Contrasted, case: str | None) -> tuple[Value, ...]:
    return (
        case,
        side.subject,
        side.arm,
        side.first_s,
        side.second_s,
        side.ratio,
        side.low,
        side.high,
        side.difference,
    )


def _saving(found: Savings) -> tuple[Value, ...]:
    def told(saving: Saving) -> tuple[Value, ...]:
        interval = f"[{saving.low * 100:.1f}, {saving.high * 100:.1f}]"
        return saving.saving, interval, saving.verdict

    return (*told(found.first), *told(found.second), found.difference)


def _notes(found: Contrast) -> tuple[str, ...]:
    notes = [NOISE]
    for keys, which in ((found.only_first, "first"), (found.only_second, "second")):
        if keys:
            more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
            notes.append(f"Only in the {which}: {'; '.join(keys[:NAMED])}{more}.")
    if not found.differing:
        notes.append("The environments are the same.")
    return tuple(notes)


def _warnings(found: Contrast) -> tuple[str, ...]:
    """What a reader of the ratios must not overlook: a machine that was not the same."""
    warnings = []
    first, second = (run.ceilings for run in found.runs)
    rates = {
        CALLED.get(name, name): second[name] / first[name]
        for name in first
        if name in second and name != "launch"
    }
    other_rates = [
        f"{name} {rate:.2g} times" for name, rate in rates.items() if abs(rate - 1) > TOLERANCE
    ]
    if other_rates:
        warnings.append(
            f"ceilings of the second run beside those of the first: {', '.join(other_rates)}; the "
            "machine, or what else ran on it, was not the same, and that is in each ratio of "
            "times; savings are of sides that were timed in turn"
        )
    for run, which in zip(found.runs, ("first", "second"), strict=True):
        if run.floor is None:
            warnings.append(
                f"the {which} run compared no identical arms: its noise floor is not known, and "
                "taken to be the least that there can be"
            )
    return tuple(warnings)


def _agreed(found: Contrast) -> tuple[str, ...]:
    agreed = sum(one.agree for one in found.savings)
    apart = "the intervals are apart by more than identical arms differ by in both runs together."
    told = f"The runs agree in {agreed} of {len(found.savings)} verdicts."
    return (f"{told} More or less is saved where {apart}",)


def _runs(found: Contrast) -> Table:
    """A row for each thing that a run says of itself; its notes stand below."""
    columns = (
        Column("what", "what each run says of itself", "text", prose=20),
        Column("first", "first", "text", prose=20),
        Column("second", "second", "text", prose=20),
    )
    told = [dict(_told_of(run)) for run in found.runs]
    rows = tuple(
        Row((what, told[0].get(what), told[1].get(what)))
        for what in dict.fromkeys((*told[0], *told[1]))
    )
    notes = tuple(
        f"Of the {which}: {' '.join(map(_sentence, run.notes))}"
        for run, which in zip(found.runs, ("first", "second"), strict=True)
        if run.notes
    )
    return Table("", columns, rows, notes=notes, page=PAGE)


def _told_of(run: Run) -> Iterator[tuple[str, str]]:
    yield "noise floor, in savings", "not measured" if run.floor is None else reach(run.floor)
    for name, rate in run.ceilings.items():
        unit = RATES.get(name, "FLOP/s")
        shown = seconds(rate) if name == "launch" else str(scale_count(round(rate), unit=unit))
        yield CALLED.get(name, name), shown
    verdicts = [f"{count} {verdict}" for verdict, count in run.verdicts.items()]
    yield "verdicts", ", ".join(verdicts) or "none"
    yield "samples that do not count", f"{run.dropped} of {run.samples}"
    yield "complete", "yes" if run.complete else "no"


def _environment(found: Contrast) -> Table:
    columns = (
        Column("what", "what differs", "text", prose=20),
        Column("first", "first", "text", prose=20),
        Column("second", "second", "text", prose=20),
    )
    rows = tuple(
        Row((key, _text(first), _text(second))) for key, (first, second) in found.differing.items()
    )
    return Table("", columns, rows, page=PAGE)


def _sentence(note: str) -> str:
    """A note that others may follow.

    >>> _sentence("the machine is busy")
    'The machine is busy.'
    """
    return f"{note[:1].upper()}{note[1:].removesuffix('.')}."


def _text(value: object) -> str | None:
    return None if value is None else str(value)
