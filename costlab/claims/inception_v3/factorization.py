"""What section 3 claims that factorized convolutions save."""

from __future__ import annotations

from fractions import Fraction

from costlab.bounds import about, above, below, exactly, identity, printed, same
from costlab.claims.inception_v3 import asymmetric
from costlab.claims.inception_v3.convolutions import (
    expansion,
    reduced_first,
    weights_times_places,
)
from costlab.claims.inception_v3.savings import (
    SQUARE,
    both_fall,
    expanded,
    saves,
    two_for_5x5,
    without_reuse,
)
from costlab.claims.ledger import Claim, Reading, Section
from costlab.claims.measures import closed, excess, net, only, ratio, saving

EXPANSION = Fraction(3, 2)
"""The α that the paper gives for GoogLeNet."""
CONV_5X5, CONV_3X3, CONV_7X7 = net("conv5x5"), net("conv3x3"), net("conv_nxn")
TWO_3X3_NET, PAIR_NET, TWO_2X2_NET = net("two_3x3"), net("pair_3x1_1x3"), net("two_2x2")
PAIR_7 = net("pair_1xn_nx1")
OF_64 = net("conv3x3", inputs=64, shape=(64, 35, 35))
TIMES_3X3 = ratio(CONV_5X5, OF_64)
QUOTIENT = "the same sentence, which gives the quotient 25/9"
OF_5X5 = "§3.1 says it of the 5×5"
OF_ALL = "§3.1 says it of what is typical, and of the 5×5"


TWO_FOR_5X5 = closed(1 - Fraction(9 + 9, 25), "1 − (9 + 9)/25 = 7/25")
ALPHA_1 = "the 28 % are for α = 1, chosen to simplify"
OF_MODULE = "the 28 % are of the convolution, not of the module around it"
IN_MACS, IN_PARAMETERS = saves(TWO_3X3_NET, CONV_5X5, TWO_FOR_5X5)

TWO_3X3 = Claim(
    "B3",
    "Two 3×3 for one 5×5 save 28 % of the computation",
    ("P §3.1", "S method"),
    printed("28%"),
    "share",
    (
        IN_MACS,
        Reading(
            f"with an expansion of α = {float(EXPANSION)}",
            only(closed(1 - two_for_5x5(EXPANSION), "1 − 9(1 + 1.5)/(25√1.5)")),
            contradicts=ALPHA_1,
        ),
        Reading(
            "in the module of Figure 5 beside Figure 4",
            saving(net("figure5"), net("figure4")),
            contradicts=OF_MODULE,
        ),
    ),
)
SECTION = Section(
    "Factorizing convolutions (§3)",
    (
        Claim(
            "B1",
            "Each weight is one multiplication per activation: MACs = Σ weights · height · width",
            ("P §3",),
            exactly(0, "no difference"),
            "count",
            (Reading("all convolutions of Inception-v3", weights_times_places),),
        ),
        Claim(
            "B1b",
            "Hence whatever reduces the computation reduces the parameters (here: by factorizing)",
            ("P §3", "R §1"),
            same((4, 4), "4 of 4"),
            "of",
            (
                both_fall(
                    "the factorizations of §3",
                    (TWO_3X3_NET, CONV_5X5),
                    (PAIR_NET, CONV_3X3),
                    (TWO_2X2_NET, CONV_3X3),
                    (PAIR_7, CONV_7X7),
                ),
                both_fall(
                    "poolings before convolutions, §5",
                    (net("reduction_pool_first"), net("reduction_conv_first")),
                    contradicts="§3 speaks of factorizing; §5 saves by a smaller grid",
                ),
            ),
        ),
        Claim(
            "B1c",
            "GoogLeNet gains by reducing dimensions: a 1×1 before the 3×3 and 5×5 makes it cheaper",
            ("P §3", "G Inception v1"),
            below("1"),
            "ratio",
            (reduced_first("googlenet"),),
        ),
        Claim(
            "B2",
            "A 5×5 costs 25/9 = 2.78 times a 3×3 of as many filters",
            ("P §3.1", "S method", "G Inception v2"),
            printed("2.78"),
            "ratio",
            (
                Reading("as much, so many times", TIMES_3X3, closed(Fraction(25, 9), "25/9")),
                Reading("more, by so many times", excess(CONV_5X5, OF_64), contradicts=QUOTIENT),
            ),
        ),
        Claim(
            "B3b",
            "Two 3×3 for one 5×5 save as much of the parameters: 28 %",
            ("P §3.1", "R §1.1"),
            printed("28%"),
            "share",
            (IN_PARAMETERS,),
        ),
        Claim(
            "B4",
            "From m to αm filters in two steps of √α: two 3×3 cost 9(1 + α)/(25√α) of the 5×5",
            ("P §3.1",),
            identity(),
            "residual",
            (Reading(f"α = {SQUARE}", expanded),),
        ),
        Claim(
            "B4b",
            "In GoogLeNet a 5×5 convolution widens its input about 1.5 times",
            ("P §3.1",),
            about("1.5", Fraction(1, 5)),
            "ratio",
            (
                expansion(5),
                expansion(5, OF_ALL, least=True),
                expansion(3, OF_5X5),
                expansion(3, OF_5X5, least=True),
            ),
        ),
        Claim(
            "B5",
            "Sliding the two layers without reuse between tiles would cost more than the 5×5",
            ("P §3.1",),
            above("1"),
            "ratio",
            (
                Reading(
                    "nine 3×3 patches, then one, for each place",
                    without_reuse,
                    closed(Fraction(9 * 9 + 9, 25), "(9 · 9 + 9)/25"),
                ),
            ),
        ),
        *asymmetric.CLAIMS,
        Claim(
            "B12",
            "After 3.86 million operations, linear layers settle at 76.2 %, ReLU at 77.2 %",
            ("P Figure 2",),
            None,
            "text",
            reason="an accuracy; and the figure's operations are iterations of a training",
        ),
    ),
)
