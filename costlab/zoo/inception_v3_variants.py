"""Variants of Inception-v3 of which its paper speaks, each told by what differs from that network.

It knows nothing of what they cost. Readings of the paper that it does not itself offer are in
`inception_v3_readings`.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567): its Table 1 and §6, §9, and the last row of Table 3 with §10. Filter banks from
the released graph, as in `inception_v3`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from string import ascii_lowercase
from typing import TypeAlias

from torch import nn

from costlab.errors import UsageError
from costlab.zoo.convolutions import Style
from costlab.zoo.figures import Figure5
from costlab.zoo.inception_v3 import (
    AT_8X8,
    AT_17X17,
    AT_35X35,
    STEM,
    AuxiliaryClassifier,
    InceptionB,
    InceptionC,
    InceptionTrunk,
)
from costlab.zoo.layers import Block, Stage
from costlab.zoo.parts import counted

# What a module at 17×17 is called with: input channels, a style, and `filters_7x7` by name.
Module17x17: TypeAlias = Callable[..., Stage]

# The released widths within the factorized branches; any further module is as wide as the last.
FILTERS_7X7 = (128, 160, 160, 192)
# Mixed_6a reduces the grid.
NAMES_17X17 = [f"Mixed_6{letter}" for letter in ascii_lowercase[1:]]

# The first seven rows of Table 1, to the letter. The third and the seventh are padded: the table
# says so of the third only, but without it the seventh would leave 33×33 of its 35×35.
TABLE_1_STEM: dict[str, Block] = {
    "Conv2d_1a_3x3": "3x3/2 32",  # 149×149×32
    "Conv2d_2a_3x3": "3x3 32 valid",  # 147×147×32
    "Conv2d_2b_3x3": "3x3 64",  # 147×147×64
    "MaxPool_3a": "max 3x3/2",  # 73×73×64
    "Conv2d_3b_3x3": "3x3 80 valid",  # 71×71×80
    "Conv2d_4a_3x3": "3x3/2 192",  # 35×35×192
    "Conv2d_5a_3x3": "3x3 288",  # 35×35×288
}


def at_17x17(modules: int, module: Module17x17 = InceptionC) -> dict[str, Block]:
    """The reduction to 17×17 and so many modules behind it, of the released widths.

    >>> list(at_17x17(2))
    ['Mixed_6a', 'Mixed_6b', 'Mixed_6c']

    Raises:
        UsageError: that is no number of modules, or there are more than the alphabet names.
    """
    if counted("modules_17x17", modules) > len(NAMES_17X17):
        raise UsageError(
            f"modules_17x17={modules}: they are named Mixed_6b to Mixed_6z, so at most "
            f"{len(NAMES_17X17)}"
        )
    blocks: dict[str, Block] = {"Mixed_6a": InceptionB}
    for place, name in enumerate(NAMES_17X17[:modules]):
        filters = FILTERS_7X7[min(place, len(FILTERS_7X7) - 1)]
        blocks[name] = partial(module, filters_7x7=filters)
    return blocks


class InceptionV3Table1(InceptionTrunk):
    """Table 1 to the letter: its stem, and at 35×35 the modules of Figure 5, each 288 wide.

    The table has five modules at 17×17; with `modules_17x17=4` the first is taken for the reduction
    of the grid, as the released graph suggests.
    """

    def __init__(
        self, classes: int = 1000, *, modules_17x17: int = 4, aux: bool = True, width: float = 1.0
    ) -> None:
        # Three of one width: the banks of the released Mixed_5c and Mixed_5d.
        at_35x35: dict[str, Block] = {name: partial(Figure5) for name in AT_35X35}
        super().__init__(
            TABLE_1_STEM | at_35x35 | at_17x17(modules_17x17),
            AT_8X8,
            Style(width),
            classes,
            AuxiliaryClassifier if aux else None,
        )


class InceptionV3Modules(InceptionTrunk):
    """The released graph with another number of modules at 17×17.

    §6 and Table 1 count five there. The released graph has four, and a fifth exceeds the paper's
    own bound on parameters.
    """

    def __init__(
        self, classes: int = 1000, *, modules_17x17: int = 5, aux: bool = True, width: float = 1.0
    ) -> None:
        super().__init__(
            STEM | AT_35X35 | at_17x17(modules_17x17),
            AT_8X8,
            Style(width),
            classes,
            AuxiliaryClassifier if aux else None,
        )


class InceptionV3LowResolution(InceptionTrunk):
    """The second and third network of §9: stride 1 in the first layer, for images of less detail.

    The second (151×151) keeps the first pooling, the third (79×79) goes without. §9 speaks of the
    pooling behind the first layer; in the released graph it stands behind the third convolution.

    Shapes: images `n x 3 x h x w`, h and w at least 39, in training with `aux` at least 151;
    without `first_pooling` 21 and 77.
    """

    def __init__(
        self,
        classes: int = 1000,
        *,
        first_pooling: bool = True,
        aux: bool = True,
        width: float = 1.0,
    ) -> None:
        stem = STEM | {"Conv2d_1a_3x3": "3x3 32 valid"}
        if not first_pooling:
            del stem["MaxPool_3a"]
        super().__init__(
            stem | AT_35X35 | AT_17X17,
            AT_8X8,
            Style(width),
            classes,
            AuxiliaryClassifier if aux else None,
        )


class BNAuxiliaryClassifier(AuxiliaryClassifier):
    """The side head with its logits batch-normalized too, in place of their bias."""

    def __init__(self, inputs: int, style: Style, classes: int) -> None:
        super().__init__(inputs, style, classes)
        self.fc = nn.Linear(self.fc.in_features, classes, bias=False)
        self.bn = nn.BatchNorm1d(classes, eps=style.eps)


class InceptionV3BNAuxiliary(InceptionTrunk):
    """The last row of Table 3: the fully connected layer of the side head is normalized too (§10).

    That layer is taken here for the one that writes the logits, the only one that the released
    graph does not normalize. Its 5×5 convolution covers the whole grid and so is fully connected as
    well, and is normalized; with it meant, the released graph is that of the last row itself.
    """

    def __init__(self, classes: int = 1000, *, aux: bool = True, width: float = 1.0) -> None:
        super().__init__(
            STEM | AT_35X35 | AT_17X17,
            AT_8X8,
            Style(width),
            classes,
            BNAuxiliaryClassifier if aux else None,
        )
