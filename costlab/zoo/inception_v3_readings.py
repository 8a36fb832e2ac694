"""Readings of Inception-v3: what its paper may mean where it contradicts itself or leaves it open.

It knows nothing of what they cost. Variants that the paper itself offers are in
`inception_v3_variants`.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567). Table 3 prints 3.8 and 4.8 billion operations for networks whose filter banks
were in a file that is not public; the released graph costs more. Each reading changes one thing in
that graph, and each contradicts something that the paper says, so that one which meets a printed
figure is a coincidence and no confirmation:

- `figure5_35x35`: the modules at 35×35 as Figure 5 draws them, with a 3×3 where the released ones
  keep a 5×5. Table 1 has it so. §6 contradicts: it calls the three modules there traditional.
- `figure5_17x17`: the modules at 17×17 as Figure 5 draws them too, with the released widths. §6 has
  it so. Table 1 contradicts, which names Figure 6 there, and so does the caption of Figure 6, which
  has n = 7 on that grid.
- `stem="7x7"`: one 7×7 convolution of stride 2 in place of the first three, and GoogLeNet's second
  stage, 1×1 to 64 and 3×3 to 192 filters. §10 has it so for the rows of Table 3 up to label
  smoothing. §6 contradicts, by which Inception-v2 has its 7×7 factorized, and so do the first rows
  of Table 1, and its 80 filters in the second stage.
- `stem="7x7 separable"`: the same, with the 7×7 separable, and a depth multiplier of 8, as in the
  network of Ioffe & Szegedy 2015. The same passages contradict; and §6 calls the layer that was
  factorized a traditional convolution.
- `same_padding`: every layer is padded. The caption of Table 1 contradicts, by which but one row
  and the modules are not padded, and every grid of the table does. At 224×224 so does its first
  row, 299×299.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias, get_args

from costlab.zoo.convolutions import Style, checked_choice
from costlab.zoo.figures import Figure5
from costlab.zoo.inception_v3 import AT_8X8, AT_35X35, STEM, InceptionC, InceptionTrunk
from costlab.zoo.inception_v3_variants import at_17x17
from costlab.zoo.layers import Block, Concat

Stem: TypeAlias = Literal["released", "7x7", "7x7 separable"]

FIRST_LAYER = {"7x7": "7x7/2 64", "7x7 separable": "7x7/2 64 separable 8"}

AS_FIGURE_5_35X35: dict[str, Block] = {
    "Mixed_5b": partial(Figure5, pool_filters=32),  # 35×35×256
    "Mixed_5c": partial(Figure5, pool_filters=64),  # 35×35×288
    "Mixed_5d": partial(Figure5, pool_filters=64),  # 35×35×288
}


def stem_7x7(first_layer: str) -> dict[str, Block]:
    """The stem of GoogLeNet, unpadded as Table 1 is; its first layer writes 147×147 at 299×299."""
    return {
        "Conv2d_1a_7x7": first_layer,  # 147×147×64
        "MaxPool_3a": "max 3x3/2",  # 73×73×64
        "Conv2d_3b_1x1": "1x1 64",  # 73×73×64
        "Conv2d_4a_3x3": "3x3 192 valid",  # 71×71×192
        "MaxPool_5a": "max 3x3/2",  # 35×35×192
    }


class Figure5At17x17(Concat):
    """Figure 5 where the released graph has Figure 6: a 3×3 for each pair of 1×7 and 7×1.

    `filters_7x7` is the width that the released module has inside its factorized branches.
    """

    def __init__(self, inputs: int, style: Style, *, filters_7x7: int) -> None:
        c = filters_7x7
        super().__init__(
            inputs,
            style,
            branch1x1="1x1 192",
            branch3x3=f"1x1 {c} → 3x3 192",
            branch3x3dbl=f"1x1 {c} → 3x3 {c} → 3x3 192",
            branch_pool="avg 3x3 → 1x1 192",
        )


class InceptionV3Reading(InceptionTrunk):
    """A reading of the paper; what is not said is as in the released graph.

    It has no side head: that does not run at inference, of which the figures in question are.

    Raises:
        UsageError: there is no such stem, or an argument is nonsense.
    """

    def __init__(
        self,
        classes: int = 1000,
        *,
        stem: Stem = "released",
        figure5_35x35: bool = False,
        figure5_17x17: bool = False,
        modules_17x17: int = 4,
        same_padding: bool = False,
        width: float = 1.0,
    ) -> None:
        checked_choice("stem", stem, get_args(Stem))
        first = STEM if stem == "released" else stem_7x7(FIRST_LAYER[stem])
        second = AS_FIGURE_5_35X35 if figure5_35x35 else AT_35X35
        third = at_17x17(modules_17x17, Figure5At17x17 if figure5_17x17 else InceptionC)
        style = Style(width, same_padding=same_padding)
        super().__init__(first | second | third, AT_8X8, style, classes, side_head=None)
