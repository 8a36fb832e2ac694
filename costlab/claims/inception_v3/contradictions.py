"""Where the documents contradict each other or themselves, or have a slip of the pen.

It is a list; what costlab computed about it stands in the claims that each entry names.
"""

from __future__ import annotations

from typing import NamedTuple


class Contradiction(NamedTuple):
    """What two places say that does not go together, and the claims that bear on it."""

    text: str
    where: tuple[str, ...]
    claims: tuple[str, ...] = ()


CONTRADICTIONS = (
    Contradiction(
        "GoogLeNet has 5 million parameters, or 7 million.",
        ("P §1", "S bottleneck", "R introduction"),
        ("A4", "G0"),
    ),
    Contradiction(
        "The increase of 2.5 is over GoogLeNet, or over BN-Inception. Of the printed costs, "
        "3.8 / 1.5 gives the one and 4.8 / 2.0 the other.",
        ("P §6", "R architecture", "P §11", "S evidence"),
        ("E2", "Z1"),
    ),
    Contradiction(
        "The complexity is similar to VGGNet's, or the network is much more efficient.",
        ("R introduction", "P §6"),
        ("A8", "G10"),
    ),
    Contradiction(
        "The modules at 17×17 are those of Figure 5 and at 8×8 those of Figure 6, or of Figures 6 "
        "and 7; at 35×35 they are traditional, or those of Figure 5.",
        ("P §6", "P Table 1"),
        ("T1.8b", "T1.9b", "T1.10b", "E6"),
    ),
    Contradiction(
        "The seventh row of Table 1 keeps its grid of 35×35 without padding, which the caption "
        "allows to the marked row only; and 288 filters enter the first module, which in the "
        "released graph reads 192.",
        ("P Table 1", "P Table 1, caption"),
        ("T1.7", "T1.8", "T1.14"),
    ),
    Contradiction(
        "Five modules at 17×17, or four and a reduction: with five real ones the network no longer "
        "has less than 25 million parameters.",
        ("P Table 1", "P §6", "P abstract"),
        ("A2", "E3", "T1.9b"),
    ),
    Contradiction(
        "The three modules at 35×35 have 288 filters each, where the released ones write 256, 288 "
        "and 288; they hold a 5×5 and two 3×3, as neither Figure 4 nor Figure 5 draws them.",
        ("P §6", "P Table 1"),
        ("E4", "E4b", "T1.8b"),
    ),
    Contradiction(
        "Only the modules that keep their grid are padded inside; in the released graph those that "
        "reduce it are too.",
        ("P Table 1, caption",),
        ("T1.14",),
    ),
    Contradiction("42 layers, where the longest path has 48.", ("P §6", "R introduction"), ("E1",)),
    Contradiction(
        "5 billion multiply-adds, or 4.8 Bn operations.",
        ("P abstract", "P Table 3"),
        ("A1", "X5"),
    ),
    Contradiction(
        "The ensemble errs by 17.3 % and 3.5 %, or by 17.2 % and 3.58 %, or by 3.46 %; the "
        "conclusion says “reaches 3.5 %” twice in a sentence.",
        ("P abstract", "P Table 5", "P Table 5, note", "P §11"),
        ("A3", "X10", "Z5"),
    ),
    Contradiction(
        "Table 4 has the headings Top-5 and Top-1 exchanged; Table 5 has them right.",
        ("P Table 4", "P Table 5"),
        ("X8", "X8b"),
    ),
    Contradiction(
        "VGG errs by 24.4 % or by 23.7 %: of one model, or of two.",
        ("P Table 4", "P Table 5"),
    ),
    Contradiction(
        "Label smoothing gains 0.2 % in both errors, or 0.3 % and 0.2 %.",
        ("P §7", "P Table 3"),
        ("L7",),
    ),
    Contradiction(
        "Reducing the cost by a quarter, where the counts beside it reduce it to a quarter.",
        ("P §5",),
        ("D2",),
    ),
    Contradiction(
        "“2.78 times more” is a quotient; “3 times more” goes with counts whose quotient is 4.",
        ("P §3.1", "P Figure 9", "P §5"),
        ("B2", "D3"),
    ),
    Contradiction(
        "Three 3×3 in the place of the 7×7 follow the ideas that save computation, and add 1.0 Bn.",
        ("P §6", "P Table 3"),
        ("B10", "X7"),
    ),
    Contradiction(
        "Figure 2 counts operations and means iterations of the training.",
        ("P Figure 2",),
        ("B12",),
    ),
    Contradiction(
        "Stride 2 and pooling come after the first layer, or the pooling after the third.",
        ("P §9", "P Table 1"),
        ("R1", "R2", "R3"),
    ),
    Contradiction(
        "Inception-v2 is the name of rows of an ablation, of the network of that whole paper, or "
        "of BN-Inception.",
        ("P Table 3", "G Inception v2", "R inception versions"),
        ("X4",),
    ),
    Contradiction(
        "VGGNet has “3 more parameters” than AlexNet, and patches are written 33, 55 and 77: the "
        "signs for times are lost.",
        ("R introduction", "R §1.1"),
        ("A7", "B3b"),
    ),
    Contradiction(
        "Rows of Tables 4 and 5 have no number of crops.",
        ("P Table 4", "P Table 5"),
    ),
    Contradiction(
        "GoogLeNet's own Table 1 gives its first layer 2.7 thousand parameters and 34 million "
        "operations, which a plain 7×7 with 64 filters does not have and a separable one does.",
        ("Szegedy et al. 2014, Table 1",),
        ("X1",),
    ),
)
