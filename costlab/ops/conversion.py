"""Tensors made like another: of another element type, or filled anew. No operations.

Does not know devices: every tensor is taken to be where it is needed.
"""

from __future__ import annotations

from costlab.ops.dtypes import KINDS, name_of
from costlab.ops.rearrange import listed
from costlab.ops.rule import SAME, Effect, Rule, Shaped, require


def converted(input: Shaped, dtype: str) -> Effect:
    """The elements in another type; the tensor itself if that is the type it has."""
    if name_of(input.dtype) == dtype:
        return Effect(tuple(input.shape), dtype=dtype, unchanged=True)
    return Effect(tuple(input.shape), dtype=dtype)


def is_type(value: object) -> bool:
    """Whether a value is torch's object for an element type that operations compute in."""
    return type(value).__name__ == "dtype" and name_of(value) in KINDS


def to(
    input: Shaped,
    *args: object,
    dtype: object = None,
    device: object = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: object = None,
) -> Effect:
    """`x.to(dtype)`, `x.to(device, dtype)` or `x.to(other)`, which has both."""
    require(len(args) < 5)
    rest = list(args)
    if rest and (rest[0] is None or _is_device(rest[0])):
        require(device is None)
        device = rest.pop(0)
    other: Shaped | None = None
    if rest and hasattr(rest[0], "shape"):
        require(device is None)
        other = rest.pop(0)  # type: ignore[assignment]  # what has a shape is a tensor
    elif rest and is_type(rest[0]):
        require(dtype is None)
        dtype = rest.pop(0)
    require(all(isinstance(flag, bool) for flag in rest) and len(rest) < 3)
    copied = copy or (len(rest) > 1 and bool(rest[1]))
    require(other is None or dtype is None)
    given = dtype if other is None else other.dtype
    require(given is not None or device is not None or memory_format is not None)
    del non_blocking
    effect = converted(input, name_of(input.dtype if given is None else given))
    return effect._replace(unchanged=False) if copied else effect


def _is_device(value: object) -> bool:
    """Whether a value names a device: its text or number, or torch's object."""
    return type(value).__name__ in {"str", "device", "int"}


def type_as(input: Shaped, other: Shaped) -> Effect:
    """The elements in the type of another tensor."""
    return converted(input, name_of(other.dtype))


def type_of(input: Shaped, dtype: object, non_blocking: bool = False) -> Effect:
    """`x.type(dtype)`; without a type, and by the name of a tensor class, the kernel says."""
    del non_blocking
    require(is_type(dtype))
    return converted(input, name_of(dtype))


def cast_to(dtype: str) -> Rule:
    """The rule of a method that is named after a type: `x.half()`."""

    def rule(input: Shaped, *, memory_format: object = None) -> Effect:
        del memory_format
        return converted(input, dtype)

    return rule


def moved(input: Shaped, *args: object, **options: object) -> Effect:
    """`x.cpu()`, `x.cuda()`: the tensor itself."""
    require(len(args) < 3 and options.keys() <= {"device", "non_blocking", "memory_format"})
    return Effect(tuple(input.shape), unchanged=True)


def like(
    input: Shaped,
    *,
    dtype: object = None,
    layout: object = None,
    device: object = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: object = None,
) -> Effect:
    """A new tensor of the same shape: `zeros_like` and its like."""
    del device, pin_memory, memory_format
    require(layout is None and not requires_grad)
    return Effect(tuple(input.shape), dtype=SAME if dtype is None else name_of(dtype))


def random_like(input: Shaped, *, dtype: object = None, **options: object) -> Effect:
    """A new floating-point tensor of random numbers, of the same shape."""
    require(KINDS.get(name_of(input.dtype if dtype is None else dtype)) == "f")
    return like(input, dtype=dtype, **options)  # type: ignore[arg-type]  # an unknown option raises TypeError


def bernoulli(input: Shaped, p: float | None = None, *, generator: object = None) -> Effect:
    """A new tensor of zeros and ones, by one probability or one each; random numbers are free."""
    del generator
    require(KINDS.get(name_of(input.dtype)) == "f" and (p is None or isinstance(p, float | int)))
    return Effect(tuple(input.shape))


def full_like(input: Shaped, fill_value: complex, **options: object) -> Effect:
    """A new tensor of one number, of the same shape."""
    require(isinstance(fill_value, int | float))
    return like(input, **options)  # type: ignore[arg-type]  # an unknown option raises TypeError


def new(input: Shaped, *size: object, **options: object) -> Effect:
    """A new tensor of another shape and the same type: `x.new_zeros(2, 3)`."""
    if "size" in options:
        require(not size)
        size = (options.pop("size"),)
    effect = like(input, **options)  # type: ignore[arg-type]  # an unknown option raises TypeError
    sizes = listed(size)
    require(all(length >= 0 for length in sizes) and size != ())
    return effect._replace(shape=sizes)


def new_full(input: Shaped, size: object, fill_value: complex, **options: object) -> Effect:
    """A new tensor of one number, of another shape and the same type."""
    require(isinstance(fill_value, int | float) and isinstance(size, list | tuple))
    return new(input, size, **options)


RULES: dict[str, Rule] = {
    "to": to,
    "type_as": type_as,
    "type": type_of,
    "half": cast_to("float16"),
    "bfloat16": cast_to("bfloat16"),
    "float": cast_to("float32"),
    "double": cast_to("float64"),
    "bool": cast_to("bool"),
    "byte": cast_to("uint8"),
    "char": cast_to("int8"),
    "short": cast_to("int16"),
    "int": cast_to("int32"),
    "long": cast_to("int64"),
    "cfloat": cast_to("complex64"),
    "cdouble": cast_to("complex128"),
    "cpu": moved,
    "cuda": moved,
    "empty_like": like,
    "zeros_like": like,
    "ones_like": like,
    "full_like": full_like,
    "rand_like": random_like,
    "bernoulli": bernoulli,
    "randn_like": random_like,
    "new_empty": new,
    "new_zeros": new,
    "new_ones": new,
    "new_full": new_full,
}
