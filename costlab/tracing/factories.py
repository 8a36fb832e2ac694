"""Factory calls: how large a tensor they would make, and what of a call is beside the point.

Does not know where it will be made.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import torch

SMALL = 1 << 16
"""Elements up to which a constant keeps its values, so that a forward may read them."""


def elements(args: Any, kwargs: Any) -> int:
    """The elements that a factory makes, given its sizes one by one or as one sequence.

    >>> elements((2, 3), {}), elements(((4, 5), 1.0), {}), elements((), {"size": (6,)})
    (6, 20, 6)
    """
    size = kwargs.get("size", args)
    numbers: list[int] = []
    for value in size if isinstance(size, tuple | list) else (size,):
        if isinstance(value, tuple | list):
            return prod(value)
        if isinstance(value, int):
            numbers.append(value)
    return prod(numbers)


class Call(NamedTuple):
    """A call of a factory."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def of_no_tensor(name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A call of a factory; `x.new_tensor(data)` is that of `torch.tensor`, with the type of x."""
    if name != "new_tensor":
        return Call(function, args, kwargs)
    like, *data = args
    dtype = kwargs.get("dtype") or like.dtype
    return Call(torch.tensor, tuple(data), {**kwargs, "dtype": dtype})


def where_it_is(name: str, kwargs: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The options of `torch.as_tensor` of a tensor, without the device if it is there already.

    >>> where_it_is("as_tensor", {"device": "cuda:0"}, torch.device("cuda", 0))
    {}
    """
    wanted = kwargs.get("device")
    if name not in ("as_tensor", "asarray") or wanted is None:
        return kwargs
    named = torch.device(wanted)
    there = named.type == device.type and named.index in (None, device.index)
    return {key: kwargs[key] for key in kwargs if key != "device"} if there else kwargs
