"""Pictures of measurements: what they draw, and what they need."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from io import StringIO
from statistics import fmean
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from costlab.errors import UsageError
from costlab.render import plots
from costlab.render.bench_latency import LATENCY, SAVING, latency_of
from costlab.render.bench_rows import entries
from tests.render.measured import FAILED, FIVE, FOUND, SLOWER, TWO
from tests.render.test_bench import compared

if TYPE_CHECKING:
    from costlab.bench.document import Measurements


def drawn(svg: str) -> str:
    """The words of a picture, if it is one."""
    root = ET.parse(StringIO(svg)).getroot()  # noqa: S314 - it is ours
    assert root.tag.endswith("}svg")
    return " ".join("".join(root.itertext()).split())


def test_the_pictures() -> None:
    """Both are SVG, name what they show, and are the same in every run."""
    pytest.importorskip("matplotlib")
    latency, roofline = plots.latency_svg(FOUND), plots.roofline_svg(FOUND)
    assert "5x5, 35x35x64 · eager" in drawn(latency)
    assert "→ 3x3 3x3, 35x35x64 · eager" in drawn(latency)
    assert "bf16: 788 TFLOP/s" in drawn(roofline)
    assert "3x3 3x3, 35x35x64" in drawn(roofline)
    assert (latency, roofline) == (plots.latency_svg(FOUND), plots.roofline_svg(FOUND))


def test_nothing_to_draw() -> None:
    """Without a side that was timed, or without ceilings, it is said what is missing."""
    pytest.importorskip("matplotlib")
    with pytest.raises(plots.NothingToPlotError, match="no side was timed"):
        plots.latency_svg(replace(FOUND, cases=(FAILED,)))
    with pytest.raises(plots.NothingToPlotError, match="needs ceilings"):
        plots.roofline_svg(replace(FOUND, ceilings=None))


def test_pictures_need_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed, the message says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"pip install 'costlab\[plot\]'"):
        plots.latency_svg(FOUND)


SAMPLES = tuple(52e-6 + 1e-6 * at for at in (0, 3, 1, 2, 4, 1, 0, 2))


def timed() -> Measurements:
    """A pair whose sides have blocks enough for an interval of their times."""
    variant = replace(TWO, samples_s=tuple(1.2 * time_s for time_s in SAMPLES))
    case = replace(SLOWER, baseline=replace(FIVE, samples_s=SAMPLES), variant=variant)
    return replace(FOUND, cases=(case,))


def spans(svg: str, called: str) -> dict[int, tuple[float, float]]:
    """Where the intervals of a name begin and end in a picture, in points, by their rows."""
    found = {}
    for group in ET.parse(StringIO(svg)).getroot().iter("{http://www.w3.org/2000/svg}g"):  # noqa: S314 - it is ours
        name, _, row = group.get("id", "").rpartition("-")
        if name == called.rpartition("-")[0]:
            (path,) = (child.get("d", "") for child in group)
            xs = re.findall(r"[ML] ([\d.]+) [\d.]+", path)
            found[int(row)] = (float(xs[0]), float(xs[1]))
    return found


def test_latencies_have_their_intervals() -> None:
    """Each side's mean time of a call has a bar from end to end of its 95 % interval, to scale."""
    pytest.importorskip("matplotlib")
    found = timed()
    rows = entries(found)
    drawn_at = spans(plots.latency_svg(found), LATENCY)
    told = [latency_of(row) for row in rows]
    assert list(drawn_at) == [0, 1]
    ends = [(one.low, one.high) for one in told if one is not None]
    assert len(ends) == 2
    widths = [
        (at[1] - at[0]) / (high - low)
        for at, (low, high) in zip(drawn_at.values(), ends, strict=True)
    ]
    assert widths[0] == pytest.approx(widths[1], rel=1e-4)
    # Zero is where the scale begins, so that a time is as far from it as it is long.
    zero = drawn_at[0][0] - ends[0][0] * widths[0]
    assert drawn_at[1][0] == pytest.approx(zero + ends[1][0] * widths[0], rel=1e-4)
    for row, (low, high) in zip(rows, ends, strict=True):
        assert low < fmean(row.side.samples_s) < high


def test_an_interval_of_a_drift_is_within_its_blocks() -> None:
    """Neighbours late in a run make no mean of what was timed that lies beyond all of it."""
    drifting = tuple(1e-6 * at for at in (*([675] * 20), *range(680, 836, 13)))
    case = replace(SLOWER, baseline=replace(FIVE, samples_s=drifting))
    found = latency_of(entries(replace(FOUND, cases=(case,)))[0])
    assert found is not None
    assert min(drifting) <= found.low < found.mean < found.high <= max(drifting)


def test_savings_have_their_intervals() -> None:
    """The bar of a saving is as wide as its interval, on the same scale as its multiply-adds."""
    pytest.importorskip("matplotlib")
    narrow, wide = (
        replace(
            SLOWER, comparison=replace(compared(), low=1.16 - half, ratio=1.16, high=1.16 + half)
        )
        for half in (0.01, 0.04)
    )
    drawn_at = spans(plots.latency_svg(replace(FOUND, cases=(narrow, wide))), SAVING)
    assert list(drawn_at) == [1, 3]
    (left, right), (far_left, far_right) = drawn_at.values()
    assert far_right - far_left == pytest.approx(4 * (right - left), rel=1e-3)
    assert left + right == pytest.approx(far_left + far_right, rel=1e-4)


def test_what_is_timed_alone_has_a_latency() -> None:
    """A network in one arm saves nothing, and is drawn all the same."""
    pytest.importorskip("matplotlib")
    case = replace(timed().cases[0], variant=replace(FIVE, samples_s=SAMPLES))
    svg = plots.latency_svg(replace(FOUND, cases=(case,)))
    assert list(spans(svg, LATENCY)) == [0]
    assert spans(svg, SAVING) == {}
    assert "saving" not in drawn(svg)


def test_a_picture_tells_noise_and_roofs() -> None:
    """The noise floor is a band, an AMBIGUOUS point is hollow, a point above its roof is marked."""
    pytest.importorskip("matplotlib")
    doubt = replace(SLOWER, comparison=compared(verdict="AMBIGUOUS"))
    plain, hollow = plots.latency_svg(FOUND), plots.latency_svg(replace(FOUND, cases=(doubt,)))
    assert "noise of identical arms" in drawn(plain)
    assert "noise of identical arms" not in drawn(plots.latency_svg(replace(FOUND, null=None)))
    assert "AMBIGUOUS" not in drawn(plain)
    assert "AMBIGUOUS" in drawn(hollow)
    fast = replace(SLOWER, baseline=replace(FIVE, samples_s=(5e-6,)))
    assert "above its roof" in drawn(plots.roofline_svg(replace(FOUND, cases=(fast,))))
    assert "above its roof" not in drawn(plots.roofline_svg(FOUND))
