"""Why the operations of a block cost more or less than before, in parts that add up exactly.

One factor at a time is changed, in a fixed order, and the exact product taken after each: the
differences between neighbours are the parts. It does not know blocks, nor how a part is shown.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, TypeGuard

from costlab.budgets.difference import Cause
from costlab.budgets.factors import (
    ARROW,
    Convolution,
    Linear,
    Lump,
    Plain,
    Sizes,
    by,
    once,
)
from costlab.units import exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from costlab.blocks import OpTally


def causes_of(base: Sequence[OpTally], head: Sequence[OpTally]) -> tuple[Cause, ...]:
    """Why some operations cost what others did not; the parts add up exactly."""
    before, after = ({(op.op, op.family): op for op in ops} for ops in (base, head))
    both = [key for key in after if key in before]
    changed = [key for key in both if differ(before[key], after[key])]
    named = sum(op.macs > 0 for op in {**before, **after}.values()) > 1
    causes = []
    for key in changed:
        parts = attributed(before[key], after[key])
        # A block's one operation need not be named; those that are no MACs always are.
        prefix = f"{key[0]}: " if named or not (before[key].macs or after[key].macs) else ""
        causes += [Cause(prefix + part.text, part.macs) for part in parts]
    gone = [op for key, op in before.items() if key not in after]
    come = [op for key, op in after.items() if key not in before]
    return (*causes, *_exchanged(gone, come))


def attributed(base: OpTally, head: OpTally) -> tuple[Cause, ...]:
    """Why the calls of one operation cost more or less than before; the parts add up exactly.

    On the way between two whole numbers a product may be none; it is rounded down there.

    >>> from costlab.blocks import OpTally
    >>> one = OpTally("linear", "linear", 1, 10, 640, 1280, 0, {"channels": (64, 10)})
    >>> two = one._replace(elements=20, macs=2560, attributes={"channels": (128, 20)})
    >>> [(part.text, part.macs) for part in attributed(one, two)]
    [('in channels 64 → 128', 640), ('out channels 10 → 20', 1280)]
    """
    if not base.macs and not head.macs:
        return (Cause(_described(base, head), 0),)
    at, end = _products(base, head)
    before = base.macs
    causes = []
    for text, changed in at.steps(end):
        at = at._replace(**changed)
        after = floor(at.macs)
        causes.append(Cause(text, after - before))
        before = after
    if not causes:  # a name or another option has changed, no factor
        return (Cause(_described(base, head), 0),)
    return tuple(causes)


def differ(base: OpTally, head: OpTally) -> bool:
    """Whether two tallies of an operation differ; a report without attributes says nothing."""
    told = bool(base.attributes) and bool(head.attributes)
    return base[:-1] != head[:-1] or (told and base.attributes != head.attributes)


def label(op: OpTally) -> str:
    """What an operation is called where it is replaced: the kernel of a convolution, or its name.

    >>> from costlab.blocks import OpTally
    >>> tally = OpTally("conv2d", "convolution", 1, 0, 0, 0, 0, {"kernel": (1, 7)})
    >>> label(tally), label(tally._replace(attributes={}))
    ('1×7', 'conv2d')
    """
    kernel = op.attributes.get("kernel")
    return by(kernel) if op.family == "convolution" and _are_sizes(kernel) else op.op


def said(op: OpTally) -> str:
    """An operation with its channels, where it is added or removed.

    >>> from costlab.blocks import OpTally
    >>> told = {"kernel": (1, 7), "channels": (64, 96)}
    >>> said(OpTally("conv2d", "convolution", 1, 0, 0, 0, 0, told))
    'conv2d 1×7, 64 → 96 channels'
    """
    name = op.op if label(op) == op.op else f"{op.op} {label(op)}"
    channels = op.attributes.get("channels")
    if _are_pair(channels):
        name = f"{name}, {exact(channels[0])}{ARROW}{exact(channels[1])} channels"
    return name if op.calls == 1 else f"{op.calls} calls of {name}"


def _exchanged(gone: list[OpTally], come: list[OpTally]) -> Iterator[Cause]:
    """Operations that are only in one: one that takes another's place, or each on its own."""
    for works in (True, False):
        old = [op for op in gone if bool(op.macs) is works]
        new = [op for op in come if bool(op.macs) is works]
        if len(old) == len(new) == 1:
            text = f"{said(old[0])}{ARROW}{said(new[0])}"
            yield Cause(text, new[0].macs - old[0].macs)
        else:
            yield from (Cause(f"{said(op)} removed", -op.macs) for op in old)
            yield from (Cause(f"{said(op)} added", op.macs) for op in new)


