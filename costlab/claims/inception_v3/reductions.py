"""What sections 2 and 5 claim: representational bottlenecks, and reducing the grid."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costlab.bounds import below, exactly, printed, same
from costlab.claims.document import Part
from costlab.claims.inception_v3.structure import widths
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import closed, excess, net, ratio, saving
from costlab.representation import Cut, profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.claims.lab import Lab
    from costlab.claims.measures import Subject

GRID, FILTERS = 36, 64
"""A grid that halves exactly, as the closed forms of §5 have it, and k filters on it."""
AT: dict[str, Any] = {"inputs": FILTERS, "padded": True, "finish": "bare"}
SHAPE = (FILTERS, GRID, GRID)
MAP = len(("image", "channels", "rows", "columns"))


def at_36(name: str, patch: int = 1) -> Subject:
    """One of the three ways from d×d×k to d/2×d/2×2k; §5 counts for a patch of 1×1."""
    return net(name, shape=SHAPE, patch=patch, **AT)


POOL_FIRST, CONV_FIRST = at_36("reduction_pool_first"), at_36("reduction_conv_first")
PARALLEL = at_36("reduction_parallel")


def in_units(subject: Subject, form: Callable[[], Finding]) -> Reading:
    """Cost in units of d²k²."""

    def compute(lab: Lab) -> Finding:
        macs = subject.value(lab, "macs")
        unit = GRID * GRID * FILTERS * FILTERS
        return Finding(Fraction(macs, unit), f"{macs:,} / (d² k²), d = {GRID}, k = {FILTERS}")

    return Reading(f"{subject.name}, in units of d²k²", compute, form)


def cuts_of(lab: Lab, subject: Subject) -> tuple[Cut, ...]:
    """The cuts of a network, as long as there is a grid."""
    graph = lab.graph(subject.name, shape=subject.shape, **subject.arguments)
    cuts = [cut for cut in profile(graph) if len(cut.shape) == MAP]
    return tuple(cut for cut in cuts if cut.shape[-2:] != (1, 1))


def dropped(lab: Lab) -> Finding:
    """What is left of the representation between the pooling and the convolution."""
    cuts = cuts_of(lab, POOL_FIRST)
    narrowest, whole = min(cuts, key=lambda cut: cut.elements), cuts[0].elements
    formula = f"{narrowest.elements:,} of {whole:,} elements behind {narrowest.scope}"
    return Finding(Fraction(narrowest.elements, whole), formula)


def squeezed(name: str, title: str = "", contradicts: str = "", *, drops: bool = False) -> Reading:
    """Blocks of a network that squeeze the representation to a quarter, before its last pooling."""

    def compute(lab: Lab) -> Finding:
        cuts = cuts_of(lab, net(name))
        found = [cut for cut in cuts if (cut.is_drop if drops else cut.is_bottleneck)]
        parts = tuple(
            Part(f"{cut.scope} {'×'.join(map(str, cut.shape[1:]))}", cut.elements) for cut in cuts
        )
        against = "the cut before" if drops else "the narrowest before"
        named = ", ".join(cut.scope for cut in found) or "none"
        return Finding(
            len(found), f"of {len(cuts)} cuts a quarter or less of {against}: {named}", parts
        )

    return Reading(title or name, compute, contradicts=contradicts)


def bottlenecks_of(*subjects: Subject) -> Reading:
    """How many bottlenecks each of some ways has."""

    def compute(lab: Lab) -> Finding:
        told = [[cut.elements for cut in cuts_of(lab, subject)] for subject in subjects]
        counts = [sum(cut.is_bottleneck for cut in cuts_of(lab, s)) for s in subjects]
        listed = "; ".join(
            f"{subject.name}: {' → '.join(f'{size:,}' for size in sizes)}"
            for subject, sizes in zip(subjects, told, strict=True)
        )
        return Finding(tuple(counts), f"elements at each cut: {listed}")

    return Reading("a quarter or less of the narrowest cut before", compute)


COMPARED = "another network, to compare with"
BEFORE = "§5, by which to widen before the pooling avoids the bottleneck"
QUOTIENT = "§3.1, where “2.78 times more” is the quotient"

SECTION = Section(
    "Principles and grid reduction (§2, §5)",
    (
        Claim(
            "P1",
            "Representation size should decrease gently, without bottlenecks (principle 1)",
            ("P §2",),
            exactly(0, "no bottleneck"),
            "count",
            (
                squeezed("inception_v3", "Inception-v3, beside the narrowest cut before"),
                squeezed("inception_v3", "Inception-v3, beside the cut before", BEFORE, drops=True),
                squeezed("inception_v4", contradicts=COMPARED),
                squeezed("googlenet", contradicts=COMPARED),
                squeezed("resnet50", contradicts=COMPARED),
                squeezed("vgg16", contradicts=COMPARED),
            ),
        ),
        Claim(
            "D1",
            "From d×d×k to d/2×d/2×2k by convolving first: 2d²k² operations",
            ("P §5",),
            exactly(2, "2 d²k²"),
            "ratio",
            (in_units(CONV_FIRST, closed(Fraction(2), "2 · d² · k²")),),
        ),
        Claim(
            "D2",
            "Pooling first takes 2(d/2)²k², a quarter",
            ("P §5",),
            exactly(Fraction(1, 4), "1/4"),
            "ratio",
            (
                Reading(
                    "to a quarter",
                    ratio(POOL_FIRST, CONV_FIRST),
                    closed(Fraction(1, 4), "2(d/2)²k² / 2d²k²"),
                ),
                Reading(
                    "cheaper *by* a quarter, as the sentence has it",
                    saving(POOL_FIRST, CONV_FIRST),
                    contradicts="the two operation counts of the same sentence",
                ),
            ),
        ),
        Claim(
            "D3",
            "Convolving first (Figure 9, right) is 3 times more expensive",
            ("P Figure 9",),
            printed("3"),
            "ratio",
            (
                Reading(
                    "more than pooling first, by so many times",
                    excess(CONV_FIRST, POOL_FIRST),
                    contradicts=QUOTIENT,
                ),
                Reading(
                    "as much as pooling first, so many times",
                    ratio(CONV_FIRST, POOL_FIRST),
                    contradicts="§5, whose counts are 4 to 1",
                ),
            ),
        ),
        Claim(
            "D4",
            "The parallel reduction is cheaper still than pooling first",
            ("P §5", "R grid size reduction"),
            below("1"),
            "ratio",
            (
                Reading(
                    "1×1, as §5 counts",
                    ratio(PARALLEL, POOL_FIRST),
                    closed(Fraction(1, 2), "(d/2)²k² / 2(d/2)²k²"),
                ),
                Reading(
                    "3×3, as released",
                    ratio(at_36("reduction_parallel", 3), at_36("reduction_pool_first", 3)),
                ),
            ),
        ),
        Claim(
            "D4b",
            "Pooling first has a bottleneck; convolving first and the parallel reduction have none",
            ("P §5", "P Figure 9", "P Figure 10", "S method"),
            same((1, 0, 0), "1, 0, 0"),
            "series",
            (bottlenecks_of(POOL_FIRST, CONV_FIRST, PARALLEL),),
        ),
        Claim(
            "D5",
            "Pooling first is a bottleneck: (d/2)²k elements are left",
            ("P §5",),
            exactly(Fraction(1, 4), "1/4"),
            "ratio",
            (Reading("the narrowest cut", dropped, closed(Fraction(1, 4), "(d/2)²k / d²k")),),
        ),
        Claim(
            "D6",
            "320 filters by convolution and 320 by pooling make 640",
            ("P Figure 10", "R grid size reduction"),
            same((320, 320, 640), "320 + 320 = 640"),
            "series",
            (
                widths("reduction_parallel"),
                widths("inception_v3", "Mixed_7a", "Figure 10, of which it is a variation"),
            ),
        ),
    ),
)
