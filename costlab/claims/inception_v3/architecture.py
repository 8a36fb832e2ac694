"""What section 6 and Table 1 claim about the network: its rows, its depth, its cost."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.bounds import about, exactly, same
from costlab.claims.inception_v3.structure import (
    depth,
    drawn_as,
    filters,
    matching,
    module_counts,
    padded,
)
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import closed, excess, grid, net, only, ratio

if TYPE_CHECKING:
    from costlab.claims.lab import Lab

V3 = net("inception_v3")
LITERAL = net("inception_v3_table1")
MARKED = "Conv2d_2b_3x3"
RELEASED, TABLE = "the released graph", "Table 1 literally, 4 modules at 17×17"
V3_NAME, LITERAL_NAME, FIVE = "inception_v3", "inception_v3_table1", "inception_v3_table1_5"
PER_TABLE_1 = "§6, which names Figures 5 and 6, where Table 1 has Figures 6 and 7"
AT_35 = ("Mixed_5b", "Mixed_5c", "Mixed_5d")


def row(
    number: int,
    text: str,
    shape: tuple[int, ...],
    released: str,
    literal: str = "",
    contradicts: str = "",
) -> Claim:
    """A row of Table 1: what its block writes, which is what the next row reads."""
    readings = [Reading(RELEASED, grid(V3, released), contradicts=contradicts)]
    if literal:
        readings.append(Reading(TABLE, grid(LITERAL, literal)))
    height, width, channels = shape
    return Claim(
        f"T1.{number}",
        f"Table 1, row {number}: {text}",
        ("P Table 1", "G Inception v2"),
        same((channels, height, width), f"{height}×{width}×{channels}"),
        "shape",
        tuple(readings),
    )


def figures_of_section_6(name: str, grids: tuple[int, int], contradicts: str = "") -> Reading:
    """Of how many modules the convolutions are those of the figures that §6 names, or the next."""
    figures = ("figure5", "figure6") if not contradicts else ("figure6", "figure7")

    def compute(lab: Lab) -> Finding:
        found = [matching(lab, name, *place) for place in zip(grids, figures, strict=True)]
        listed = ", ".join(
            f"{same} of {every} at {side}×{side} as {figure}"
            for (same, every), side, figure in zip(found, grids, figures, strict=True)
        )
        return Finding(tuple(same for same, _ in found), listed)

    return Reading(f"{name}, as {figures[0]} and {figures[1]}", compute, contradicts=contradicts)


SECTION = Section(
    "The network (§6, Table 1)",
    (
        row(1, "3×3/2 on 299×299×3", (149, 149, 32), "Conv2d_1a_3x3", "Conv2d_1a_3x3"),
        row(2, "3×3/1 on 149×149×32", (147, 147, 32), "Conv2d_2a_3x3", "Conv2d_2a_3x3"),
        row(3, "padded 3×3/1 on 147×147×32", (147, 147, 64), "Conv2d_2b_3x3", "Conv2d_2b_3x3"),
        row(4, "pooling 3×3/2 on 147×147×64", (73, 73, 64), "MaxPool_3a", "MaxPool_3a"),
        row(5, "3×3/1 on 73×73×64", (71, 71, 80), "Conv2d_3b_1x1", "Conv2d_3b_3x3"),
        row(6, "3×3/2 on 71×71×80", (35, 35, 192), "Conv2d_4a_3x3", "Conv2d_4a_3x3"),
        row(
            7,
            "3×3/1 on 35×35×192",
            (35, 35, 288),
            "MaxPool_5a",
            "Conv2d_5a_3x3",
            contradicts="the released graph pools here, and writes 192 filters",
        ),
        row(
            8,
            "what the modules at 35×35 and a reduction write",
            (17, 17, 768),
            "Mixed_6a",
            "Mixed_6a",
        ),
        Claim(
            "T1.8b",
            "Table 1, row 8: three modules, as in Figure 5",
            ("P Table 1", "G Inception v2"),
            same((3, 3), "3 of 3"),
            "of",
            (drawn_as("figure5", V3_NAME, 35), drawn_as("figure5", LITERAL_NAME, 35)),
        ),
        row(
            9,
            "what the modules at 17×17 and a reduction write",
            (8, 8, 1280),
            "Mixed_7a",
            "Mixed_7a",
        ),
        Claim(
            "T1.9b",
            "Table 1, row 9: five modules, as in Figure 6",
            ("P Table 1", "G Inception v2"),
            same((5, 5), "5 of 5"),
            "of",
            (drawn_as("figure6", V3_NAME, 17), drawn_as("figure6", FIVE, 17, "A2: 25 million")),
        ),
        row(10, "what the modules at 8×8 write", (8, 8, 2048), "Mixed_7c", "Mixed_7c"),
        Claim(
            "T1.10b",
            "Table 1, row 10: two modules, as in Figure 7",
            ("P Table 1", "G Inception v2"),
            same((2, 2), "2 of 2"),
            "of",
            (drawn_as("figure7", V3_NAME, 8), drawn_as("figure7", LITERAL_NAME, 8)),
        ),
        row(11, "pooling 8×8 on 8×8×2048", (1, 1, 2048), "pool", "pool"),
        Claim(
            "T1.12",
            "Table 1, row 12: logits of 1000 classes from 1×1×2048",
            ("P Table 1", "G Inception v2"),
            same((1000,), "1000"),
            "shape",
            (Reading(RELEASED, grid(V3, "fc")), Reading(TABLE, grid(LITERAL, "fc"))),
        ),
        Claim(
            "T1.13",
            "Table 1, row 13: a softmax over 1000 classes",
            ("P Table 1", "G Inception v2"),
            None,
            "text",
            reason="a softmax has no multiply-adds, and the released graph leaves it to the loss",
        ),
        Claim(
            "T1.14",
            "No layer but the marked one is padded, outside the modules that keep their grid",
            ("P Table 1, caption",),
            exactly(0, "none"),
            "count",
            (
                padded(V3_NAME, MARKED, RELEASED),
                padded(V3_NAME, MARKED, f"{RELEASED}, outside all modules", in_reductions=False),
                padded(LITERAL_NAME, MARKED, TABLE),
            ),
        ),
        Claim(
            "E1",
            "The network is 42 layers deep",
            ("P §6", "R introduction", "R architecture"),
            exactly(42, "42"),
            "count",
            (
                depth(V3_NAME),
                depth(V3_NAME, less=1),
                depth(LITERAL_NAME),
                depth("reading_7x7_stem"),
            ),
        ),
        Claim(
            "E2",
            "Its cost is only about 2.5 times higher than GoogLeNet's",
            ("P §6", "R architecture"),
            about("2.5"),
            "ratio",
            (
                Reading("plain first layer", ratio(V3, net("googlenet"))),
                Reading("separable first layer", ratio(V3, net("googlenet_separable"))),
                Reading("more by so many times", excess(V3, net("googlenet"))),
                Reading(TABLE, ratio(LITERAL, net("googlenet"))),
                Reading(
                    "of the printed costs, Inception-v2",
                    only(closed(Fraction("3.8") / Fraction("1.5"), "3.8 Bn / 1.5 Bn")),
                ),
                Reading(
                    "of the printed costs, Inception-v3",
                    only(closed(Fraction("4.8") / Fraction("1.5"), "4.8 Bn / 1.5 Bn")),
                ),
            ),
        ),
        Claim(
            "E3",
            "3, 5 and 2 Inception modules at 35×35, 17×17 and 8×8",
            ("P §6", "P Table 1", "G Inception v2"),
            same((3, 5, 2), "3, 5, 2"),
            "series",
            (
                module_counts(V3_NAME),
                module_counts(V3_NAME, with_reductions=True),
                module_counts(FIVE, "A2: 25 million"),
            ),
        ),
        Claim(
            "E4",
            "The three modules at 35×35 have 288 filters each",
            ("P §6",),
            same((288, 288, 288), "288, 288, 288"),
            "series",
            (filters(V3_NAME, *AT_35), filters(LITERAL_NAME, *AT_35)),
        ),
        Claim(
            "E4b",
            "The three modules at 35×35 are traditional, with a 5×5 (Figure 4)",
            ("P §6",),
            same((3, 3), "3 of 3"),
            "of",
            (drawn_as("figure4", V3_NAME, 35), drawn_as("figure4", LITERAL_NAME, 35)),
        ),
        Claim(
            "E5",
            "The two modules at 8×8 write 2048 filters",
            ("P §6",),
            same((2048, 2048), "2048 each"),
            "series",
            (filters(V3_NAME, "Mixed_7b", "Mixed_7c"),),
        ),
        Claim(
            "E6",
            "Five modules of Figure 5 at 17×17, and two of Figure 6 at 8×8",
            ("P §6",),
            same((5, 2), "5 and 2"),
            "series",
            (
                figures_of_section_6(V3_NAME, (17, 8)),
                figures_of_section_6(V3_NAME, (17, 8), PER_TABLE_1),
                figures_of_section_6(
                    "inception_v3_five", (17, 8), f"{PER_TABLE_1}; A2: 25 million"
                ),
            ),
        ),
    ),
)
