"""What each kernel computes, reads and writes, from its shapes: for tests, pages and the roofline.

It knows neither torch nor a device.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from costlab.bench.roofline import tiles_s
from costlab.bench.work import Product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlab.bench.roofline import Rates

Sides = tuple[int, int, int, int]
"""Padding at the top, left, bottom and right."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A convolution in NHWC: y[n, p, f] = max(0, b[f] + Σ x[n, p·s + k, c] · w[k, c, f]).

    Shapes: x `images × grid × channels`, w `kernel × channels × filters`, b `filters`,
    y `images × out × filters`.
    """

    images: int
    grid: tuple[int, int]
    channels: int
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Sides = (0, 0, 0, 0)

    @property
    def out(self) -> tuple[int, int]:
        """The grid that it writes.

        >>> Shape(1, (35, 35), 288, 384, (3, 3), (2, 2)).out
        (17, 17)
        """
        top, left, bottom, right = self.padding
        rows = (self.grid[0] + top + bottom - self.kernel[0]) // self.stride[0] + 1
        columns = (self.grid[1] + left + right - self.kernel[1]) // self.stride[1] + 1
        return rows, columns

    @property
    def positions(self) -> int:
        """Rows of the product: a position and image each."""
        return self.images * self.out[0] * self.out[1]

    @property
    def taps(self) -> int:
        """Places of the kernel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def macs(self) -> int:
        """Multiply-adds, those with padding among them: positions · taps · channels · filters."""
        return self.positions * self.taps * self.channels * self.filters

    def read(self, element: int) -> int:
        """Bytes of the input, at so many an element."""
        return self.images * self.grid[0] * self.grid[1] * self.channels * element

    def weights(self, element: int) -> int:
        """Bytes of weights, and of biases, which are float32."""
        return self.taps * self.channels * self.filters * element + 4 * self.filters

    def written(self, element: int) -> int:
        """Bytes of the output."""
        return self.positions * self.filters * element

    def moved(self, element: int) -> int:
        """The fewest bytes: input and weights read once, the output written once."""
        return self.read(element) + self.weights(element) + self.written(element)

    def product(self, element: int) -> Product:
        """The matrix product that the convolution is, for the roofline."""
        return Product(self.positions, self.filters, 1, self.macs, self.moved(element))


@dataclass(frozen=True, slots=True)
class InParts:
    """A convolution with its sum in parts, which a second pass adds.

    s[q, n, p, f] = Σ x[n, p·s + k, c] · w[k, c, f] over (k, c) of part q; y = max(0, b + Σ s[q]).

    Shapes: s `parts × images × out × filters`, in float32; all others as those of `Shape`.
    """

    shape: Shape
    parts: int

    @property
    def sums(self) -> int:
        """Bytes of partial sums."""
        return 4 * self.additions

    @property
    def additions(self) -> int:
        """Additions of the second pass: of each result, its parts but one and the bias."""
        return self.parts * self.shape.positions * self.shape.filters

    def passes(self, element: int) -> tuple[int, int]:
        """Bytes of the two passes: partial sums are written by the one and read by the other."""
        biases = 4 * self.shape.filters
        read = self.shape.read(element) + self.shape.weights(element) - biases
        return read + self.sums, self.sums + biases + self.shape.written(element)

    def moved(self, element: int) -> int:
        """The fewest bytes of both passes."""
        return sum(self.passes(element))

    def roof_s(self, element: int, rates: Rates) -> float:
        """Seconds at the roof: of the products the longer of arithmetic and bytes, then a pass."""
        first, second = self.passes(element)
        products = max(2 * self.shape.macs / rates.flops_per_s, first / rates.bytes_per_s)
        return products + second / rates.bytes_per_s


@dataclass(frozen=True, slots=True)
class Lines:
    """Two convolutions in series, in tiles of so many whole lines of the output.

    The inner result moves no bytes. Of a second convolution that reaches across lines, each tile
    computes `halo` lines of the inner result that its neighbour computes as well.
    """

    first: Shape
    second: Shape
    lines: int

    @property
    def rowwise(self) -> bool:
        """Whether lines are rows: along the longer side of the second kernel."""
        return self.second.kernel[1] >= self.second.kernel[0]

    @property
    def length(self) -> int:
        """Places on a line."""
        return self.second.out[self.rowwise]

    @property
    def count(self) -> int:
        """Lines of all images."""
        return self.second.images * self.second.out[not self.rowwise]

    @property
    def halo(self) -> int:
        """Lines that a tile computes besides its own.

        >>> pair = Lines(Shape(1, (9, 9), 8, 8, (3, 1)), Shape(1, (9, 9), 8, 8, (1, 3)), lines=4)
        >>> pair.rowwise, pair.halo
        (True, 0)
        """
        return self.second.kernel[not self.rowwise] - 1

    @property
    def tiles(self) -> int:
        """Tiles of the output."""
        return ceil(self.count / self.lines)

    @property
    def held(self) -> int:
        """Places of the inner result that a tile holds."""
        return (self.lines + self.halo) * self.length

    @property
    def recomputed(self) -> float:
        """Lines of the inner result that are computed, by those there are."""
        return (self.lines + self.halo) / self.lines

    @property
    def macs(self) -> int:
        """Multiply-adds, those of the halo among them, of full tiles."""
        each = self.held * self.first.taps * self.first.channels * self.first.filters
        return self.tiles * each + self.second.macs

    def moved(self, element: int) -> int:
        """The fewest bytes: x and both weights read once, y written once."""
        weights = self.first.weights(element) + self.second.weights(element)
        return self.first.read(element) + weights + self.second.written(element)

    def unfused(self, element: int) -> int:
        """What two kernels move, of which one writes what the other reads."""
        return self.first.moved(element) + self.second.moved(element)

    def roof_s(self, element: int, rates: Rates) -> float:
        """Seconds at the roof: the longer of arithmetic and bytes."""
        return max(2 * self.macs / rates.flops_per_s, self.moved(element) / rates.bytes_per_s)


def apart_s(shapes: Sequence[Shape], element: int, rates: Rates) -> float:
    """Seconds of convolutions as a kernel each: of each the longer of its tiles and its bytes."""
    products = [shape.product(element) for shape in shapes]
    return sum(max(tiles_s(one, rates), one.moved / rates.bytes_per_s) for one in products)


def shared(shapes: Sequence[Shape], element: int) -> int:
    """Bytes of convolutions that share an input, as one launch: it is read once."""
    own = sum(shape.weights(element) + shape.written(element) for shape in shapes)
    return shapes[0].read(element) + own


def pooled(images: int, grid: tuple[int, int], channels: int, out: tuple[int, int]) -> int:
    """Elements that a pooling reads and writes."""
    return images * channels * (grid[0] * grid[1] + out[0] * out[1])
