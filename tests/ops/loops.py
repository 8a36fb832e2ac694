"""The multiplications of layers, counted one by one in plain loops: slow, and beyond doubt.

Knows nothing of costlab.
"""

from __future__ import annotations

from itertools import product
from math import prod

Sizes = tuple[int, ...]


def convolution(  # one loop a letter of the equation
    input: Sizes,
    weight: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> int:
    """Products of a convolution, those with padding included.

    An output place exists where the whole kernel lies within the padded input.
    """
    batch, channels, *spatial = input
    outputs, group_channels, *kernel = weight
    assert channels == group_channels * groups
    count = 0
    for place in product(
        *[
            range(0, size + 2 * pad, step)
            for size, pad, step in zip(spatial, padding, stride, strict=True)
        ]
    ):
        last = [
            at + spread * (width - 1)
            for at, spread, width in zip(place, dilation, kernel, strict=True)
        ]
        ends = [size + 2 * pad for size, pad in zip(spatial, padding, strict=True)]
        if any(at >= end for at, end in zip(last, ends, strict=True)):
            continue
        for _ in product(range(batch), range(outputs), range(group_channels)):
            for _tap in product(*map(range, kernel)):
                count += 1
    return count


def transposed_convolution(input: Sizes, weight: Sizes) -> int:
    """Products of a transposed convolution: each input element meets each weight of its group."""
    batch, channels, *spatial = input
    _, group_outputs, *kernel = weight
    count = 0
    for _ in product(range(batch), range(channels), *map(range, spatial)):
        for _tap in product(range(group_outputs), *map(range, kernel)):
            count += 1
    return count


def matrix_product(left: Sizes, right: Sizes) -> int:
    """Products of (…, n, m) with (…, m, p), leading axes broadcast."""
    rank = max(len(left), len(right)) - 2
    leads = [(1,) * (rank + 2 - len(sizes)) + sizes[:-2] for sizes in (left, right)]
    lead = [max(a, b) for a, b in zip(*leads, strict=True)]
    count = 0
    for _ in product(*map(range, lead)):
        for _row in range(left[-2]):
            for _column in range(right[-1]):
                for _k in range(left[-1]):
                    count += 1
    return count


def contraction(sizes: dict[str, int], left: str, right: str, output: str) -> int:
    """Products of an Einstein sum of two operands, after sums over labels of one operand alone."""
    alone = {label for label in left + right if (label in left) != (label in right)}
    summed_first = alone - set(output)
    labels = [label for label in sizes if label in left + right and label not in summed_first]
    count = 0
    for _ in product(*[range(sizes[label]) for label in labels]):
        count += 1
    return count


def windows_covered(size: int, count: int) -> int:
    """Elements that adaptive windows cover along an axis, by asking each element of each window."""
    covered = 0
    for window in range(count):
        for at in range(size):
            # The window holds what of [window/count, (window + 1)/count) of the axis it touches.
            if at * count < (window + 1) * size and (at + 1) * count > window * size:
                covered += 1
    return covered


def elements(sizes: Sizes) -> int:
    """The number of elements."""
    return prod(sizes)


def recurrent_step(gates: int, inputs: int, hidden: int, handed: int, projected: bool) -> int:
    """Products of one step of one layer: both matrices of each gate, then the projection."""
    count = 0
    for _ in range(gates):
        for _unit in range(hidden):
            count += sum(1 for _ in range(inputs)) + sum(1 for _ in range(handed))
    if projected:
        for _unit in range(handed):
            count += sum(1 for _ in range(hidden))
    return count
