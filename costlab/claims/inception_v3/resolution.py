"""What section 9 claims about images of low resolution."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import about, below
from costlab.claims.document import Part
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import closed, net, only, ratio, saving

if TYPE_CHECKING:
    from costlab.claims.lab import Lab

V3, AT_151, AT_79 = net("inception_v3"), net("inception_v3_151"), net("inception_v3_79")
AFTER_FIRST = "§9 has the pooling after the first layer; the released stem has it after the third"


def first_pooling(lab: Lab) -> Finding:
    """Operations of the first pooling, beside those of the whole network."""
    report = lab.report("inception_v3")
    pooling = report.block("MaxPool_3a").cost.flops
    whole = report.total.flops
    formula = f"{pooling:,} comparisons of {whole:,} operations"
    return Finding(Fraction(pooling, whole), formula, (Part("MaxPool_3a", pooling),))


def all_poolings(lab: Lab) -> Finding:
    """Operations of all poolings, beside those of the whole network."""
    report = lab.report("inception_v3")
    pooling = report.root.tally("pooling").flops
    whole = report.total.flops
    return Finding(Fraction(pooling, whole), f"{pooling:,} of {whole:,} operations")


SECTION = Section(
    "Lower resolution (§9)",
    (
        Claim(
            "R1",
            "299 with stride 2, 151 with stride 1, 79 without pooling cost almost the same",
            ("P §9",),
            about("1"),
            "ratio",
            (
                Reading("151 beside 299", ratio(AT_151, V3), contradicts=AFTER_FIRST),
                Reading("79 beside 299", ratio(AT_79, V3), contradicts=AFTER_FIRST),
            ),
            joint=True,
        ),
        Claim(
            "R2",
            "The third network, at 79, is slightly cheaper",
            ("P §9",),
            below("1"),
            "ratio",
            (
                Reading("79 beside 299", ratio(AT_79, V3), contradicts=AFTER_FIRST),
                Reading("79 beside 151", ratio(AT_79, AT_151), contradicts=AFTER_FIRST),
            ),
            joint=True,
        ),
        Claim(
            "R3",
            "Pooling is marginal: within 1 % of the cost of the network",
            ("P §9",),
            below("1%"),
            "share",
            (
                Reading("the first pooling", first_pooling),
                Reading("all poolings", all_poolings),
                Reading(
                    "what leaving it out saves, 79 beside 151",
                    saving(AT_79, AT_151),
                    contradicts=AFTER_FIRST,
                ),
            ),
        ),
        Claim(
            "R4",
            "Merely shrinking the image from 299 to 79 makes the network 16 times cheaper",
            ("P §9",),
            about("16"),
            "ratio",
            (
                Reading(
                    "the released graph, 299 over 79",
                    ratio(V3, net("inception_v3", shape=(3, 79, 79))),
                ),
                Reading("by area alone", only(closed(Fraction(299 * 299, 79 * 79), "299² / 79²"))),
                Reading(
                    "at 75, the smallest image that its grids allow",
                    ratio(V3, net("inception_v3", shape=(3, 75, 75))),
                    contradicts="§9 speaks of 79×79",
                ),
            ),
        ),
        Claim(
            "R5",
            "Top-1 accuracies of 75.2 %, 76.4 % and 76.6 % at 79, 151 and 299",
            ("P Table 2", "P §9"),
            None,
            "text",
            reason="an accuracy: it takes trained weights and the validation set",
        ),
    ),
)
