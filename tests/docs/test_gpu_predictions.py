"""Each prediction stands beside its measurement on a GPU's page, and is called right or wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks._gpu_parts import LEFT_OUT
from benchmarks._gpu_subjects import SIBLINGS
from costlab.bench.document import Comparison, Measured, Measurements, Timing
from costlab.bench.kernels.outcomes import Outcome, said
from costlab.bench.kernels.tilings import Tiling
from costlab.bench.kernels.work import Lines, shared
from costlab.bench.studies import FACTORIZATIONS, GRID_REDUCTION
from docs import gpu_page
from docs.gpu_predicted_kernels import ONE, fusings, gained, merged
from docs.gpu_predictions import reductions, savings
from docs.gpu_results import Results, read
from docs.gpu_tables import NOT_YET
from tests.bench.kernels.pages import PAIRS, RATES, kept, lines_of
from tests.bench.predictions import FUSINGS, GAINS, MERGED, REDUCTION, REDUCTIONS, Range
from tests.docs import pretended_gpu

if TYPE_CHECKING:
    from pathlib import Path

BF16 = 2
FUSED = Tiling(64, 64, 32, lines=7)


def side(subject: str, arm: str, microseconds: float, **how: str) -> Timing:
    """A side that takes so long in each of four samples."""
    return Timing(subject, arm, 0, 0, 0, 0, samples_s=(microseconds * 1e-6,) * 4, how=how)


def case(pair: str, baseline: Timing, variant: Timing, batch: int = 256) -> Measured:
    """A comparison in bf16, NHWC, cold, with an interval of one per cent."""
    ratio = variant.samples_s[0] / baseline.samples_s[0]
    comparison = Comparison(ratio, 0.99 * ratio, 1.01 * ratio, 30, 0, "FASTER", "precise")
    axes = ("bf16", "nhwc", "bn_relu", "cold")
    return Measured(f"{pair} {variant.arm}", pair, batch, *axes, baseline, variant, comparison)


def results(**documents: list[Measured]) -> Results:
    """Results with these documents."""
    named = {name.replace("_", "-"): tuple(cases) for name, cases in documents.items()}
    return Results("x", {name: Measurements(name, {}, cases) for name, cases in named.items()})


def rows(texts: list[str]) -> list[list[str]]:
    """The cells of a table's rows."""
    lines = [line for line in texts[-1].splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_nothing_measured() -> None:
    """Without results every part says so."""
    nothing = Results("empty", {})
    for part in (savings, reductions, fusings, merged, gained):
        assert part(nothing) == [NOT_YET]


def test_grid_reductions_stand_beside_their_predictions() -> None:
    """Each of the four ways has its row where it was measured, with how far it was off."""
    place = REDUCTION.place
    names = {
        side.name for pair in GRID_REDUCTION.pairs for side in (pair.baseline, pair.variant) if side
    }
    assert {f"{one.way}, {place}" for one in REDUCTIONS} <= names
    cases = [
        case(
            "",
            side(f"pool then conv, {place}", "cudnn-fused", 410),
            side(f"parallel, {place}", "cudnn-fused", 564),
        ),
        case(
            "",
            side(f"pool then conv, {place}", "ours", 300),
            side(f"parallel, {place}", "ours", 118),
        ),
    ]
    told = rows(reductions(results(grid_reduction=cases)))
    assert told == [
        ["pool then conv", "`cudnn-fused`", "410 µs", "410 µs", "×1.00"],
        ["parallel", "`cudnn-fused`", "282 µs", "564 µs", "×2.00"],
        ["parallel", "`ours`", "236 µs", "118 µs", "×0.50"],
    ]
    small = [replace(one, batch=32) for one in cases]
    assert reductions(results(grid_reduction=small)) == [NOT_YET]


def roof_s(pair: Lines) -> tuple[float, float]:
    """Seconds of a pair apart and as one, each tensor once, nothing computed twice."""

    def longer(macs: int, moved: int) -> float:
        return max(2 * macs / RATES.flops_per_s, moved / RATES.bytes_per_s)

    shapes = pair.first, pair.second
    apart = sum(longer(one.macs, one.moved(BF16)) for one in shapes)
    return apart, longer(sum(one.macs for one in shapes), pair.moved(BF16))


@pytest.mark.parametrize(("subject", "batch"), FUSINGS)
def test_gains_at_the_roof_follow_from_the_shapes(subject: str, batch: int) -> None:
    """What is predicted of fusing is the ratio of two rooflines, to its digits."""
    (pair,) = [one for one in PAIRS if one.said.replace("×", "x").replace(" → ", " ") == subject]
    apart, one = roof_s(lines_of(pair, batch, 1))
    roof = FUSINGS[subject, batch].roof
    assert roof.low - 0.0051 <= apart / one <= roof.high + 0.0051


@pytest.mark.parametrize("pair", SIBLINGS.pairs, ids=lambda pair: pair.name)
def test_gains_of_merging_follow_from_the_shapes(pair: Any) -> None:
    """So is what is predicted of merging: of 35×35 the bytes', of 8×8 none."""
    channels, grid, _ = pair.variant.shape
    widths = [int(one) for one in re.findall(r"\d+", pair.name.partition(" → ")[0])[2:]]
    shapes = [kept(256, grid, channels, (1, 1), width) for width in widths]
    ops = [2 * one.macs / RATES.flops_per_s for one in shapes]
    apart = sum(
        max(op, one.moved(BF16) / RATES.bytes_per_s) for op, one in zip(ops, shapes, strict=True)
    )
    whole = max(sum(ops), shared(shapes, BF16) / RATES.bytes_per_s)
    assert MERGED[pair.name].holds(apart / whole, apart / whole)


def test_fusing_is_judged_by_what_the_tuner_tried() -> None:
    """One kernel against a kernel each, with what was predicted of it, and which was taken."""
    cases = []
    for subject, one_us, each_us, parts_us in (
        ("3x1 1x3, 35x35x64", 25, 40, 90),
        ("1x7 7x1, 17x17x192", 90, 120, 100),
        ("3x1 1x3, 8x8x448", 20, 10, 30),
    ):
        times = {
            FUSED.way: one_us * 1e-6,
            "a kernel each": each_us * 1e-6,
            "sums in parts": parts_us * 1e-6,
        }
        text = said([Outcome("series: 0, 2", FUSED.way, times)])
        ours = side(subject, "ours", 30, tuned=text)
        cases.append(case(subject, side("3x3", "ours", 50), ours))
    found = fusings(results(factorizations=cases))
    assert found[0].startswith("Of 2 predictions 1 were right")
    told = {row[0]: row[1:] for row in rows(found)}
    assert told["3x1 1x3, 35x35x64"] == [
        "256", "×1.91", "×1.61", "25.0 µs", "40.0 µs", "×1.60", "yes", "one kernel",
    ]  # fmt: skip
    assert told["1x7 7x1, 17x17x192"][1:3] == ["×1.00", "×0.53 to ×0.70"]
    assert told["1x7 7x1, 17x17x192"][4:6] == ["100 µs", "×1.11"]  # the faster of those apart
    assert told["1x7 7x1, 17x17x192"][6] == "**no**"  # it gained where it was to lose
    assert told["3x1 1x3, 8x8x448"][1:3] == ["–", "–"]  # noqa: RUF001 - a dash, as on the page


def test_the_ways_are_the_tuners() -> None:
    """The page looks for the words that a tiling has for itself."""
    assert FUSED.way.startswith(ONE)
    assert replace(FUSED, shared=True).way.startswith(ONE)
    apart = replace(FUSED, lines=0)
    assert not apart.way.startswith(ONE)
    assert not replace(apart, pdl=True).way.startswith(ONE)
    assert not replace(apart, parts=4).way.startswith(ONE)


def test_merging_is_judged_by_its_interval() -> None:
    """Three 1×1 in 200 µs, merged in 100: twice as fast, where ×2.24 was predicted; no ×1.0."""
    names = [pair.name for pair in SIBLINGS.pairs]
    cases = [
        case(name, side("apart", "cudnn-fused", 200), side("merged", "cudnn-fused", after))
        for name, after in zip(names, (200 / 2.24, 100, 200), strict=True)
    ]
    told = {row[0]: row[3:] for row in rows(merged(results(siblings=cases)))}
    assert told[names[0]] == ["×2.24", "×2.240 [2.218, 2.263]", "yes"]
    assert told[names[1]] == ["×1.20 to ×1.50", "×2.000 [1.980, 2.020]", "**no**"]
    assert told[names[2]][2] == "yes"
    assert set(MERGED) == set(names)


def test_gains_of_ours_stand_beside_their_predictions() -> None:
    """A plain convolution between 0.7 and 1.1 of cuDNN; the showcase; and three kernels in one."""
    cases = [
        case(subject, side(subject, "ours", 100), side(subject, arm, other))
        for subject, arm, other in (
            ("5x5, 35x35x64", "cudnn-fused", 95),
            ("3x1 1x3, 35x35x64", "cudnn-fused", 160),
            ("3x3, 35x35x64", "graph", 230),
            ("1x7 7x1, 17x17x160", "graph", 120),
            ("3x1 1x3, 35x35x96", "cudnn-fused", 160),
        )
    ]
    told = {row[0]: row[2:] for row in rows(gained(results(arms=cases)))}
    assert told == {
        "5x5, 35x35x64": ["`cudnn-fused`", "×0.70 to ×1.10", "×0.950 [0.941, 0.959]", "yes"],
        "3x1 1x3, 35x35x64": ["`cudnn-fused`", "×1.15 to ×1.35", "×1.600 [1.584, 1.616]", "**no**"],
        "3x3, 35x35x64": ["`graph`", "×2.30", "×2.300 [2.277, 2.323]", "yes"],
        "1x7 7x1, 17x17x160": ["`graph`", "×1.60 to ×1.90", "×1.200 [1.188, 1.212]", "**no**"],
    }


def test_every_prediction_is_of_something_that_is_measured() -> None:
    """No prediction waits for a subject that the studies do not have."""
    subjects = {
        one.name for pair in FACTORIZATIONS.pairs for one in (pair.baseline, pair.variant) if one
    }
    assert {subject for subject, _ in FUSINGS} <= subjects
    for one in GAINS:
        assert [name for name in subjects if one.subjects.fullmatch(name)], one


@pytest.mark.parametrize(
    ("predicted", "gain", "right"),
    [
        (Range(1.61, 1.61), 1.2, True),
        (Range(1.61, 1.61), 0.9, False),
        (Range(0.53, 0.7), 0.9, True),
        (Range(0.53, 0.7), 1.02, False),
        (Range(0.88, 1.03), 1.3, False),
        (Range(1.0, 1.0), 1.04, True),
    ],
)
def test_what_is_called_right(predicted: Range, gain: float, *, right: bool) -> None:
    """The same side of 1, or as good as none where none was predicted."""
    assert predicted.agrees(gain) is right


def test_what_nobody_predicted_is_told(tmp_path: Path) -> None:
    """A pair without a prediction is named; that of ours as one kernel has its sentence."""
    found = read(pretended_gpu.write(tmp_path))
    document = found.documents["factorizations"]
    one = next(case for case in document.cases if "3x1" in case.pair and case.batch == 256)
    other = replace(one, pair="3x3 → 3x1 1x3, 8x8x448")
    ours = replace(one, variant=replace(one.variant, arm="ours"))
    changed = replace(document, cases=(*document.cases, other, ours))
    texts = savings(replace(found, documents={"factorizations": changed}))
    assert "Of these nothing was predicted: `3x3 → 3x1 1x3, 8x8x448`." in texts
    assert any(text.startswith("As one kernel `3x3 → 3x1 1x3, 35x35x64`") for text in texts)
    assert not any("nothing was predicted" in text for text in savings(found))


def test_what_the_plan_leaves_out_is_on_the_page(tmp_path: Path) -> None:
    """Each thing that no part measures on purpose stands there with its reason."""
    page = gpu_page.page(pretended_gpu.write(tmp_path))
    told = page.partition("### What was left out on purpose")[2].partition("###")[0]
    for what, why in LEFT_OUT.items():
        assert f"- {what}: {why}." in told
