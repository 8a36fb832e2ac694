"""What kernels of our own reach on a GPU: goals that were set, met or not, and shares of a roof.

Made of what is kept of a GPU; what is not there is said to be not yet measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.units import percent, seconds
from docs.gpu_gains import FUSED, INDUCTOR, OURS, TUNED, WHOLE, by_maker, gains, plain, timed
from docs.gpu_results import MAIN, conditions
from docs.gpu_tables import NOT_YET, busy
from docs.gpu_words import NOTHING
from docs.parts import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from costlab.bench.document import Measured
    from docs.gpu_gains import Gains, Sides
    from docs.gpu_results import Results

SHOWN = (OURS, FUSED, "inductor")
SHOWCASE, SHOWCASE_AT_LEAST = "3x1 1x3, 35x35x64", 1.3
PLAIN_AT_LEAST = 0.9
NETWORK, ALONE = "inception_v3", 1


class Goal(NamedTuple):
    """A goal: how many times as fast as what, the figure, whether it is met, None if unmeasured.

    `why` is what the hardware counters say of a goal that is not met.
    """

    what: str
    asked: str
    figure: str
    met: bool | None
    why: str = ""


def section(results: Results) -> list[str]:
    """The goals and the table, as Markdown."""
    sides, against = timed(results), gains(results)
    rows = [
        (goal.what, goal.asked, goal.figure, said(goal.met), goal.why or NOTHING)
        for goal in goals(results, against)
    ]
    return [
        (
            "Kernels of our own ([what they are](kernels.md)) were given goals before anything was "
            "measured. One that is not met stays here. A gain is of both sides timed in turn, with "
            "its 95 % interval, and a goal is met where the whole interval is."
        ),
        table(("goal", "asked", "measured", "met", "why not"), rows, text_from=0),
        shares(sides, against),
        left_to_others(results),
    ]


def goals(results: Results, against: Gains) -> Iterator[Goal]:
    """Each goal with what was measured."""
    yield from _showcase(results, against)
    yield _plain(results, against)
    yield _network(results)


def _showcase(results: Results, against: Gains) -> Iterator[Goal]:
    """At each batch over the best of the other arms, which is the one over which least is gained.

    Whatever arm is in truth the best, the goal is met if it is over each of them.
    """
    asked = f"×{SHOWCASE_AT_LEAST:g}"
    what = f"{SHOWCASE}: over the best other arm"
    measured = sorted(batch for subject, batch in against if subject == SHOWCASE)
    for batch in measured:
        others = against[SHOWCASE, batch].values()
        least = min(others, key=lambda gain: gain.ratio)
        met = all(gain.low >= SHOWCASE_AT_LEAST for gain in others)
        figure = f"{least.said} over `{least.other}`, of {len(others)} other arms"
        why = "" if met else _why(results, SHOWCASE, batch)
        yield Goal(f"{what}, batch {batch}", asked, figure, met, why)
    if not measured:
        yield Goal(what, asked, NOT_YET, None)


def _plain(results: Results, against: Gains) -> Goal:
    """A single convolution has one patch in its name; all that were timed in pairs count."""
    what = "a plain convolution: over cuDNN's fused one"
    asked = f"×{PLAIN_AT_LEAST:g} everywhere, more than ×1 somewhere"
    found = plain(against)
    if not found:
        return Goal(what, asked, NOT_YET, None)
    least, most = (pick(found, key=lambda at: found[at].ratio) for pick in (min, max))
    figure = (
        f"{found[least].said} ({least[0]}, batch {least[1]}) to "
        f"{found[most].said} ({most[0]}, batch {most[1]})"
    )
    lows = [gain.low for gain in found.values()]
    met = min(lows) >= PLAIN_AT_LEAST and max(lows) > 1
    why = "" if met else _why(results, *least)
    return Goal(what, asked, figure, met, why)


def _why(results: Results, subject: str, batch: int) -> str:
    """What the hardware counters say of a side of ours; where it was not counted, its roof."""
    if told := busy(results, f"{subject} · {OURS} · b{batch}"):
        return told
    side = timed(results).get((subject, batch), {}).get(OURS)
    if side is None or not side.roof_s:
        return "not counted"
    return f"not counted; ours is at {percent(side.roof_s / side.took_s)} of its roof"


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


def shares(sides: Sides, against: Gains) -> str:
    """A row a subject and batch: the roof, what share of it each reaches, and the gains of ours.

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
            gained = against.get((subject, batch), {})
            compiled = [gained[arm] for arm in INDUCTOR if arm in gained]
            hardest = min(compiled, key=lambda gain: gain.ratio, default=None)
            cells += [
                gained[FUSED].said if FUSED in gained else NOTHING,
                f"{hardest.said} `{hardest.other}`" if hardest else NOTHING,
            ]
            rows.append((subject, batch, seconds(roof_s), *cells))
    if not rows:
        return f"Shares of the measured roof: {NOT_YET.lower()}"
    titles = ("ours", "cuDNN, fused", "Inductor", "ours over cuDNN", "ours over Inductor")
    return (
        "What share of the measured roof each reaches; the roof of a row is that of the fewest "
        "kernels and bytes, so that an arm that writes what is between two convolutions cannot "
        "reach it. Inductor's is the fastest of its arms; `compile` and `compile-autotune` are "
        "launched from the host, `autotune-graph` is not. Gains are of pairs of ours and the "
        "other, those over Inductor of the arm that is hardest to beat; the shares are of medians, "
        "which may be of different comparisons.\n\n"
        + table(("what", "batch", "roof", *titles), sorted(rows, key=_place))
    )


def left_to_others(results: Results) -> str:
    """Which layers an arm left to torch, and so to cuDNN, and why."""
    rows = dict.fromkeys(_left(results))
    if not rows:
        return (
            "No layer of what was measured in `ours` or `best-blocks` was left to cuDNN."
            if any(_of_ours(results))
            else f"What was left to cuDNN: {NOT_YET.lower()}"
        )
    return (
        "These layers ran elsewhere though the side is called ours: a layer that the kernels do "
        "not take runs through torch, which is cuDNN. Their time is in the side's.\n\n"
        + table(("what", "arm", "left to others, and why"), rows, numeric_from=3)
    )


def _of_ours(results: Results) -> Iterator[tuple[Measured, int]]:
    for name in results.documents:
        for case in results.of(name):
            for place, side in enumerate((case.baseline, case.variant)):
                if side.arm in {OURS, WHOLE} and side.samples_s:
                    yield case, place


def _left(results: Results) -> Iterator[tuple[str, str, str]]:
    for case, place in _of_ours(results):
        side = (case.baseline, case.variant)[place]
        if side.how.get("elsewhere"):
            yield side.subject, f"`{side.arm}`", side.how["elsewhere"].replace("|", "\\|")


def _place(row: Sequence[object]) -> tuple[str, int]:
    return str(row[0]), int(str(row[1]))
