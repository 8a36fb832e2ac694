"""What a row of measurements shows: each column, its kind, and the value that a side has in it.

Knows documents, not text layout.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from costlab.render.table import POINTS, Column, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.render.bench_rows import Entry

HERTZ = 1_000_000
ABOVE = "above its roof"
TEXTS = ("interval", "energy", "power")
"""Columns that are text for people, and numbers in columns of their own for programs."""
PAGE = 120
"""Cells of a line where nothing says how wide one is: all columns stand in CSV, for programs."""


class Reading(NamedTuple):
    """A column, and the value that a row has in it; `always` shows it even if it is empty."""

    column: Column
    value: Callable[[Entry], Value]
    always: bool = False


def _mac_saving(row: Entry) -> float | None:
    if not row.compares or not row.case.baseline.macs:
        return None
    return 1 - row.side.macs / row.case.baseline.macs


def _saving(row: Entry) -> float | None:
    return 1 - row.case.comparison.ratio if row.compares and row.case.comparison else None


def _bounds(row: Entry) -> tuple[float, float] | None:
    if not row.compares or row.case.comparison is None:
        return None
    return 1 - row.case.comparison.high, 1 - row.case.comparison.low


def _interval(row: Entry) -> str | None:
    bounds = _bounds(row)
    return f"[{bounds[0] * 100:.1f}, {bounds[1] * 100:.1f}]" if bounds else None


def _realised(row: Entry) -> float | None:
    promised, saving = _mac_saving(row), _saving(row)
    return saving / promised if promised and saving is not None else None


def _rate(row: Entry) -> int | None:
    return round(2 * row.side.macs / row.time_s) if row.time_s and row.side.macs else None


def _bandwidth(row: Entry) -> int | None:
    """Bytes of the operands a second, each read or written once, as a report counts them."""
    return round(row.side.bytes / row.time_s) if row.time_s and row.side.bytes else None


def _of_roof(row: Entry) -> float | None:
    if row.model is None or not row.time_s or not row.model.least_s:
        return None
    return row.model.least_s / row.time_s


def _clock(row: Entry) -> int | None:
    clocks = row.side.clock_mhz
    return round(median(clocks) * HERTZ) if clocks else None


def _kernels(row: Entry) -> int | None:
    kernels = row.side.kernels
    return None if kernels is None else sum(kernel.calls for kernel in kernels)


def _energy(row: Entry) -> str | None:
    return None if row.side.energy_j is None else f"{row.side.energy_j:.3g} J"


def _power(row: Entry) -> str | None:
    return None if row.case.power_w is None else f"{row.case.power_w:.0f} W"


def _plain(key: str, title: str, spare: int = 0) -> Column:
    """A share without a bar: of several in a row, bars would say nothing."""
    return Column(key, title, "share", bar=False, spare=spare)


def _points(key: str, title: str) -> Column:
    """A share in percentage points, under a title that says so."""
    return Column(key, title, "share", unit=POINTS, bar=False)


AXES: tuple[Reading, ...] = (
    Reading(Column("batch", "batch", "count", exact=True), lambda row: row.case.batch),
    Reading(Column("precision", "precision", "text"), lambda row: row.case.precision),
    Reading(Column("layout", "layout", "text"), lambda row: row.case.layout),
    Reading(Column("finish", "finish", "text"), lambda row: row.case.finish),
    Reading(Column("regime", "regime", "text"), lambda row: row.case.regime),
)
"""The axes of a study, in the order of their columns."""
ARM = Reading(Column("arm", "arm", "text"), lambda row: row.side.arm)
"""Which stands in the title as well, if all sides ran in one."""

SIDES: tuple[Reading, ...] = (
    Reading(Column("side", "baseline, variant", "path"), lambda row: row.side.subject, always=True),
    Reading(Column("macs", "MACs", "count", spare=4), lambda row: row.side.macs),
    Reading(_plain("mac_saving", "MAC saving", 2), _mac_saving),
    Reading(Column("params", "params", "count", spare=12), lambda row: row.side.params),
    Reading(Column("kernels", "kernels", "count", spare=9), _kernels),
    Reading(Column("time_s", "median", "seconds"), lambda row: row.time_s, always=True),
    Reading(_plain("saving", "saving"), _saving),
    Reading(Column("interval", "95 % interval", "text", spare=1), _interval),
    Reading(
        Column("verdict", "verdict", "text"),
        lambda row: row.case.comparison.verdict if row.compares and row.case.comparison else None,
    ),
    Reading(_plain("realised", "realised", 3), _realised),
    Reading(Column("flops_per_s", "rate", "count", unit="FLOP/s", spare=7), _rate),
    Reading(_plain("of_roof", "of roof", 5), _of_roof),
    Reading(
        Column("binds", "bound by", "text", spare=6),
        lambda row: ABOVE if row.is_above_its_roof else row.model.binds if row.model else None,
    ),
    Reading(Column("clock_hz", "clock", "count", unit="Hz", spare=10), _clock),
    Reading(Column("energy", "energy", "text", spare=11), _energy),
    Reading(Column("power", "power", "text", spare=15), _power),
    Reading(Column("bytes_per_s", "bandwidth", "count", unit="B/s", spare=13), _bandwidth),
    Reading(Column("gaps_s", "gaps", "seconds", spare=14), lambda row: row.side.gaps_s),
    Reading(Column("peak_bytes", "peak", "bytes", spare=8), lambda row: row.side.peak_bytes),
)
"""What is shown of a side, for people."""


def _part(name: str) -> Callable[[Entry], Value]:
    def value(row: Entry) -> Value:
        explanation = row.case.explanation
        found: float | None = getattr(explanation, name) if explanation and row.compares else None
        return found

    return value


def _rest(row: Entry) -> str | None:
    """Where the rest lies: the noise of the saving is in it, as all else is computed."""
    bounds, explanation = _bounds(row), row.case.explanation
    if bounds is None or explanation is None:
        return None
    known = explanation.saving - explanation.residual
    return f"[{(bounds[0] - known) * 100:.1f}, {(bounds[1] - known) * 100:.1f}]"


EXPLAINED: tuple[Reading, ...] = (
    Reading(Column("side", "variant", "path"), lambda row: row.side.subject, always=True),
    Reading(_points("mac", "MACs"), _part("mac"), always=True),
    Reading(_points("memory", "memory"), _part("memory"), always=True),
    Reading(_points("passes", "passes"), _part("passes"), always=True),
    Reading(_points("waves", "waves"), _part("waves"), always=True),
    Reading(_points("launch", "launch"), _part("launch"), always=True),
    Reading(_points("residual", "rest"), _part("residual"), always=True),
    Reading(Column("rest_interval", "95 % of rest", "text", spare=1), _rest),
    Reading(_points("explained", "saving"), _part("saving"), always=True),
)
"""What is shown of an explanation."""


def _bound(index: int) -> Callable[[Entry], Value]:
    def value(row: Entry) -> Value:
        bounds = _bounds(row)
        return bounds[index] if bounds else None

    return value


MACHINE: tuple[Reading, ...] = (
    Reading(Column("pair", "pair", "text"), lambda row: row.case.pair),
    SIDES[0],
    ARM,
    *AXES,
    *(reading for reading in SIDES[1:] if reading.column.key not in TEXTS),
    Reading(_plain("saving_low", "saving, low"), _bound(0)),
    Reading(_plain("saving_high", "saving, high"), _bound(1)),
    Reading(
        Column("pairs", "pairs", "count"),
        lambda row: row.case.comparison.pairs if row.case.comparison else None,
    ),
    Reading(Column("energy_j", "energy", "ratio"), lambda row: row.side.energy_j),
    Reading(Column("power_w", "power", "ratio"), lambda row: row.case.power_w),
    *(reading for reading in EXPLAINED[1:-1] if reading.column.key != "rest_interval"),
)
"""All columns, for programs: the same whatever was measured, and numbers where people read text."""
