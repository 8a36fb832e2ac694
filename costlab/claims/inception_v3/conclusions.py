"""What section 11 claims in comparison with others."""

from __future__ import annotations

from fractions import Fraction

from costlab.bounds import about, above, at_least, printed
from costlab.claims.ledger import Claim, Reading, Section
from costlab.claims.measures import closed, net, noted, only, ratio

V3 = net("inception_v3")
RECALLED = "The layers of B and C, and the pyramid of all three, are recalled, not read."


def beside(model: str, metric: str = "macs") -> Reading:
    """How many times as much of a count one of the networks of He et al. has."""
    found = ratio(net(f"prelu_net_{model}"), V3, metric)
    return Reading(f"PReLU-net {model.upper()}", noted(found, RECALLED))


def relative(name: str, before: str, after: str) -> Reading:
    """By which share an error, printed in per cent, has fallen."""
    share = 1 - Fraction(after) / Fraction(before)
    return Reading(name, only(closed(share, f"1 − {after} / {before}")))


SECTION = Section(
    "Conclusions (§11)",
    (
        Claim(
            "Z1",
            "A modest 2.5-fold increase in computation over the network of Ioffe et al.",
            ("P §11", "S evidence"),
            about("2.5"),
            "ratio",
            (
                Reading("BN-Inception, filters of its paper", ratio(V3, net("bn_inception"))),
                Reading("BN-Inception, separable", ratio(V3, net("bn_inception_separable"))),
                Reading(
                    "of the printed costs",
                    only(closed(Fraction("4.8") / 2, "4.8 Bn / 2.0 Bn")),
                ),
            ),
        ),
        Claim(
            "Z2",
            "Six times cheaper than the best network of He et al.",
            ("P §11", "S evidence"),
            about("6"),
            "ratio",
            (
                beside("c"),
                beside("b"),
                beside("a"),
            ),
        ),
        Claim(
            "Z3",
            "At least five times fewer parameters than that network (estimated)",
            ("P §11", "S evidence"),
            at_least(5, "at least 5"),
            "ratio",
            (
                beside("c", "params_executed"),
                beside("b", "params_executed"),
                beside("a", "params_executed"),
            ),
        ),
        Claim(
            "Z4",
            "Cuts the top-5 error of He et al. by 25 %",
            ("P §11",),
            printed("25%"),
            "share",
            (
                relative("144 crops, Table 4", "5.71", "4.2"),
                relative("12 against 10 crops, Table 4", "7.38", "4.48"),
                relative("one crop against 10, Tables 3 and 4", "7.38", "5.6"),
            ),
        ),
        Claim(
            "Z4b",
            "Cuts the top-1 error of He et al. by 14 %",
            ("P §11",),
            printed("14%"),
            "share",
            (
                relative("144 crops, Table 4", "21.59", "18.77"),
                relative("12 against 10 crops, Table 4", "24.27", "19.47"),
                relative("one crop against 10, Tables 3 and 4", "24.27", "21.2"),
            ),
        ),
        Claim(
            "Z5",
            "The ensemble's error is over 25 % below the best published one",
            ("P §11",),
            above("25%"),
            "share",
            (
                relative("3.58 % against BN-Inception, the best of Table 5", "4.9", "3.58"),
                relative("3.58 % against PReLU", "4.94", "3.58"),
                relative("3.5 % as rounded in the text", "4.9", "3.5"),
            ),
        ),
        Claim(
            "Z6",
            "Almost half of the error of the GoogLeNet ensemble",
            ("P §11",),
            about("0.5"),
            "ratio",
            (
                Reading(
                    "Table 5", only(closed(Fraction("3.58") / Fraction("6.67"), "3.58 / 6.67"))
                ),
                Reading(
                    "3.5 % as rounded in the text",
                    only(closed(Fraction("3.5") / Fraction("6.67"), "3.5 / 6.67")),
                ),
            ),
        ),
    ),
)
