"""What an optimizer costs: the bytes that it keeps of each parameter and the operations of a step.

Knows the updates (`costlab.training.updates`), and runs them on numbers that count.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from costlab.errors import UsageError, did_you_mean
from costlab.training.updates import OPTIMIZERS, Optimizer

if TYPE_CHECKING:
    from costlab.graph import TensorSpec

STEP_BYTES = 4
"""torch keeps the number of steps of each parameter as a float32."""


class Counted:
    """A number without a value that counts the operations that it takes part in."""

    def __init__(self, tally: list[str]) -> None:
        """A number that writes each operation down."""
        self.tally = tally

    def _count(self, other: object) -> Counted:
        del other
        self.tally.append("operation")
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = _count
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = _count

    def __lt__(self, other: object) -> bool:
        """A comparison is one operation: a maximum is made by it."""
        self._count(other)
        return True

    __gt__ = __lt__


def optimizer_named(name: str) -> Optimizer:
    """The optimizer of that name.

    Raises:
        UsageError: there is none; the message names the nearest.
    """
    found = OPTIMIZERS.get(name)
    if found is None:
        known = ", ".join(OPTIMIZERS)
        hint = did_you_mean(name, OPTIMIZERS)
        message = f"there is no optimizer {name!r}.{hint} There are {known}."
        raise UsageError(message)
    return found


@cache
def operations(name: str) -> int:
    """The element-wise operations of one step, an element of a parameter.

    >>> operations("sgd"), operations("adam")
    (2, 13)
    """
    optimizer = optimizer_named(name)
    tally: list[str] = []
    state = {entry: Counted(tally) for entry in optimizer.state}
    optimizer.update(Counted(tally), Counted(tally), state, 1)
    return len(tally)


def state_bytes(name: str, parameter: TensorSpec) -> int:
    """The bytes that the optimizer keeps of one parameter, in the parameter's own type.

    >>> from costlab.graph import TensorSpec
    >>> state_bytes("adam", TensorSpec((10, 64))) == 2 * 4 * 640 + 4
    True
    """
    optimizer = optimizer_named(name)
    return len(optimizer.state) * parameter.bytes + (STEP_BYTES if optimizer.keeps_step else 0)
