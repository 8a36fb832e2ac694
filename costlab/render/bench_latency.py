"""The picture of latency beside multiply-adds: a row a side, a column for each of the two.

Knows documents, not how anything is measured.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.bench.contrast import logs_of_blocks
from costlab.bench.judging import noise_floor
from costlab.bench.statistics import FEWEST_BLOCKS, interval
from costlab.render.bench_drawing import (
    COLORS,
    OTHER,
    NothingToPlotError,
    figure,
    legend_of,
    styled,
    svg,
)
from costlab.render.bench_rows import Entry, entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from costlab.bench.document import Measurements

PERCENT = 100
NEAR = 0.5
"""How much of an interval is shown to either side of its point: one of chance alone has no end."""
WIDE = 30
"""Times that are apart by more than this factor are shown by their logarithms."""
LATENCY, SAVING = "latency-{}", "saving-{}"
"""What the interval of a row is called in the picture."""
SPANNING = 6
"""The median of so many lies between the least and the largest of them 97 times in 100."""
_ROW_INCHES, _LEGEND_INCHES = 0.26, 0.35
_BAND: Any = {"color": "#F0E442", "alpha": 0.3, "linewidth": 0}
_UNITS = ((1.0, "s"), (1e-3, "ms"), (0.0, "µs"))


def latency_svg(found: Measurements) -> str:
    """What each side takes, beside its multiply-adds; and what a variant saves of both.

    Left the multiply-adds, in the middle the time of a call and right the saving in time, each with
    its 95 % interval: bars say what the multiply-adds promise, points what the clock says.

    Raises:
        NothingToPlotError: nothing was timed.
        UsageError: matplotlib is not installed.
    """
    rows = [row for row in entries(found) if row.time_s]
    if not rows:
        raise NothingToPlotError("there is nothing to plot: no side was timed")
    with styled():
        height = 1.6 + _ROW_INCHES * len(rows)
        drawn = figure(11.0, height)
        # The constrained layout solves for all columns at once, and not to the last digit alike.
        drawn.set_layout_engine("tight", rect=(0, _LEGEND_INCHES / height, 1, 1))
        ratios = (2, 3, 3) if any(row.compares for row in rows) else (2, 3)
        macs, times, *savings = drawn.subplots(1, len(ratios), sharey=True, width_ratios=ratios)
        macs.set_ylim(len(rows) - 0.4, -0.6)
        macs.set_yticks(range(len(rows)), _labels(rows))
        _draw_macs(macs, rows)
        _draw_times(times, rows)
        for axes in savings:
            _draw_savings(axes, rows, found)
        saved = ", and what is saved" * len(savings)
        drawn.suptitle(f"{found.study}: multiply-adds, the time of a call{saved}")
        legend_of(drawn, rows, _marks(found, rows), "lower center")
        return svg(drawn)


def _draw_macs(axes: Any, rows: Sequence[Entry]) -> None:
    for place, row in enumerate(rows):
        axes.barh(place, row.side.macs / 1e6, height=0.62, color="#bbbbbb")
    axes.set_xlabel("multiply-adds, millions")


class Latency(NamedTuple):
    """The mean time of a call, and where its 95 % interval begins and ends, in seconds."""

    mean: float
    low: float
    high: float


def latency_of(row: Entry) -> Latency | None:
    """The mean time of a call, over blocks that count, with its 95 % interval; None of too few.

    The mean is that of the logarithms, as in a saving; its point is not the median of a table. A
    drift widens an interval of logarithms without end; of `SPANNING` blocks or more it is no wider
    than the blocks themselves.
    """
    blocks = logs_of_blocks(row.side)
    if len(blocks) < FEWEST_BLOCKS:
        return None
    found = interval(blocks)
    if len(blocks) < SPANNING:
        return Latency(found.ratio, found.low, found.high)
    shortest, longest = exp(min(blocks)), exp(max(blocks))
    return Latency(found.ratio, max(found.low, shortest), min(found.high, longest))


def _draw_times(axes: Any, rows: Sequence[Entry]) -> None:
    longest_s = max(row.time_s or 0.0 for row in rows)
    unit_s, unit = next((least or 1e-6, name) for least, name in _UNITS if longest_s >= least)
    for place, row in enumerate(rows):
        found = latency_of(row)
        if found is None:
            axes.plot((row.time_s or 0.0) / unit_s, place, **_point(row))
            continue
        point, low, high = (one / unit_s for one in (found))
        _draw_interval(axes, place, (point, low, high), row, LATENCY)
    axes.set_xlabel(f"time of a call, {unit}: mean, 95 % interval")
    shortest_s = min(row.time_s or longest_s for row in rows)
    if longest_s > WIDE * shortest_s:
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)


def _draw_savings(axes: Any, rows: Sequence[Entry], found: Measurements) -> None:
    for place, row in enumerate(rows):
        comparison, macs = row.case.comparison, row.case.baseline.macs
        if not row.compares or comparison is None:
            continue
        if macs:
            saved = (1 - row.side.macs / macs) * PERCENT
            axes.barh(place, saved, height=0.62, color="#dddddd")
        ratios = (comparison.ratio, comparison.high, comparison.low)
        point, low, high = ((1 - ratio) * PERCENT for ratio in ratios)
        _draw_interval(axes, place, (point, low, high), row, SAVING)
    if found.null is not None:
        floor = noise_floor(found.null)
        axes.axvspan(*((1 - exp(way * floor)) * PERCENT for way in (1, -1)), **_BAND)
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_xlim(*_span(rows))
    axes.set_xlabel("saving, %: multiply-adds (bars), time (points)")


def _draw_interval(
    axes: Any, place: int, found: tuple[float, float, float], row: Entry, called: str
) -> None:
    """A point and its interval, which is called by its row in the picture."""
    point, low, high = found
    # Rounding may put a point beside an interval of no width.
    reach = [[max(point - low, 0)], [max(high - point, 0)]]
    _, _, bars = axes.errorbar(point, place, xerr=reach, capsize=3, **_point(row))
    bars[0].set_gid(called.format(place))


def _point(row: Entry) -> dict[str, Any]:
    color, comparison = COLORS.get(row.side.arm, OTHER), row.case.comparison
    doubtful = row.compares and comparison is not None and comparison.verdict == "AMBIGUOUS"
    inside = "white" if doubtful else color
    return {
        "marker": "o",
        "linestyle": "",
        "color": color,
        "markerfacecolor": inside,
        "markersize": 4.5,
    }


def _span(rows: Sequence[Entry]) -> tuple[float, float]:
    """What the axis of savings shows, in per cent: each point, and of its interval what is near."""
    left, right = 0.0, 0.0
    for row in rows:
        comparison, macs = row.case.comparison, row.case.baseline.macs
        if comparison is not None:
            point = 1 - comparison.ratio
            left = min(left, point, max(1 - comparison.high, point - NEAR))
            right = max(right, point, min(1 - comparison.low, point + NEAR))
        right = max(right, 1 - row.side.macs / macs if macs else 0.0)
    margin = 0.05 * max(right - left, 0.1)
    return (left - margin) * PERCENT, (right + margin) * PERCENT


def _labels(rows: Sequence[Entry]) -> list[str]:
    """What each row is: its side, and of the conditions those that are not the same everywhere."""
    conditions = ("batch", "precision", "layout", "finish", "regime")
    varying = [name for name in conditions if len({getattr(row.case, name) for row in rows}) > 1]
    labels = []
    for row in rows:
        told = [
            f"b{row.case.batch}" if name == "batch" else str(getattr(row.case, name))
            for name in varying
        ]
        labels.append(" · ".join(["→ " * row.depth + row.side.subject, row.side.arm, *told]))
    return labels


def _marks(found: Measurements, rows: Iterable[Entry]) -> list[Any]:
    """What of noise and doubt the picture shows."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: list[Any] = []
    if any(row.case.comparison and row.case.comparison.verdict == "AMBIGUOUS" for row in rows):
        hollow: Any = {"marker": "o", "linestyle": "", "color": OTHER, "markerfacecolor": "white"}
        marks.append(Line2D([], [], label="AMBIGUOUS: no verdict", **hollow))
    if found.null is not None:
        marks.append(Patch(label="noise of identical arms", **_BAND))
    return marks
