"""What a rule is: a function with the operation's own signature that says what comes out.

A rule never computes a value. It reads shapes and options and returns an `Effect`: the output's
shape and what the operation costs. It knows nothing of torch; anything with a `shape` will do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from costlab.graph import NOTHING, Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Shape = tuple[int, ...]

SAME = "same"
"""The output has the element type of the first tensor."""
FLOAT = "float"
"""The output has the default float type: the operands are integers, the result is not."""


class Shaped(Protocol):
    """Anything with a shape and an element type: a torch tensor, or a `TensorSpec` in a test."""

    @property
    def shape(self) -> Shape:
        """The sizes of the dimensions."""

    @property
    def dtype(self) -> object:
        """The element type: torch's object, or its name."""


class Declined(Exception):  # noqa: N818 - it signals a refusal, not an error
    """A rule does not cover these arguments: the operation's own kernel must say.

    Raised for arguments that are wrong (the kernel's message is then the user's) as well as for
    rare ones that are right (the kernel is then priced operation by operation).
    """


class Effect(NamedTuple):
    """What an operation returns and costs.

    `shape` is the shape of its one output, or `shapes` the shapes of several; `dtype` is their
    element type: `SAME`, `FLOAT`, the name of a type, or one for each of several outputs.
    `unchanged` says that the output is the first operand itself, so that nothing is moved either.
    Units: `macs` multiply-adds; `flops` element-wise operations besides them (the FLOPs of a node
    are 2 x macs + flops).
    """

    shape: Shape
    macs: int = 0
    flops: int = 0
    dtype: str | tuple[str, ...] = SAME
    attributes: Mapping[str, Any] = NOTHING
    shapes: tuple[Shape, ...] | None = None
    unchanged: bool = False


Rule = Callable[..., Effect]
"""A function with the operation's own signature."""


class Op(NamedTuple):
    """How one operation is counted.

    `rule` gives its outputs and cost; None runs its kernel on shapes alone, which only `FREE`
    operations do. `family` groups operations in reports ("convolution", "pooling", …).
    """

    rule: Rule | None
    family: str
    coverage: Coverage = Coverage.PRICED


REAL_NUMBER = (int, float)


def require(condition: bool) -> None:
    """Decline unless the condition holds."""
    if not condition:
        raise Declined


def numbers(*options: object) -> None:
    """Decline unless all options are Python's real numbers; flags are numbers too."""
    for option in options:
        if not isinstance(option, REAL_NUMBER):
            raise Declined


def broadcast(shapes: Iterable[Shape]) -> Shape:
    """The shape that operands of these shapes are broadcast to.

    Raises:
        Declined: they do not fit.

    >>> broadcast([(8, 1, 6), (7, 1)])
    (8, 7, 6)
    """
    distinct = set(shapes)
    if len(distinct) == 1:
        return distinct.pop()
    sizes: list[int] = [1] * max(map(len, distinct), default=0)
    for shape in distinct:
        for axis, size in enumerate(reversed(shape), start=1):
            if size != 1:
                require(sizes[-axis] in (1, size))
                sizes[-axis] = size
    return tuple(sizes)


def axis_of(dim: int, rank: int) -> int:
    """The axis that `dim` names, counted from 0; a scalar is taken to have one.

    Raises:
        Declined: there is no such axis.

    >>> axis_of(-1, 4)
    3
    """
    rank = rank or 1
    # A flag in an axis's place is another overload, or an error.
    require(type(dim) is int and -rank <= dim < rank)
    return dim % rank


def axes_of(dim: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """The axes that `dim` names, counted from 0; all of them for None or ().

    >>> axes_of(-1, 4), axes_of(None, 2)
    ((3,), (0, 1))
    """
    if dim is None:
        return tuple(range(rank))
    if isinstance(dim, int):
        return (axis_of(dim, rank),)
    axes = tuple([axis_of(axis, rank) for axis in dim])
    require(len(set(axes)) == len(axes))
    return axes or tuple(range(rank))


def per_axis(value: int | tuple[int, ...] | list[int], rank: int) -> Shape:
    """An option that is given once or once an axis, as one number an axis.

    >>> per_axis(3, 2), per_axis((1, 7), 2)
    ((3, 3), (1, 7))
    """
    if isinstance(value, int):
        return (value,) * rank
    if type(value) is tuple and len(value) == rank:
        return value
    sizes = tuple(value)
    if len(sizes) == 1:
        return sizes * rank
    require(len(sizes) == rank)
    return sizes


def once_or_each(sizes: int | tuple[int, ...] | list[int], rank: int) -> Shape:
    """An option that is given once or once an axis, where a list of one is refused."""
    require(isinstance(sizes, int) or len(sizes) == rank)
    return per_axis(sizes, rank)


def family(name: str, rules: Mapping[str, Rule]) -> dict[str, Op]:
    """The operations of a family, each priced by its rule."""
    return {op: Op(rule, name) for op, rule in rules.items()}


def free(name: str, ops: Iterable[str]) -> dict[str, Op]:
    """Operations that cost nothing; their own kernels, run on shapes, say what comes out."""
    return {op: Op(None, name, Coverage.FREE) for op in ops}
