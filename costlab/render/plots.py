"""Measurements as pictures, in SVG: latency beside multiply-adds, and each arm on the roofline.

Knows documents, not how anything is measured. matplotlib is the extra `plot`, loaded when asked.
"""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Any

from costlab.render.bench_drawing import (
    COLORS,
    OTHER,
    NothingToPlotError,
    figure,
    legend_of,
    mark,
    require,
    styled,
    svg,
)
from costlab.render.bench_latency import latency_svg
from costlab.render.bench_rows import Entry, entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from costlab.bench.document import Ceilings, Measurements

__all__ = ["NothingToPlotError", "latency_svg", "require", "roofline_svg"]
MARKS = "osD^vPX*<>"
_RING: Any = {
    "marker": "o",
    "linestyle": "",
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgecolor": "#D55E00",
}


def roofline_svg(found: Measurements) -> str:
    """Each side on the roofline: FLOP/s over FLOPs per byte, under the ceilings of the same run.

    Bytes are those of the operands, each read or written once, as in a report.

    Raises:
        NothingToPlotError: no ceilings were measured, or nothing under them.
        UsageError: matplotlib is not installed.
    """
    rows = [row for row in entries(found) if row.time_s and row.side.macs and row.side.bytes]
    if found.ceilings is None or not rows:
        raise NothingToPlotError("there is no roofline to plot: it needs ceilings and timed sides")
    with styled():
        drawn = figure(8.0, 5.5)
        axes = drawn.subplots()
        subjects = list(dict.fromkeys(row.side.subject for row in rows))
        for row in rows:
            axes.plot(
                _intensity(row),
                _rate(row),
                MARKS[subjects.index(row.side.subject) % len(MARKS)],
                color=COLORS.get(row.side.arm, OTHER),
                markersize=6,
                alpha=0.85,
            )
            if row.is_above_its_roof:
                axes.plot(_intensity(row), _rate(row), **_RING)
        _draw_roofs(axes, found.ceilings, rows)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("arithmetic intensity, FLOPs per byte of operands")
        axes.set_ylabel("FLOP/s")
        axes.set_title(f"{found.study}: on the roofline measured in the same run")
        legend_of(axes, rows, _roof_marks(rows))
        drawn.legend(
            handles=[mark(MARKS[at % len(MARKS)], name) for at, name in enumerate(subjects)],
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=7,
        )
        return svg(drawn)


def _draw_roofs(axes: Any, ceilings: Ceilings, rows: Sequence[Entry]) -> None:
    used = list(dict.fromkeys(row.case.precision for row in rows))
    bandwidth = ceilings.copy_bytes_per_s
    peaks = {name: ceilings.flops_per_s[name] for name in used if name in ceilings.flops_per_s}
    ridges = [peak / bandwidth for peak in peaks.values()]
    low = min([*map(_intensity, rows), *ridges]) / 3
    right = max([*map(_intensity, rows), *ridges]) * 3
    for precision, peak in peaks.items():
        ridge = peak / bandwidth
        axes.plot(
            [low, ridge, right],
            [low * bandwidth, peak, peak],
            color="#222222",
            linewidth=1.2,
        )
        axes.annotate(
            f"{precision}: {peak / 10 ** (3 * int(log10(peak) // 3)):.3g} {_prefix(peak)}FLOP/s",
            (right, peak),
            xytext=(0, 4),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )


def _prefix(value: float) -> str:
    """The SI prefix of a number from a thousand to a million million millions.

    >>> _prefix(85e9), _prefix(7.9e14)
    ('G', 'T')
    """
    return ("", "k", "M", "G", "T", "P", "E")[min(int(log10(value) // 3), 6)]


def _intensity(row: Entry) -> float:
    return 2 * row.side.macs / row.side.bytes


def _rate(row: Entry) -> float:
    return 2 * row.side.macs / row.time_s if row.time_s else 0.0


def _roof_marks(rows: Iterable[Entry]) -> list[Any]:
    """The ring around what ran above its roof, if anything did."""
    from matplotlib.lines import Line2D

    if not any(row.is_above_its_roof for row in rows):
        return []
    return [Line2D([], [], label="above its roof: the ceilings are too low", **_RING)]
