"""Einstein sums of one or two operands.

Does not know three operands and more: their cost hangs on the order of the products, and the one
that is executed is left to torch.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from costlab.ops.dtypes import is_kind
from costlab.ops.rule import Effect, Rule, Shape, Shaped, require

if TYPE_CHECKING:
    from collections.abc import Sequence

DOTS = "..."


class Equation(NamedTuple):
    """The labels of the operands and of the output, an ellipsis as one label `...`."""

    operands: tuple[tuple[str, ...], ...]
    output: tuple[str, ...]


def einsum(equation: str, *operands: Shaped | Sequence[Shaped]) -> Effect:
    """y[out] = Σ a[…] · b[…] over the labels that are not in the output.

    A label of one operand alone that is not in the output is summed first: one operation an
    element. Then a product that sums a label has MACs = ∏ sizes of all labels of the pair; one
    that sums none is element-wise, one operation an element. An axis of size 1 counts as absent.
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    tensors: tuple[Shaped, ...] = operands  # type: ignore[assignment]  # a list was opened above
    require(type(equation) is str and 1 <= len(tensors) <= 2)
    require(all(t.dtype == tensors[0].dtype and is_kind(t, "ifc") for t in tensors))
    parsed = parse(equation)
    require(len(parsed.operands) == len(tensors))
    named = [
        name_axes(labels, tuple(tensor.shape))
        for labels, tensor in zip(parsed.operands, tensors, strict=True)
    ]
    sizes: dict[str, int] = {}
    for operand in named:
        for label, size in operand.items():
            if sizes.get(label, 1) == 1:
                sizes[label] = size
            require(size in (1, sizes[label]))
    output = _expand_dots(parsed.output, sizes)
    require(all(label in sizes for label in output))
    flops = 0
    remaining: list[set[str]] = []
    summed: list[int | None] = []
    for at, operand in enumerate(named):
        others = {
            label
            for other in named[:at] + named[at + 1 :]
            for label, size in other.items()
            if size != 1
        }
        present = {label for label, size in operand.items() if size != 1}
        alone = present - others - set(output)
        if alone:
            flops += prod(operand.values())
        remaining.append(present - alone)
        summed.append(prod([sizes[label] for label in present - alone]) if alone else None)
    shape = tuple([sizes[label] for label in output])
    told = {"equation": equation, "summed": tuple(summed)}
    if len(tensors) == 1:
        return Effect(shape, flops=flops, attributes=told)
    pair = prod(sizes[label] for label in remaining[0] | remaining[1])
    if (remaining[0] & remaining[1]) - set(output):
        return Effect(shape, macs=pair, flops=flops, attributes=told)
    return Effect(shape, flops=flops + pair, attributes=told)


@lru_cache(maxsize=256)
def parse(equation: str) -> Equation:
    """The labels of an equation.

    Without `->` the output has the labels that occur once, in order, after the ellipsis.

    >>> parse("bij,bjk")
    Equation(operands=(('b', 'i', 'j'), ('b', 'j', 'k')), output=('i', 'k'))
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    operands = tuple([_labels(term) for term in left.split(",")])
    if arrow:
        output = _labels(right)
        require(len(set(output)) == len(output))
        return Equation(operands, output)
    count = Counter(label for labels in operands for label in labels if label != DOTS)
    once = sorted(label for label, times in count.items() if times == 1)
    dots = (DOTS,) if any(DOTS in labels for labels in operands) else ()
    return Equation(operands, (*dots, *once))


def _labels(term: str) -> tuple[str, ...]:
    before, dots, after = term.partition(DOTS)
    letters = before + after
    require(letters == "" or (letters.isascii() and letters.isalpha()))
    return (*before, DOTS, *after) if dots else tuple(before)


def name_axes(labels: tuple[str, ...], shape: Shape) -> dict[str, int]:
    """The size of each label of an operand; a label twice names a diagonal.

    The axes of an ellipsis are labelled from the last: `...1`, `...2`, so that they are broadcast.
    """
    hidden = len(shape) - len(labels) + 1
    if DOTS in labels:
        require(hidden >= 0)
        at = labels.index(DOTS)
        axes = tuple([f"{DOTS}{i}" for i in range(hidden, 0, -1)])
        labels = (*labels[:at], *axes, *labels[at + 1 :])
    require(len(labels) == len(shape))
    sizes: dict[str, int] = {}
    for label, size in zip(labels, shape, strict=True):
        require(sizes.setdefault(label, size) == size)
    return sizes


def _expand_dots(output: tuple[str, ...], sizes: dict[str, int]) -> tuple[str, ...]:
    if DOTS not in output:
        return output
    hidden = [label for label in sizes if label.startswith(DOTS)]
    hidden.sort(key=lambda label: -int(label.removeprefix(DOTS)))
    at = output.index(DOTS)
    return (*output[:at], *hidden, *output[at + 1 :])


RULES: dict[str, Rule] = {"einsum": einsum}
