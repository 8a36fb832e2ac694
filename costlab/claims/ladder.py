"""The ladder: which network gives the 3.8 and 4.8 billion operations of Table 3?

The filter banks of those rows were never published. So readings are traced, and each says what it
contradicts: one that meets a figure only by going against the text is a coincidence, and confirms
nothing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import printed
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import Subject, net, total

if TYPE_CHECKING:
    from costlab.claims.lab import Lab

V3 = net("inception_v3")
GIGA, GIBI = 10**9, 2**30
UNIT = "elsewhere the same table counts in 10⁹: BN-Inception's 2.0 would be 1.9"
ABSTRACT = "“multiply-adds”, as the abstract counts"
STEM_ROWS = "Table 1, whose first rows are three 3×3"
NOT_INCEPTION_V2 = "Table 1: this is the network of another paper at another size"
UNPADDED = "the caption of Table 1: only the marked layer is padded"


def with_operations(family: str, what: str) -> Reading:
    """The released graph with each element that a family of operations writes counted once."""

    def compute(lab: Lab) -> Finding:
        report = lab.report("inception_v3")
        elements = report.root.tally(family).elements
        macs = report.total.macs + elements
        return Finding(macs, f"{report.total.macs:,} + {elements:,} elements = {macs:,}")

    return Reading(f"the released graph, {what}", compute, contradicts=ABSTRACT)


def with_biases(lab: Lab) -> Finding:
    """The released graph as if each convolution added a bias to every element that it writes."""
    report = lab.report("inception_v3")
    elements = report.total.activations
    macs = report.total.macs + elements
    return Finding(macs, f"{report.total.macs:,} + {elements:,} bias additions = {macs:,}")


def in_binary_billions(lab: Lab) -> Finding:
    """The released graph, a billion being 2^30."""
    macs = V3.value(lab, "macs")
    return Finding(Fraction(macs * GIGA, GIBI), f"{macs:,} / 2³⁰ = {macs / GIBI:.4f}")


def traced(
    name: str,
    title: str,
    contradicts: str,
    shape: tuple[int, ...] | None = None,
    **arguments: object,
) -> Reading:
    """A network of the zoo as a reading."""
    subject = Subject(name, shape=shape, arguments=arguments)
    return Reading(title, total(subject), contradicts=contradicts)


READINGS = (
    Reading(
        "the released graph",
        total(V3),
        contradicts="Table 1: its rows 5 to 7, and 5 modules at 17×17",
    ),
    with_operations("normalization", "one operation per batch-norm element"),
    Reading(
        "the released graph, with biases",
        with_biases,
        contradicts="the released graph has none: batch normalization takes their place",
    ),
    Reading(
        "the released graph, with the auxiliary classifier",
        total(net("inception_v3", mode="train")),
        contradicts="it does not run in an inference",
    ),
    Reading("the released graph, in units of 2³⁰", in_binary_billions, contradicts=UNIT),
    traced("inception_v3_table1", "Table 1 literally, 4 modules at 17×17", "Table 1, which has 5"),
    traced("inception_v3_table1_5", "Table 1 literally, 5 modules at 17×17", "A2: 25 million"),
    traced("reading_figure5_35x35", "modules of Figure 5 at 35×35", "§6: traditional modules"),
    traced("reading_7x7_stem", "a 7×7 stem, second stage 64 and 192", STEM_ROWS),
    traced("reading_7x7_separable_stem", "a separable 7×7 stem, depth multiplier 8", STEM_ROWS),
    traced("reading_figure5_17x17", "modules of Figure 5 at 17×17", "Table 1, which has Figure 6"),
    traced("bn_inception", "BN-Inception at 299", NOT_INCEPTION_V2, shape=(3, 299, 299)),
    traced(
        "bn_inception",
        "BN-Inception at 299, three 3×3 of 32, 32, 64",
        NOT_INCEPTION_V2,
        shape=(3, 299, 299),
        stem="3x3/2 32 padded → 3x3 32 → 3x3 64",
    ),
    traced(
        "bn_inception",
        "BN-Inception at 299, three 3×3 of 32, 64, 64",
        NOT_INCEPTION_V2,
        shape=(3, 299, 299),
        stem="3x3/2 32 padded → 3x3 64 → 3x3 64",
    ),
    traced(
        "reading_same_padding",
        "the released graph, all padded, at 224",
        UNPADDED,
        shape=(3, 224, 224),
    ),
    traced("reading_same_padding", "the released graph, all padded, at 299", UNPADDED),
)


def rung(name: str, figure: str, rows: str) -> Claim:
    """A printed figure, with every reading held against it."""
    return Claim(
        name, f"{rows} of Table 3: {figure}", ("P Table 3",), printed(figure), "macs", READINGS
    )


LADDER = Section(
    "The ladder",
    (
        rung("ladder-3.8", "3.8 Bn", "Inception-v2, RMSProp and label smoothing"),
        rung("ladder-4.8", "4.8 Bn", "Factorized 7×7 and BN-auxiliary"),
    ),
)
