"""What factorized convolutions save, in closed form and traced, and what they see."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from costlab.claims.ledger import Finding, Reading
from costlab.claims.measures import Subject, net, saving
from costlab.receptive import receptive_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.claims.lab import Lab

SQUARE = Fraction(9, 4)
"""An α whose root is a fraction too, so that both steps widen by the same whole factor: 3/2."""

METRICS = ("macs", "params")


def two_for_5x5(alpha: Fraction) -> float | Fraction:
    """Cost of two 3×3 beside one 5×5, when m filters become αm by way of √α·m."""
    root: float | Fraction = sqrt(alpha)
    if Fraction(root) ** 2 == alpha:
        root = Fraction(root)
    return 9 * (1 + alpha) / (25 * root)


def expanded(lab: Lab) -> Finding:
    """The traced saving of two 3×3 beside one 5×5 less the closed form, at α with a whole root."""
    alpha = float(SQUARE)
    found = saving(net("two_3x3", alpha=alpha), net("conv5x5", alpha=alpha))(lab)
    difference = found.value - (1 - two_for_5x5(SQUARE))
    return Finding(difference, f"{found.formula}, less 1 − 9(1 + {SQUARE})/(25 · 3/2)")


def grows(lab: Lab) -> Finding:
    """Of how many steps to the next odd n the traced saving increases."""
    sizes = range(3, 13, 2)
    saved = [saving(net("pair_1xn_nx1", n=n), net("conv_nxn", n=n))(lab).value for n in sizes]
    steps = [after > before for before, after in pairwise(saved)]
    listed = ", ".join(f"{float(s):.1%} at {n}" for n, s in zip(sizes, saved, strict=True))
    return Finding((sum(steps), len(steps)), listed)


def without_reuse(lab: Lab) -> Finding:
    """Cost of a place where the nine 3×3 below are computed for it alone, beside one 5×5."""

    def macs(name: str, side: int) -> int:
        return int(lab.report(name, inputs=64, shape=(64, side, side)).total.macs)

    below, above, whole = macs("conv3x3", 3), macs("conv3x3", 1), macs("conv5x5", 1)
    formula = f"({below:,} + {above:,}) / {whole:,}: 3×3 at 3×3 places, then at one"
    return Finding(Fraction(below + above, whole), formula)


def fields_differ(over: Subject, under: Subject) -> Reading:
    """By how much two receptive fields differ, in rows and columns."""

    def compute(lab: Lab) -> Finding:
        (rows, columns), (other_rows, other_columns) = (
            receptive_field(lab.graph(subject.name, **subject.arguments))
            for subject in (over, under)
        )
        formula = f"{over} sees {rows}×{columns}, {under} sees {other_rows}×{other_columns}"
        return Finding((rows - other_rows, columns - other_columns), formula)

    return Reading(f"{over} and {under}", compute)


def both_fall(title: str, *pairs: tuple[Subject, Subject], contradicts: str = "") -> Reading:
    """Of how many cheaper ways the parameters are fewer too."""

    def compute(lab: Lab) -> Finding:
        told, fewer = [], 0
        for instead, of in pairs:
            macs, params = (saving(instead, of, metric)(lab).value for metric in METRICS)
            fewer += macs > 0 and params > 0
            told.append(f"{instead.name} {float(macs):.1%} and {float(params):.1%}")
        return Finding((fewer, len(pairs)), f"MACs and parameters saved: {', '.join(told)}")

    return Reading(title, compute, contradicts=contradicts)


def saves(
    instead: Subject, of: Subject, form: Callable[[], Finding], name: str = "MACs"
) -> tuple[Reading, Reading]:
    """What one network saves where it stands for another, in MACs and in parameters."""
    return (
        Reading(name, saving(instead, of), form),
        Reading("parameters", saving(instead, of, "params"), form),
    )
