"""What section 3.2 claims of asymmetric convolutions, and section 6 of the first 7×7."""

from __future__ import annotations

from fractions import Fraction

from costlab.bounds import below, between, exactly, printed, same
from costlab.claims.inception_v3.convolutions import grids_of, local_shares
from costlab.claims.inception_v3.savings import fields_differ, grows, saves
from costlab.claims.ledger import Claim, Reading
from costlab.claims.measures import closed, net, noted, ratio

CONV_5X5, CONV_3X3, CONV_7X7 = net("conv5x5"), net("conv3x3"), net("conv_nxn")
TWO_3X3, PAIR, TWO_2X2_NET = net("two_3x3"), net("pair_3x1_1x3"), net("two_2x2")
PAIR_7, THREE_3X3 = net("pair_1xn_nx1"), net("three_3x3")
STEM = net("inception_v3", *(f"Conv2d_{place}_3x3" for place in ("1a", "2a", "2b")))
"""The three 3×3 that begin the network."""
STEM_7X7 = net("reading_7x7_stem", "Conv2d_1a_7x7")

PAIR_3X1 = Claim(
    "B6",
    "3×1 with 1×3 is 33 % cheaper than 3×3",
    ("P §3.2", "R §1.2", "S method", "G Inception v2"),
    printed("33%"),
    "share",
    saves(PAIR, CONV_3X3, closed(1 - Fraction(3 + 3, 9), "1 − (3 + 3)/9 = 1/3")),
)
TWO_2X2 = Claim(
    "B7",
    "Two 2×2 for one 3×3 save 11 %",
    ("P §3.2", "R §1.2"),
    printed("11%"),
    "share",
    saves(
        TWO_2X2_NET,
        CONV_3X3,
        closed(1 - Fraction(4 + 4, 9), "1 − (4 + 4)/9 = 1/9"),
        "MACs, the grid kept",
    ),
)

CLAIMS = (
    Claim(
        "B8",
        "1×n with n×1 for n×n saves 1 − 2/n (n = 7)",
        ("P §3.2", "S method", "G Inception v2"),
        exactly(1 - Fraction(2, 7), "1 − 2/7"),
        "share",
        saves(PAIR_7, CONV_7X7, closed(1 - Fraction(2, 7), "1 − 2/7")),
    ),
    Claim(
        "B8b",
        "That saving increases “dramatically” as n grows (here: at each step)",
        ("P §3.2",),
        same((4, 4), "4 of 4"),
        "of",
        (Reading("from n = 3 to 11", grows),),
    ),
    Claim(
        "B9",
        "The factorized convolutions see as much as the one that they replace",
        ("P §3.1", "P §3.2", "G Inception v2"),
        same((0, 0), "no difference"),
        "series",
        (
            fields_differ(TWO_3X3, CONV_5X5),
            fields_differ(PAIR, CONV_3X3),
            fields_differ(TWO_2X2_NET, CONV_3X3),
            fields_differ(PAIR_7, CONV_7X7),
            fields_differ(THREE_3X3, CONV_7X7),
        ),
        joint=True,
    ),
    Claim(
        "B10",
        "The 7×7 of the stem as three 3×3, by the same ideas (so: for less computation)",
        ("P §6", "R ablation"),
        below("1"),
        "ratio",
        (
            Reading(
                "as released, stride 2 in the first",
                noted(ratio(STEM, STEM_7X7), "Table 3 too has the cost rise, from 3.8 to 4.8."),
            ),
            Reading(
                "at equal filters and grid",
                ratio(THREE_3X3, CONV_7X7),
                closed(Fraction(3 * 9, 49), "3 · 9/49"),
                contradicts="the stem, where one has stride 2 and the filters differ",
            ),
        ),
    ),
    Claim(
        "B11",
        "1×7 with 7×1 is used on grids between 12 and 20",
        ("P §3.2", "P Figure 6", "S method"),
        between(12, 20, "12 to 20"),
        "count",
        (
            grids_of((1, 7), (7, 1), name="inception_v3"),
            grids_of((1, 7), (7, 1), name="inception_v3", last=True),
        ),
        joint=True,
    ),
    Claim(
        "B13",
        "The expanded filter banks, 1×3 beside 3×1, are on the coarsest grid only",
        ("P Figure 7",),
        exactly(8, "8"),
        "count",
        (
            grids_of((1, 3), (3, 1), name="inception_v3"),
            grids_of((1, 3), (3, 1), name="inception_v3", last=True),
        ),
        joint=True,
    ),
    Claim(
        "B14",
        "The coarser the grid, the more of the computation is local, by 1×1",
        ("P Figure 7",),
        same((2, 2), "2 of 2"),
        "of",
        (local_shares("inception_v3"),),
    ),
)
