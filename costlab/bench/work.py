"""What a subject makes a device do: products, which compute, and passes, which only move bytes.

Knows neither torch, nor how long anything takes (`costlab.bench.roofline` says).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "bias",
    "normalization",
    "activation",
    "elementwise",
    "padding",
    "pooling",
    "cat",
    "optimizer",
    "other",
]


@dataclass(frozen=True, slots=True)
class Product:
    """A convolution, linear layer or matrix product, as the tiles of a kernel see it.

    In each of `groups`, `rows` × `columns` sums are formed: a convolution has a row a position and
    image, and a column a filter. `tiled` is False where kernels split the sums over processors, as
    they do for gradients, so that tiles say nothing of how many processors have work.

    `after` is the index of the convolution whose finished result is all that this one reads and
    that nothing else reads, where one kernel could compute both; `between` are the bytes of that
    result. `padded` are bytes of `moved` that are read of a copy that is only made to pad.

    Units: `macs` multiply-adds; `moved` bytes: both factors read once, the result written once.
    """

    rows: int
    columns: int
    groups: int
    macs: int
    moved: int
    tiled: bool = True
    after: int | None = None
    between: int = 0
    padded: int = 0

    @property
    def depth(self) -> float:
        """The products that are summed for one element of the result.

        >>> Product(35 * 35, 64, 1, macs=35 * 35 * 64 * 576, moved=0).depth
        576.0
        """
        return self.macs / (self.rows * self.columns * self.groups)


@dataclass(frozen=True, slots=True)
class Pass:
    """An operation that moves bytes and computes next to nothing, as a kernel of its own.

    `product` is the index of the product whose result it finishes, where that product's kernel
    could do so before it writes; `joins` is the index of the pass right before it, where one
    kernel could do both; `placed` is what of the bytes that it reads was written by passes or
    poolings, which could have written them to their final place.

    Units: `reads`, `writes` and `placed` bytes.
    """

    kind: Kind
    reads: int
    writes: int
    product: int | None = None
    joins: int | None = None
    placed: int = 0

    @property
    def moved(self) -> int:
        """Bytes read and written."""
        return self.reads + self.writes


@dataclass(frozen=True, slots=True)
class Costs:
    """What one call of a subject costs, of a batch: counts by the convention, and the work.

    Of a training step, `macs` and `bytes` count the forward, the gradients and the update of the
    weights; else they are what `costlab report` says of the same inputs.
    """

    macs: int
    params: int
    activations: int
    bytes: int
    products: tuple[Product, ...] = ()
    passes: tuple[Pass, ...] = ()

    @property
    def moved(self) -> int:
        """Bytes that the products and the passes read and write, if each is a kernel."""
        products = sum(product.moved for product in self.products)
        return products + sum(one.moved for one in self.passes)

    def of(self, *kinds: Kind) -> tuple[Pass, ...]:
        """The passes of these kinds, in the order in which they run."""
        return tuple(one for one in self.passes if one.kind in kinds)
