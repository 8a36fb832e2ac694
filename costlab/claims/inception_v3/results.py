"""What section 10 claims: the costs of Table 3, and what the evaluations of Tables 4 and 5 take."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import exactly, printed
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import closed, net, noted, only, ratio, total

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.claims.lab import Lab

V3 = net("inception_v3")
ACCURACY = "an accuracy: it takes trained weights and the validation set"
VALIDATION = 50_000
NO_BANKS = "The filter banks of this row stood in a model.txt that is not to be had."
STEM_ROWS = "Table 1, whose first rows are three 3×3"
SEPARABLE = "7x7/2 64 padded separable 8"
"""What GoogLeNet's own Table 1 counts for its first layer."""
TABLE_4 = (
    ("24.4", "6.8"),
    ("22", "5.82"),
    ("24.27", "7.38"),
    ("21.59", "5.71"),
    ("19.47", "4.48"),
    ("18.77", "4.2"),
)
"""What Table 4 prints under Top-5 and under Top-1, in the rows that have both."""
TABLE_5 = (("6.8", "23.7"), ("4.9", "20.1"), ("3.58", "17.2"))
"""What Table 5 prints under Top-5 and under Top-1, in the rows that have both."""


def difference(over: str, under: str) -> Callable[[Lab], Finding]:
    """By how many MACs one network exceeds another."""

    def compute(lab: Lab) -> Finding:
        more, less = (lab.report(name).total.macs for name in (over, under))
        return Finding(more - less, f"macs({over}) − macs({under}) = {more:,} − {less:,}")

    return compute


def rightly_headed(title: str, rows: tuple[tuple[str, str], ...]) -> Reading:
    """The share of rows whose number under Top-5 is no more than that under Top-1."""
    right = sum(Fraction(top5) <= Fraction(top1) for top5, top1 in rows)
    formula = f"{right} of {len(rows)} rows have no more under Top-5 than under Top-1"
    return Reading(title, only(closed(Fraction(right, len(rows)), formula)))


def evaluation(crops: int, models: int = 1) -> Reading:
    """MACs of one image, evaluated in so many crops by so many models."""

    def compute(lab: Lab) -> Finding:
        once = V3.value(lab, "macs")
        macs = once * crops * models
        times = f"{models} models × {crops} crops" if models > 1 else f"{crops} crops"
        return Finding(
            macs,
            f"{times} × {once:,} = {macs:,} MACs an image, {VALIDATION * macs:.3g} for "
            f"{VALIDATION:,} images",
        )

    return Reading(f"{models} × {crops} crops" if models > 1 else f"{crops} crops", compute)


SECTION = Section(
    "Results (§10, Tables 3 to 5)",
    (
        Claim(
            "X1",
            "GoogLeNet costs 1.5 Bn operations",
            ("P Table 3",),
            printed("1.5 Bn"),
            "macs",
            (
                Reading("plain first layer", total(net("googlenet"))),
                Reading("separable first layer", total(net("googlenet_separable"))),
                Reading(
                    "torchvision's graph",
                    total(net("googlenet_torchvision")),
                    contradicts="its third branch has 3×3 where the network has 5×5",
                ),
            ),
        ),
        Claim(
            "X2",
            "BN-GoogLeNet costs 1.5 Bn operations",
            ("P Table 3",),
            printed("1.5 Bn"),
            "macs",
            (
                Reading("plain first layer", total(net("bn_googlenet"))),
                Reading("separable first layer", total(net("bn_googlenet", stem=SEPARABLE))),
            ),
        ),
        Claim(
            "X3",
            "BN-Inception costs 2.0 Bn operations",
            ("P Table 3",),
            printed("2.0 Bn"),
            "macs",
            (
                Reading("filters of its paper", total(net("bn_inception"))),
                Reading("separable first layer", total(net("bn_inception_separable"))),
                Reading("TF-slim's filters", total(net("inception_v2_tfslim"))),
            ),
        ),
        Claim(
            "X4",
            "Inception-v2, with and without RMSProp and label smoothing, costs 3.8 Bn operations",
            ("P Table 3",),
            printed("3.8 Bn"),
            "macs",
            (
                Reading(
                    "the released graph with a 7×7 stem",
                    noted(total(net("reading_7x7_stem")), NO_BANKS),
                    contradicts=STEM_ROWS,
                ),
            ),
        ),
        Claim(
            "X5",
            "With the 7×7 factorized it costs 4.8 Bn: the network called Inception-v3",
            ("P Table 3",),
            printed("4.8 Bn"),
            "macs",
            (
                Reading("the released graph", total(V3)),
                Reading("Table 1 literally, 4 modules at 17×17", total(net("inception_v3_table1"))),
            ),
        ),
        Claim(
            "X6",
            "RMSProp, label smoothing and a normalized side head change no cost of an inference",
            ("P Table 3",),
            exactly(1, "no change"),
            "ratio",
            (Reading("MACs of an inference", ratio(net("inception_v3_bn_aux"), V3)),),
        ),
        Claim(
            "X7",
            "Factorizing the 7×7 adds 1.0 Bn operations",
            ("P Table 3",),
            printed("1.0 Bn"),
            "macs",
            (
                Reading(
                    "the released graph less that with a 7×7 stem",
                    noted(difference("inception_v3", "reading_7x7_stem"), NO_BANKS),
                    contradicts=STEM_ROWS,
                ),
                Reading(
                    "of the printed costs",
                    only(closed(Fraction(10**9), "4.8 Bn − 3.8 Bn")),
                ),
            ),
        ),
        Claim(
            "X8",
            "Errors with many crops: Table 4",
            ("P Table 4",),
            None,
            "text",
            reason=f"{ACCURACY}; the headings of its two last columns are exchanged",
        ),
        Claim(
            "X8b",
            "In Tables 4 and 5 the errors of the best five stand under Top-5",
            ("P Table 4", "P Table 5"),
            exactly(1, "all rows"),
            "share",
            (rightly_headed("Table 4", TABLE_4), rightly_headed("Table 5", TABLE_5)),
            joint=True,
        ),
        Claim(
            "X9",
            "12 crops give 19.47 % and 4.48 %, 144 crops 18.77 % and 4.2 %",
            ("P Table 4", "S evidence", "R comparison"),
            None,
            "macs",
            (evaluation(12), evaluation(144)),
            f"{ACCURACY}; what it takes is computed",
        ),
        Claim(
            "X10",
            "Four models with 144 crops give 17.2 % and 3.58 %",
            ("P Table 5", "S evidence", "S compute setup", "R comparison"),
            None,
            "macs",
            (evaluation(144, 4),),
            f"{ACCURACY}; what it takes is computed",
        ),
        Claim(
            "X11",
            "Evaluated on the 48238 images of the validation set that are not blacklisted",
            ("P §10",),
            None,
            "share",
            (
                Reading(
                    "of the validation set",
                    only(closed(Fraction(48_238, VALIDATION), "48,238 / 50,000")),
                ),
            ),
            "a choice of images, and no cost",
        ),
    ),
)
