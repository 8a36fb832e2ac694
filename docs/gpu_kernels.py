"""What kernels of our own reach on a GPU: goals that were set, met or not, and shares of a roof.

Made of what is kept of a GPU; what is not there is said to be not yet measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.units import percent, seconds
from docs.gpu_results import MAIN, STUDIES, conditions, time_s
from docs.gpu_tables import NOT_YET, busy
from docs.gpu_words import NOTHING
from docs.parts import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docs.gpu_results import Results

OURS, FUSED, WHOLE, TUNED = "ours", "cudnn-fused", "best-blocks", "autotune-graph"
INDUCTOR = ("compile", "compile-autotune")
SHOWN = (OURS, FUSED, "inductor")
SHOWCASE, SHOWCASE_AT_LEAST = "3x1 1x3, 35x35x64", 1.3
PLAIN_AT_LEAST = 0.9
NETWORK, ALONE = "inception_v3", 1


class Timed(NamedTuple):
    """What a side took, and the roof that its model names, if the run measured ceilings."""

    took_s: float
    roof_s: float | None


class Goal(NamedTuple):
    """A goal: how many times as fast as what, the figure, whether it is met, None if unmeasured.

    `why` is what the hardware counters say of a goal that is not met.
    """

    what: str
    asked: str
    figure: str
    met: bool | None
    why: str = ""


Sides = dict[tuple[str, int], dict[str, Timed]]
"""What was timed of a subject and batch, by arm."""


def section(results: Results) -> list[str]:
    """The goals and the table, as Markdown."""
    sides = timed(results)
    rows = [
        (goal.what, goal.asked, goal.figure, said(goal.met), goal.why or NOTHING)
        for goal in goals(results, sides)
    ]
    return [
        (
            "Kernels of our own ([what they are](kernels.md)) were given goals before anything was "
            "measured. One that is not met stays here."
        ),
        table(("goal", "asked", "measured", "met", "why not"), rows, text_from=0),
        shares(sides),
    ]


def timed(results: Results) -> Sides:
    """Every side of the factorizations under the conditions that the page tells first."""
    found: Sides = {}
    for case in (case for study in STUDIES for case in results.of(study)):
        if case.error or conditions(case) != MAIN:
            continue
        models = case.models or (None, None)
        for timing, model in zip((case.baseline, case.variant), models, strict=True):
            took_s = time_s(timing)
            if took_s is not None:
                side = Timed(took_s, None if model is None else model.roof_s)
                found.setdefault((timing.subject, case.batch), {}).setdefault(timing.arm, side)
    return found


def goals(results: Results, sides: Sides) -> Iterator[Goal]:
    """Each goal with what was measured."""
    yield from _showcase(results, sides)
    yield _plain(results, sides)
    yield _network(results)


def _showcase(results: Results, sides: Sides) -> Iterator[Goal]:
    asked = f"×{SHOWCASE_AT_LEAST:g}"
    what = f"{SHOWCASE}: over the best other arm"
    batches = [batch for subject, batch in sides if subject == SHOWCASE]
    measured = [batch for batch in sorted(batches) if OURS in sides[SHOWCASE, batch]]
    for batch in measured:
        others = {arm: side for arm, side in sides[SHOWCASE, batch].items() if arm != OURS}
        if not others:
            continue
        best = min(others, key=lambda arm: others[arm].took_s)
        gain = others[best].took_s / sides[SHOWCASE, batch][OURS].took_s
        met = gain >= SHOWCASE_AT_LEAST
        why = "" if met else busy(results, f"{SHOWCASE} · {OURS} · b{batch}")
        yield Goal(f"{what}, batch {batch}", asked, f"×{gain:.2f} over `{best}`", met, why)
    if not measured:
        yield Goal(what, asked, NOT_YET, None)


def _plain(results: Results, sides: Sides) -> Goal:
    """A single convolution has one patch in its name; all that were timed in both arms count."""
    what = "a plain convolution: over cuDNN's fused one"
    asked = f"×{PLAIN_AT_LEAST:g} everywhere, more than ×1 somewhere"
    gains = {
        at: of[FUSED].took_s / of[OURS].took_s
        for at, of in sides.items()
        if " " not in at[0].partition(",")[0] and {OURS, FUSED} <= set(of)
    }
    if not gains:
        return Goal(what, asked, NOT_YET, None)
    least, most = min(gains, key=gains.__getitem__), max(gains, key=gains.__getitem__)
    figure = (
        f"×{gains[least]:.2f} ({least[0]}, batch {least[1]}) to "
        f"×{gains[most]:.2f} ({most[0]}, batch {most[1]})"
    )
    met = gains[least] >= PLAIN_AT_LEAST and gains[most] > 1
    why = "" if met else busy(results, f"{least[0]} · {OURS} · b{least[1]}")
    return Goal(what, asked, figure, met, why)


def _network(results: Results) -> Goal:
    """Met if the whole interval says so."""
    what = f"Inception-v3, batch {ALONE}: over max-autotune, both as graphs"
    for case in results.of("networks"):
        arms = (case.baseline.arm, case.variant.arm)
        known = case.comparison is not None and not case.error
        if (case.pair, case.batch, arms) != (NETWORK, ALONE, (TUNED, WHOLE)) or not known:
            continue
        if case.comparison is not None and conditions(case) == MAIN:
            low, high = 1 / case.comparison.high, 1 / case.comparison.low
            figure = f"×{1 / case.comparison.ratio:.3f} [{low:.3f}, {high:.3f}]"
            return Goal(what, "more than ×1", figure, low > 1)
    return Goal(what, "more than ×1", NOT_YET, None)


def said(met: bool | None) -> str:
    """Whether a goal is met, in a word."""
    return NOTHING if met is None else "yes" if met else "**no**"


def shares(sides: Sides) -> str:
    """A row a subject and batch: the roof, and what share of it ours, cuDNN and Inductor reach.

    One roof a row, the lowest that a model names: of two convolutions in series that of one kernel.
    """
    rows = []
    for (subject, batch), of in sides.items():
        roofs = [side.roof_s for side in of.values() if side.roof_s]
        shown = by_maker(of)
        if OURS in of and roofs:
            roof_s = min(roofs)
            cells = [
                percent(roof_s / shown[name].took_s) if name in shown else NOTHING for name in SHOWN
            ]
            rows.append((subject, batch, seconds(roof_s), *cells))
    if not rows:
        return f"Shares of the measured roof: {NOT_YET.lower()}"
    return (
        "What share of the measured roof each reaches; the roof of a row is that of the fewest "
        "kernels and bytes, so that an arm that writes what is between two convolutions cannot "
        "reach it. Inductor's is the faster of its two arms, launched from the host.\n\n"
        + table(
            ("what", "batch", "roof", "ours", "cuDNN, fused", "Inductor"), sorted(rows, key=_place)
        )
    )


def by_maker(of: Mapping[str, Timed]) -> dict[str, Timed]:
    """The same with the faster of Inductor's arms as one."""
    compiled = [of[arm] for arm in INDUCTOR if arm in of]
    shown = {arm: of[arm] for arm in (OURS, FUSED) if arm in of}
    return shown | ({"inductor": min(compiled)} if compiled else {})


def _place(row: Sequence[object]) -> tuple[str, int]:
    return str(row[0]), int(str(row[1]))
