"""What rotates in the regime cold: inputs, and copies of the weights where there is room for them.

It knows neither an arm nor how anything is timed.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

from costlab.bench.inputs import sets_for

if TYPE_CHECKING:
    from torch import nn

    from costlab.bench.study import Regime

SHARE = 4
"""Copies of the weights may take one part in so many of the memory that is free."""
MOST_COPIES = 1024
"""More copies of a module would take longer to make than to time."""
MOST_SETS = 8192
"""More sets of inputs would take longer to make, or to capture as graphs, than to time."""
A_STEP = 3
"""A weight that is trained has a gradient and a momentum beside it."""


class Turns(NamedTuple):
    """How many sets of inputs take turns, and how many copies of the module: one, or as many."""

    sets: int
    modules: int
    told: str = ""


def turns_of(
    inputs_bytes: int,
    weights_bytes: int,
    *,
    cache_bytes: int,
    room_bytes: int,
    regime: Regime,
    training: bool = False,
    fixed: str = "",
) -> Turns:
    """What takes turns so that nothing is in the cache when it is its turn again.

    Together all sets are twice the cache, unless they are so small that they are no more than
    `MOST_SETS`, which is told. `fixed` is why weights stay where they are, if they must.

    >>> cold = {"cache_bytes": 60 << 20, "regime": "cold"}
    >>> turns_of(157_000, 73_728, room_bytes=1 << 36, **cold)
    Turns(sets=546, modules=546, told='inputs and weights, 546 sets')
    >>> turns_of(157_000, 73_728, room_bytes=1 << 20, **cold).told
    'inputs, 802 sets; copies of the weights have no room'
    >>> turns_of(20_000, 500, room_bytes=1 << 36, **cold).told
    'inputs, 6292 sets; weights so small would need more than 1024 copies'
    >>> turns_of(32, 0, room_bytes=1 << 36, **cold).told
    'inputs, 8192 sets, too small for twice the cache; there are no weights'
    """
    if regime != "cold":
        return Turns(1, 1)
    alone = sets_for(inputs_bytes, cache_bytes, regime)
    held = ", too small for twice the cache" * (alone > MOST_SETS)
    alone = min(alone, MOST_SETS)
    if not weights_bytes:
        return Turns(alone, 1, f"inputs, {alone} sets{held}; there are no weights")
    both = sets_for(inputs_bytes + weights_bytes, cache_bytes, regime)
    if both > MOST_COPIES:
        fixed = fixed or f"weights so small would need more than {MOST_COPIES} copies"
    copies_bytes = (both - 1) * weights_bytes * (A_STEP if training else 1)
    if not fixed and copies_bytes * SHARE > room_bytes:
        fixed = "copies of the weights have no room"
    if fixed:
        return Turns(alone, 1, f"inputs, {alone} sets{held}; {fixed}")
    return Turns(both, both, f"inputs and weights, {both} sets")


def weights_of(module: nn.Module) -> int:
    """The bytes of a module's parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def copies_of(module: nn.Module, number: int) -> list[nn.Module]:
    """A module and copies of it: so many in all, each with weights at addresses of its own."""
    return [module, *(copy.deepcopy(module) for _ in range(number - 1))]
