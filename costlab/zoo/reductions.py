"""Three ways to halve the grid and double the filters that the Inception-v3 paper compares.

It knows nothing of what they cost, nor of the networks that reduce their grids.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567), §5, Figure 9 and the right of Figure 10. Figure 9 draws an Inception module; in
its place is here the one convolution of which §5 counts the operations. The paper prints no patch:
3×3 by default, for the convolution as for the pooling, as in the released Inception-v3, which takes
maxima. There a grid of n becomes ⌊(n - 3) / 2⌋ + 1; `padded`, it becomes ⌈n / 2⌉, so that the
equations of §5 hold to the digit on an even grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.errors import UsageError
from costlab.zoo.layers import Concat
from costlab.zoo.parts import Series, alone

if TYPE_CHECKING:
    from costlab.zoo.convolutions import Style
    from costlab.zoo.parts import Pool


class PoolFirst(Series):
    """Figure 9, left: a pooling of stride 2, then the convolution. It is a bottleneck (§2).

    It writes `outputs`, or else twice the channels that it reads: 2(d/2)²k² operations of 1×1.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        outputs: int | None = None,
        patch: int = 3,
        padded: bool = False,
        pool: Pool = "max",
    ) -> None:
        super().__init__(
            inputs,
            style,
            pool=f"{pool} 3x3/2{' padded' * padded}",
            conv=f"{patch}x{patch} {outputs or 2 * inputs}",
        )


class ConvFirst(Series):
    """Figure 9, right: the convolution on the whole grid, then a pooling of stride 2.

    It writes `outputs`, or else twice the channels that it reads: 2d²k² operations of 1×1.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        outputs: int | None = None,
        patch: int = 3,
        padded: bool = False,
        pool: Pool = "max",
    ) -> None:
        super().__init__(
            inputs,
            style,
            conv=f"{patch}x{patch} {outputs or 2 * inputs}",
            pool=f"{pool} 3x3/2{' padded' * padded}",
        )


class Parallel(Concat):
    """Figure 10, right: a convolution C and a pooling P, both of stride 2, side by side.

    C writes what P does not, of `outputs` or else of twice the channels that they read: (d/2)²k²
    operations of 1×1.

    Raises:
        UsageError: C would write nothing, or another grid than P.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        outputs: int | None = None,
        patch: int = 3,
        padded: bool = False,
        pool: Pool = "max",
    ) -> None:
        filters = (outputs or 2 * inputs) - inputs
        if filters < 1:
            raise UsageError(
                f"outputs={outputs}: the pooling alone writes {inputs}; ask for more than those"
            )
        # 3×3 is the pooling's patch; padded by half of itself, any odd patch leaves the same grid.
        if patch % 2 == 0 or (patch != 3 and not padded):  # noqa: PLR2004 - as said
            raise UsageError(
                f"patch={patch} leaves another grid than the 3×3 pooling; it is 3, or any odd "
                "number with padded=True"
            )
        kept = " padded" * padded
        super().__init__(
            inputs,
            style,
            conv=f"{patch}x{patch}/2 {filters}{kept}",
            pool=f"{pool} 3x3/2{kept}",
        )


reduction_pool_first = alone(PoolFirst, inputs=320)
reduction_conv_first = alone(ConvFirst, inputs=320)
reduction_parallel = alone(Parallel, inputs=320)