def _described(base: OpTally, head: OpTally) -> str:
    """What differs where no multiply-adds do."""
    for name in dict.fromkeys([*base.attributes, *head.attributes]):
        old, new = base.attributes.get(name), head.attributes.get(name)
        if old != new and old is not None and new is not None:
            return f"{name} {once(old)}{ARROW}{once(new)}"
    for name in ("calls", "elements", "flops", "bytes"):
        old, new = getattr(base, name), getattr(head, name)
        if old != new:
            return f"{name} {exact(old)}{ARROW}{exact(new)}"
    return "other options"


def _products(base: OpTally, head: OpTally) -> tuple[Any, Any]:
    """Both as products of the same factors, the most telling that both have."""
    # Of each pair both are of one type, which no type of Python says.
    each: tuple[Callable[[OpTally], Any], ...] = (_windowed, _convolution, _linear, _plain)
    for factors in each:
        before, after = factors(base), factors(head)
        if before is not None and after is not None and before.alike(after):
            return before, after
    return Lump(Fraction(base.macs)), Lump(Fraction(head.macs))


def _windowed(op: OpTally) -> Convolution | None:
    """The factors of a convolution, down to how it slides over its grid."""
    found, told = _convolution(op), op.attributes
    options = [told.get(name) for name in ("grid", "stride", "dilation")]
    sizes = [option for option in options if _are_sizes(option)]
    if found is None or [len(option) for option in sizes] != [len(found.kernel)] * len(options):
        return None
    grid, stride, dilation = sizes
    padding = _both_sides(told.get("padding"), found.kernel, dilation)
    if padding is None:
        return None
    return _exactly(
        op,
        found._replace(
            batch=Fraction(1),
            grid=grid,
            stride=stride,
            padding=padding,
            dilation=dilation,
            transposed=told.get("transposed") is True,
        ),
    )


def _convolution(op: OpTally) -> Convolution | None:
    """The factors of a convolution that all its calls share, whatever they slide over."""
    told = op.attributes
    kernel, channels, groups = (told.get(name) for name in ("kernel", "channels", "groups"))
    if not (_are_sizes(kernel) and _are_pair(channels)) or type(groups) is not int or groups < 1:
        return None
    inputs, outputs = channels
    none, single = (0,) * len(kernel), (1,) * len(kernel)
    one = Fraction(1)
    return _exactly(
        op, Convolution(op.calls, one, (), inputs, outputs, groups, kernel, single, none, single)
    )


def _exactly(op: OpTally, found: Convolution) -> Convolution | None:
    """The factors with the batch, or the positions, that make them come to what was counted."""
    return found._replace(batch=op.macs / found.macs) if found.macs else None


def _both_sides(padding: object, kernel: Sizes, dilation: Sizes) -> Sizes | None:
    """The padding along each axis, of both sides together; None if it cannot be told."""
    if padding == "same":
        return tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
    if padding == "valid":
        padding = 0
    if type(padding) is int:
        padding = (padding,)
    if not isinstance(padding, tuple | list) or any(type(pad) is not int for pad in padding):
        return None
    pads = tuple(padding) * (len(kernel) if len(padding) == 1 else 1)
    return tuple(2 * pad for pad in pads) if len(pads) == len(kernel) and min(pads) >= 0 else None


def _linear(op: OpTally) -> Linear | None:
    channels = op.attributes.get("channels")
    if op.family != "linear" or not _are_pair(channels) or not op.calls:
        return None
    inputs, outputs = channels
    return Linear(op.calls, Fraction(op.macs, op.calls * inputs * outputs), inputs, outputs)


def _plain(op: OpTally) -> Plain | None:
    if not op.calls or not op.elements:
        return None
    return Plain(op.calls, Fraction(op.elements, op.calls), Fraction(op.macs, op.elements))


def _are_sizes(value: object) -> TypeGuard[Sizes]:
    return (
        isinstance(value, tuple)
        and bool(value)
        and all(type(size) is int and size > 0 for size in value)
    )


def _are_pair(value: object) -> TypeGuard[tuple[int, int]]:
    return _are_sizes(value) and len(value) == len(("in", "out"))
