"""How large a tensor a factory call would make.

Does not know where it will be made.
"""

from __future__ import annotations

from math import prod
from typing import Any

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
