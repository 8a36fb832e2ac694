"""Measurements as pictures, in SVG: latency beside multiply-adds, and each arm on the roofline.

Knows documents, not how anything is measured. matplotlib is the extra `plot`, loaded when asked.
"""

from __future__ import annotations

import io
from math import exp, log10
from typing import TYPE_CHECKING, Any

from costlab.bench.judging import noise_floor
from costlab.errors import UsageError
from costlab.render.bench_columns import Entry, entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from costlab.bench.document import Ceilings, Measurements

# Okabe and Ito's colours, which people who see no red or green tell apart too.
COLORS = {
    "eager": "#0072B2",
    "graph": "#E69F00",
    "compile": "#009E73",
    "compile-autotune": "#CC79A7",
    "cudnn-fused": "#D55E00",
    "ours": "#56B4E9",
    "autotune-graph": "#F0E442",
    "best-blocks": "#000000",
}
OTHER = "#555555"
MARKS = "osD^vPX*<>"
PERCENT = 100
NEAR = 0.5
"""How much of an interval is shown to either side of its point: one of chance alone has no end."""
_ROW_INCHES = 0.34
_BAND: Any = {"color": "#F0E442", "alpha": 0.3, "linewidth": 0}
_RING: Any = {
    "marker": "o",
    "linestyle": "",
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgecolor": "#D55E00",
}
_STYLE: Any = {
    "svg.hashsalt": "costlab",  # ids that do not change from run to run
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


class NothingToPlotError(UsageError):
    """Measurements that hold nothing of what a picture shows."""


def latency_svg(found: Measurements) -> str:
    """What each variant saves: a point with its 95 % interval, beside the bar of its MACs.

    Raises:
        NothingToPlotError: nothing was compared.
        UsageError: matplotlib is not installed.
    """
    rows = [row for row in entries(found) if row.compares]
    if not rows:
        raise NothingToPlotError(
            "there is nothing to plot: no variant was compared with its baseline"
        )
    with _styled():
        figure = _figure(8.0, 1.3 + _ROW_INCHES * len(rows))
        axes = figure.subplots()
        for place, row in enumerate(rows):
            _draw_saving(axes, place, row)
        if found.null is not None:
            floor = noise_floor(found.null)
            axes.axvspan(*((1 - exp(way * floor)) * PERCENT for way in (1, -1)), **_BAND)
        axes.axvline(0, color="#222222", linewidth=0.8)
        axes.set_yticks(range(len(rows)), _labels(rows))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(*_span(rows))
        axes.set_xlabel("saving over the baseline, % (left of 0: slower)")
        axes.set_title(f"{found.study}: what is saved of multiply-adds (bars) and of time (points)")
        _legend(axes, rows, _savings_marks(found, rows))
        return _svg(figure)


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
    with _styled():
        figure = _figure(8.0, 5.5)
        axes = figure.subplots()
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
        _legend(axes, rows, _roof_marks(rows))
        figure.legend(
            handles=[_mark(MARKS[at % len(MARKS)], name) for at, name in enumerate(subjects)],
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=7,
        )
        return _svg(figure)


def _draw_saving(axes: Any, place: int, row: Entry) -> None:
    comparison, color = row.case.comparison, COLORS.get(row.side.arm, OTHER)
    if comparison is None:
        return
    macs = row.case.baseline.macs
    if macs:
        axes.barh(place, (1 - row.side.macs / macs) * PERCENT, height=0.62, color="#dddddd")
    point, low, high = (
        (1 - ratio) * PERCENT for ratio in (comparison.ratio, comparison.high, comparison.low)
    )
    axes.errorbar(
        point,
        place,
        # Rounding may put a point beside an interval of no width.
        xerr=[[max(point - low, 0)], [max(high - point, 0)]],
        fmt="o",
        color=color,
        markerfacecolor="white" if comparison.verdict == "AMBIGUOUS" else color,
        markersize=4.5,
        capsize=3,
    )


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


def _labels(rows: Sequence[Entry]) -> list[str]:
    """What each row is: its pair, and of the conditions those that are not the same everywhere."""
    conditions = ("batch", "precision", "layout", "finish", "regime")
    varying = [name for name in conditions if len({getattr(row.case, name) for row in rows}) > 1]
    labels = []
    for row in rows:
        told = [
            f"b{row.case.batch}" if name == "batch" else str(getattr(row.case, name))
            for name in varying
        ]
        labels.append(" · ".join([row.case.pair, row.side.arm, *told]))
    return labels


def _intensity(row: Entry) -> float:
    return 2 * row.side.macs / row.side.bytes


def _rate(row: Entry) -> float:
    return 2 * row.side.macs / row.time_s if row.time_s else 0.0


def _savings_marks(found: Measurements, rows: Iterable[Entry]) -> list[Any]:
    """What of noise and doubt a picture of savings shows."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: list[Any] = []
    if any(row.case.comparison and row.case.comparison.verdict == "AMBIGUOUS" for row in rows):
        hollow: Any = {"marker": "o", "linestyle": "", "color": OTHER, "markerfacecolor": "white"}
        marks.append(Line2D([], [], label="AMBIGUOUS: no verdict", **hollow))
    if found.null is not None:
        marks.append(Patch(label="noise of identical arms", **_BAND))
    return marks


def _roof_marks(rows: Iterable[Entry]) -> list[Any]:
    """The ring around what ran above its roof, if anything did."""
    from matplotlib.lines import Line2D

    if not any(row.is_above_its_roof for row in rows):
        return []
    return [Line2D([], [], label="above its roof: the ceilings are too low", **_RING)]


def _legend(axes: Any, rows: Iterable[Entry], more: Iterable[Any] = ()) -> None:
    arms = dict.fromkeys(row.side.arm for row in rows)
    handles = [_mark("o", arm, COLORS.get(arm, OTHER)) for arm in arms]
    axes.legend(handles=[*handles, *more], frameon=False, fontsize=8, loc="best")


def _mark(mark: str, label: str, color: str = OTHER) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], marker=mark, linestyle="", color=color, label=label)


def require() -> Any:
    """Loads matplotlib.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        message = "plots need matplotlib, which is not installed: pip install 'costlab[plot]'"
        raise UsageError(message) from error
    return mpl


def _styled() -> AbstractContextManager[None]:
    """Our style for what matplotlib draws within it."""
    styled: AbstractContextManager[None] = require().rc_context(_STYLE)
    return styled


def _figure(width: float, height: float) -> Any:
    """An empty figure, in inches; without pyplot, which would look for a screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Any) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
