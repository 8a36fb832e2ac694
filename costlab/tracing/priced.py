"""What rules have said: a call of the same options, on the same shapes and types, costs the same.

A network repeats its layers, and who designs or guards it analyzes it again: a rule is asked once.
Does not know what a rule says of a call that it has not seen, nor how a call is carried out.
"""

from __future__ import annotations

from functools import partial
from marshal import dumps
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.ops import SAME
from costlab.tracing.numbered import SPECS
from costlab.tracing.outputs import META
from costlab.tracing.tensors import ATOMS, TENSOR_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from costlab.graph import TensorSpec
    from costlab.ops import Effect

PLAIN = ATOMS | {tuple}
"""Options in which there is no tensor."""
FORMAT = 2
"""Of marshal's: the last in which equal values are written alike, however often they are held."""
MOST = 1 << 12
"""The calls of one operation that are kept."""


class Price(NamedTuple):
    """What a rule said of a call whose one output has the type of its first operand.

    `make` makes that output on meta, and `spec` is what it is; a call that returns its operand has
    None. Units as in `Effect`, but `flops` are the node's.
    """

    spec: TensorSpec | None
    make: Callable[[], torch.Tensor]
    macs: int
    flops: int
    attributes: Mapping[str, Any]


class Prices(dict[Any, Price | None]):
    """The prices of one operation's calls; None for one that is to take the ordinary way."""

    def __setitem__(self, key: Any, price: Price | None) -> None:
        """Keeps a price, and not too many."""
        if len(self) >= MOST:
            self.clear()
        super().__setitem__(key, price)


def price_of(effect: Effect, first: torch.Tensor) -> Price | None:
    """The price that an effect comes to, given the first operand; None for the ordinary way."""
    shape, dtype = tuple(effect.shape), first.dtype
    if not effect.unchanged and (effect.shapes is not None or effect.dtype != SAME):
        return None
    sizes = shape or (shape,)  # of a scalar it has to be said that there are none
    return Price(
        None if effect.unchanged else SPECS[shape, dtype],
        partial(torch.empty, *sizes, dtype=dtype, device=META),
        effect.macs,
        2 * effect.macs + effect.flops,
        effect.attributes,
    )


class Call(NamedTuple):
    """A call as a rule sees it: `key` is the same for all that cost the same.

    `operands` are the numbers of its tensors, `seen` its arguments with specs in their place.
    """

    key: tuple[Any, ...]
    operands: list[int]
    seen: list[Any]


def call_of(
    args: Iterable[Any], kwargs: Mapping[str, Any], numbers: Mapping[int, int], specs: list[Any]
) -> Call | None:
    """A call whose tensors have these numbers and specs, by number.

    None if a tensor has no number, is given twice, by name, or is sparse or of a class of its own,
    or if an option is more than numbers and names.
    """
    key: list[Any] = [None]
    seen: list[Any] = []
    options: list[Any] = []
    operands: list[int] = []
    for value in args:
        kind = type(value)
        if kind in TENSOR_TYPES:
            number = numbers.get(id(value))
            if number is None or number in operands or value.layout is not torch.strided:
                return None
            operands.append(number)
            spec = specs[number]
            key.append(spec)
            seen.append(spec)
            options.append(...)
        elif kind in PLAIN:
            seen.append(value)
            options.append(value)
        else:
            return None
    key[0] = told(options, kwargs)
    return None if key[0] is None else Call(tuple(key), operands, seen)


def told(*options: Any) -> bytes | None:
    """Options as bytes: of 1, 1.0 and True any other key is the same, and to a rule they are not.

    None if there is more among them than numbers and names.
    """
    try:
        return dumps(options, FORMAT)
    except ValueError:
        return None
