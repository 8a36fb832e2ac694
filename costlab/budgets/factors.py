"""What an operation's multiply-adds are a product of, and the steps from one product to another.

Knows the factors and their names, neither where they come from nor what a step is worth.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, prod
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from costlab.units import exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ARROW = " → "
TIMES = "×"
Sizes = tuple[int, ...]


def by(sizes: Sizes) -> str:
    """Sizes as they are said.

    >>> by((1, 7)), by((3,))
    ('1×7', '3')
    """
    return TIMES.join(map(str, sizes))


def once(value: object) -> str:
    """An option that is often the same along each axis, said once then.

    >>> once((2, 2)), once((0, 3)), once("same")
    ('2', '0×3', 'same')
    """
    if isinstance(value, tuple) and value:
        return str(value[0]) if len(set(value)) == 1 else TIMES.join(map(str, value))
    return str(value)


class Convolution(NamedTuple):
    """The factors of a convolution.

    MACs = calls · batch · ∏positions · outputs · inputs / groups · ∏kernel. Without a `grid` that
    all calls share, `batch` holds the positions too. `padding` is that of both sides together.
    """

    calls: int
    batch: Fraction
    grid: Sizes
    inputs: int
    outputs: int
    groups: int
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    transposed: bool = False

    @property
    def positions(self) -> Sizes:
        """Where the kernel is put down: on each element of the output, of the input if transposed.

        A grid that is too small for a kernel, on the way between two that are not, has one.
        """
        if self.transposed:
            return self.grid
        told = zip(self.grid, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple(
            max((size + pad - spread * (width - 1) - 1) // step + 1, 1)
            for size, width, step, pad, spread in told
        )

    @property
    def macs(self) -> Fraction:
        """Multiply-adds."""
        positions = prod(self.positions) if self.grid else 1
        each = Fraction(self.inputs * self.outputs, self.groups) * prod(self.kernel)
        return self.calls * self.batch * positions * each

    def alike(self, head: Self) -> bool:
        """Whether both slide in the same way, along as many axes."""
        return (self.transposed, len(self.kernel)) == (head.transposed, len(head.kernel))

    @property
    def keeps(self) -> tuple[int, ...]:
        """How many elements more than a window needs are padded, along each axis."""
        told = zip(self.padding, self.kernel, self.dilation, strict=True)
        return tuple(pad - spread * (width - 1) for pad, width, spread in told)

    def steps(self, head: Self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The grid first, then channels, the kernel with its padding, and how it is moved."""
        if self.grid != head.grid:
            yield f"input {by(self.grid)}{ARROW}{by(head.grid)}", {"grid": head.grid}
        if self.batch != head.batch:
            what = "batch" if self.grid else "positions"
            yield _numbers(what, self.batch, head.batch), {"batch": head.batch}
        # A depthwise convolution that is widened is widened: its groups are no change of their own.
        wider = self.groups * head.inputs == head.groups * self.inputs != 0
        together = wider and self.groups != head.groups
        if self.inputs != head.inputs:
            text = _numbers("in channels", self.inputs, head.inputs)
            if together:
                each = "" if self.groups == self.inputs else f" {self.groups}{ARROW}{head.groups}"
                text = f"{text}, groups{each or ' as many'}"
            yield text, {"inputs": head.inputs, **({"groups": head.groups} if together else {})}
        if self.outputs != head.outputs:
            yield _numbers("out channels", self.outputs, head.outputs), {"outputs": head.outputs}
        if self.groups != head.groups and not together:
            yield _numbers("groups", self.groups, head.groups), {"groups": head.groups}
        yield from self._windows(head)
        if self.calls != head.calls:
            yield _numbers("calls", self.calls, head.calls), {"calls": head.calls}

    def _windows(self, head: Self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The kernel and its dilation, with the padding that follows from them; then the rest."""
        changed: dict[str, Any] = {}
        texts = []
        if self.kernel != head.kernel:
            changed["kernel"] = head.kernel
            texts.append(f"kernel {by(self.kernel)}{ARROW}{by(head.kernel)}")
        if self.dilation != head.dilation:
            changed["dilation"] = head.dilation
            texts.append(f"dilation {once(self.dilation)}{ARROW}{once(head.dilation)}")
        padding = f"padding {_half(self.padding)}{ARROW}{_half(head.padding)}"
        if changed:
            changed["padding"] = head.padding
            unpadded = not any(self.padding) and not any(head.padding)
            if self.padding != head.padding and self.keeps != head.keeps and not unpadded:
                texts.append(padding)
            yield ", ".join(texts), changed
        if self.stride != head.stride:
            yield f"stride {once(self.stride)}{ARROW}{once(head.stride)}", {"stride": head.stride}
        if not changed and self.padding != head.padding:
            yield padding, {"padding": head.padding}


class Linear(NamedTuple):
    """The factors of a linear layer: MACs = calls · rows · inputs · outputs."""

    calls: int
    rows: Fraction
    inputs: int
    outputs: int

    @property
    def macs(self) -> Fraction:
        """Multiply-adds."""
        return self.calls * self.rows * self.inputs * self.outputs

    def alike(self, head: Self) -> bool:
        """Always: the steps go through all factors."""
        return isinstance(head, type(self))

    def steps(self, head: Self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Rows, channels in, channels out, calls."""
        names = ("rows", "in channels", "out channels", "calls")
        yield from _each(self, head, names, ("rows", "inputs", "outputs", "calls"))


class Plain(NamedTuple):
    """The factors of any other operation: MACs = calls · elements · each."""

    calls: int
    elements: Fraction
    each: Fraction

    @property
    def macs(self) -> Fraction:
        """Multiply-adds."""
        return self.calls * self.elements * self.each

    def alike(self, head: Self) -> bool:
        """Always: the steps go through all factors."""
        return isinstance(head, type(self))

    def steps(self, head: Self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Elements written a call, products an element, calls."""
        names = ("output elements", "multiply-adds an element", "calls")
        yield from _each(self, head, names, ("elements", "each", "calls"))


class Lump(NamedTuple):
    """An operation of which nothing is known but what it costs."""

    total: Fraction

    @property
    def macs(self) -> Fraction:
        """Multiply-adds."""
        return self.total

    def alike(self, head: Self) -> bool:
        """Always: the steps go through all factors."""
        return isinstance(head, type(self))

    def steps(self, head: Self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The one step that there is."""
        yield from _each(self, head, ("MACs",), ("total",))


def _each(
    base: Any, head: Any, names: tuple[str, ...], fields: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, field in zip(names, fields, strict=True):
        before, after = getattr(base, field), getattr(head, field)
        if before != after:
            yield _numbers(name, before, after), {field: after}


def _numbers(name: str, base: int | Fraction, head: int | Fraction) -> str:
    return f"{name} {_number(base)}{ARROW}{_number(head)}"


def _number(value: int | Fraction) -> str:
    whole = floor(value)
    return exact(whole) if whole == value else f"about {exact(whole)}"


def _half(padding: Sizes) -> str:
    """The padding of each side, from that of both together."""
    if any(pad % 2 for pad in padding):
        return f"{once(padding)} in all"
    return once(tuple(pad // 2 for pad in padding))
