"""What pictures of measurements share: colours, marks, and how one becomes SVG.

Knows no measurement. matplotlib is the extra `plot`, loaded when asked.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from costlab.render.bench_rows import Entry

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


def mark(shape: str, label: str, color: str = OTHER) -> Any:
    """A mark as a legend shows it."""
    from matplotlib.lines import Line2D

    return Line2D([], [], marker=shape, linestyle="", color=color, label=label)


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


def styled() -> AbstractContextManager[None]:
    """Our style for what matplotlib draws within it."""
    styled: AbstractContextManager[None] = require().rc_context(_STYLE)
    return styled


def legend_of(
    axes: Any, rows: Iterable[Entry], more: Iterable[Any] = (), where: str = "best"
) -> None:
    """Puts the colours of the arms into a picture, and what else there is to tell."""
    arms = dict.fromkeys(row.side.arm for row in rows)
    handles = [*(mark("o", arm, COLORS.get(arm, OTHER)) for arm in arms), *more]
    ncols = 1 if where == "best" else len(handles)
    axes.legend(handles=handles, frameon=False, fontsize=8, loc=where, ncols=ncols)


def figure(width: float, height: float) -> Any:
    """An empty figure, in inches; without pyplot, which would look for a screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def svg(drawn: Any) -> str:
    """A figure as text."""
    text = io.StringIO()
    drawn.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
