"""The modules that the Inception-v3 paper draws, each on its own: at any grid, of any filter banks.

It knows nothing of what they cost, nor of the networks that are made of them.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"
(arXiv:1512.00567), Figures 4 to 7 and 10. The figures draw branches and patches, but print no
filter banks, no patch of a pooling, and not whether it averages. What they leave open is by default
that of the released Inception-v3 at the same grid (TF-slim `inception_v3`): its banks, poolings of
3×3, averages within a module, and maxima where the grid is reduced; but the original module of
Figure 4 takes maxima, as GoogLeNet does. The released modules differ from the figures: at 35×35
they hold one 5×5 beside the two 3×3, and at 17×17 their longer branch begins with n×1, where §3.2
has 1×n first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.zoo.layers import Concat
from costlab.zoo.parts import alone

if TYPE_CHECKING:
    from costlab.zoo.convolutions import Style
    from costlab.zoo.parts import Pool


class Figure4(Concat):
    """Figure 4: the original module, with one 5×5 convolution.

    The banks are those of Figure 5 here, so that the convolutions of the two differ in nothing but
    the factorization; a row of GoogLeNet's Table 1 can be given by name instead.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        filters_1x1: int = 64,
        reduce_3x3: int = 48,
        filters_3x3: int = 64,
        reduce_5x5: int = 64,
        filters_5x5: int = 96,
        pool_filters: int = 64,
        pool: Pool = "max",
    ) -> None:
        super().__init__(
            inputs,
            style,
            branch1x1=f"1x1 {filters_1x1}",
            branch3x3=f"1x1 {reduce_3x3} → 3x3 {filters_3x3}",
            branch5x5=f"1x1 {reduce_5x5} → 5x5 {filters_5x5}",
            branch_pool=f"{pool} 3x3 → 1x1 {pool_filters}",
        )


class Figure5(Concat):
    """Figure 5: the 5×5 of Figure 4 replaced by two 3×3, both as wide as it was.

    Banks of Mixed_5c and Mixed_5d, whose 5×5 has become the 3×3 that the figure draws there.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        filters_1x1: int = 64,
        reduce_3x3: int = 48,
        filters_3x3: int = 64,
        reduce_5x5: int = 64,
        filters_5x5: int = 96,
        pool_filters: int = 64,
        pool: Pool = "avg",
    ) -> None:
        super().__init__(
            inputs,
            style,
            branch1x1=f"1x1 {filters_1x1}",
            branch3x3=f"1x1 {reduce_3x3} → 3x3 {filters_3x3}",
            branch3x3dbl=f"1x1 {reduce_5x5} → 3x3 {filters_5x5} → 3x3 {filters_5x5}",
            branch_pool=f"{pool} 3x3 → 1x1 {pool_filters}",
        )


class Figure6(Concat):
    """Figure 6: n×n convolutions as 1×n and n×1 in turn.

    `inside` is the width within the factorized branches, and `filters` what each of them writes.
    Banks of Mixed_6e.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        n: int = 7,
        filters_1x1: int = 192,
        inside: int = 192,
        filters: int = 192,
        pool_filters: int = 192,
        pool: Pool = "avg",
    ) -> None:
        row, column = f"1x{n} {inside}", f"{n}x1 {inside}"
        super().__init__(
            inputs,
            style,
            branch1x1=f"1x1 {filters_1x1}",
            branch_nxn=f"1x1 {inside} → {row} → {n}x1 {filters}",
            branch_nxn_dbl=f"1x1 {inside} → {row} → {column} → {row} → {n}x1 {filters}",
            branch_pool=f"{pool} 3x3 → 1x1 {pool_filters}",
        )


class Figure7(Concat):
    """Figure 7: 1×3 and 3×1 side by side, each with `filters`, expand the filter banks.

    Banks of Mixed_7b and Mixed_7c.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        filters_1x1: int = 320,
        reduce_3x3: int = 384,
        reduce_3x3dbl: int = 448,
        filters: int = 384,
        pool_filters: int = 192,
        pool: Pool = "avg",
    ) -> None:
        split = f"(1x3 {filters} | 3x1 {filters})"
        super().__init__(
            inputs,
            style,
            branch1x1=f"1x1 {filters_1x1}",
            branch3x3=f"1x1 {reduce_3x3} → {split}",
            branch3x3dbl=f"1x1 {reduce_3x3dbl} → 3x3 {filters} → {split}",
            branch_pool=f"{pool} 3x3 → 1x1 {pool_filters}",
        )


class Figure10(Concat):
    """Figure 10, left: two branches of stride 2 beside a pooling of stride 2.

    The branch of two 3×3 has the banks of Mixed_6a and the 1×1 of the other that of Mixed_7a; its
    3×3 writes what is left of the 320 filters that the figure prints on its right.
    """

    def __init__(
        self,
        inputs: int,
        style: Style,
        *,
        reduce_3x3: int = 192,
        filters_3x3: int = 224,
        reduce_3x3dbl: int = 64,
        filters_3x3dbl: int = 96,
        pool: Pool = "max",
    ) -> None:
        super().__init__(
            inputs,
            style,
            branch3x3=f"1x1 {reduce_3x3} → 3x3/2 {filters_3x3}",
            branch3x3dbl=f"1x1 {reduce_3x3dbl} → 3x3 {filters_3x3dbl} → 3x3/2 {filters_3x3dbl}",
            branch_pool=f"{pool} 3x3/2",
        )


figure4 = alone(Figure4, inputs=288)
figure5 = alone(Figure5, inputs=288)
figure6 = alone(Figure6, inputs=768)
figure7 = alone(Figure7, inputs=1280)
figure10 = alone(Figure10, inputs=320)
