"""Operations that move elements and compute nothing: joins, padding, repetition, order.

They cost no operation, only bytes. Does not know views, which cost not even those.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

from costlab.ops.dtypes import Number, kind_of, name_of
from costlab.ops.rule import Effect, Rule, Shaped, axis_of, broadcast, require

if TYPE_CHECKING:
    from collections.abc import Sequence


def listed(sizes: tuple[object, ...]) -> tuple[int, ...]:
    """Sizes given one by one, or as one list."""
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = tuple(sizes[0])
    require(all(isinstance(size, int) and not isinstance(size, bool) for size in sizes))
    return sizes  # type: ignore[return-value]  # integers, as required above


def pad(
    input: Shaped, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Effect:
    """Elements added before and after axes, given in pairs from the last axis backwards.

    A negative pad removes elements. What is added is a constant, the input's own elements
    mirrored (`reflect`), its edge (`replicate`) or its other end (`circular`).
    """
    shape = list(input.shape)
    pads = tuple(map(index, pad))
    require(len(pads) % 2 == 0 and len(pads) <= 2 * len(shape))
    require(kind_of(input.dtype) in "bifc")
    if mode != "constant":
        require(mode in {"reflect", "replicate", "circular"} and (value is None or value == 0))
        require(2 <= len(pads) <= 6 and len(shape) - len(pads) // 2 in {1, 2})
        require(kind_of(input.dtype) in "fc" and min(pads) >= 0 and min(shape) > 0)
        for at, added in enumerate(pads):
            size = shape[-1 - at // 2]
            require(mode == "replicate" or added <= size - (mode == "reflect"))
    for at in range(0, len(pads), 2):
        axis = -1 - at // 2
        size = shape[axis]
        require(size + min(pads[at], 0) + min(pads[at + 1], 0) >= 0)
        shape[axis] = size + pads[at] + pads[at + 1]
        require(shape[axis] > 0)
    return Effect(tuple(shape))


def constant_pad_nd(input: Shaped, pad: Sequence[int], value: float = 0) -> Effect:
    """`pad` with a constant, as the dispatcher calls it."""
    return _pad(input, pad, "constant", value)


_pad = pad


def repeat(input: Shaped, *sizes: object) -> Effect:
    """The tensor repeated along axes; more repetitions than axes make new axes in front."""
    require(sizes != ())
    times, shape = listed(sizes), tuple(input.shape)
    new = len(times) - len(shape)
    require(new >= 0 and all(count >= 0 for count in times))
    whole = (*(1,) * new, *shape)
    return Effect(tuple([count * size for count, size in zip(times, whole, strict=True)]))


def tile(input: Shaped, *dims: object) -> Effect:
    """The tensor repeated along its last axes; fewer repetitions than axes leave the first."""
    require(dims != ())
    times = listed(dims)
    return repeat(input, *(1,) * (len(input.shape) - len(times)), *times)


def repeat_interleave(
    input: Shaped, repeats: int, dim: int | None = None, *, output_size: int | None = None
) -> Effect:
    """Each element of an axis (of the flattened tensor for None) repeated in its place."""
    shape = tuple(input.shape)
    require(type(repeats) is int and repeats >= 0)
    if dim is None:
        elements = 1
        for size in shape:
            elements *= size
        shape, axis = (elements,), 0
    else:
        require(len(shape) > 0)
        axis = axis_of(dim, len(shape))
    length = shape[axis] * repeats
    require(output_size is None or output_size == length)
    return Effect((*shape[:axis], length, *shape[axis + 1 :]))


def roll(
    input: Shaped, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None
) -> Effect:
    """Axes turned: what runs over the end comes in at the start."""
    by = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or dims in ((), []):
        require(len(by) == 1)
    else:
        axes = (dims,) if isinstance(dims, int) else tuple(dims)
        require(len(by) == len(axes) > 0 and len(input.shape) > 0)
        for axis in axes:
            axis_of(axis, len(input.shape))
    require(all(isinstance(shift, int) for shift in by))
    return Effect(tuple(input.shape))


def flip(input: Shaped, *dims: object) -> Effect:
    """Axes in the reverse order."""
    require(dims != ())
    axes = [axis_of(axis, len(input.shape)) for axis in listed(dims)]
    require(len(set(axes)) == len(axes))
    return Effect(tuple(input.shape))


def flipped_along(axis: int) -> Rule:
    """The rule of a flip of a fixed axis (`fliplr`, `flipud`)."""

    def rule(input: Shaped) -> Effect:
        require(len(input.shape) > axis)
        return Effect(tuple(input.shape))

    return rule


def rot90(input: Shaped, k: int = 1, dims: Sequence[int] = (0, 1)) -> Effect:
    """A plane of axes turned by k quarters."""
    shape = list(input.shape)
    require(len(dims) == 2 and len(shape) > 1)
    first, second = (axis_of(axis, len(shape)) for axis in dims)
    require(first != second)
    if k % 2:
        shape[first], shape[second] = shape[second], shape[first]
    return Effect(tuple(shape))


def clone(input: Shaped, *, memory_format: object = None) -> Effect:
    """A copy."""
    del memory_format
    return Effect(tuple(input.shape))


def copy(input: Shaped, src: Shaped, non_blocking: bool = False) -> Effect:
    """`input.copy_(src)`: the target's elements, converted and broadcast from the source."""
    del non_blocking
    shape = tuple(input.shape)
    require(isinstance(src, Number) or broadcast([shape, tuple(src.shape)]) == shape)
    return Effect(shape, dtype=name_of(input.dtype))


def fill(input: Shaped, value: object) -> Effect:
    """`input.fill_(value)`: one number, or a tensor without axes, everywhere."""
    require(isinstance(value, Number) or getattr(value, "shape", None) == ())
    require(not isinstance(value, complex) or kind_of(input.dtype) == "c")
    return Effect(tuple(input.shape), dtype=name_of(input.dtype))


def zero(input: Shaped) -> Effect:
    """`input.zero_()`: zeros everywhere."""
    return Effect(tuple(input.shape))


def triangle(input: Shaped, diagonal: int = 0) -> Effect:
    """The elements on one side of a diagonal of each matrix; zeros on the other."""
    require(len(input.shape) > 1 and isinstance(diagonal, int))
    return Effect(tuple(input.shape))


RULES: dict[str, Rule] = {
    "pad": pad,
    "constant_pad_nd": constant_pad_nd,
    "repeat": repeat,
    "tile": tile,
    "repeat_interleave": repeat_interleave,
    "roll": roll,
    "flip": flip,
    "fliplr": flipped_along(1),
    "flipud": flipped_along(0),
    "rot90": rot90,
    "clone": clone,
    "copy": copy,
    "fill": fill,
    "zero": zero,
    "tril": triangle,
    "triu": triangle,
}
