"""What is counted: `Cost`, the additive totals, and the convention that defines them in words.

This module does not know where a number comes from: rules (`costlab.ops`) and the graph do.
"""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

CONVENTION = (
    "MACs: multiply-adds of convolutions, linear layers, matrix products, attention and recurrent "
    "gates, batch included, full (not causal) attention; bias, normalization, activation and "
    "pooling are not MACs. FLOPs: 2 x MACs + 1 for each element-wise operation and element. "
    "Params: registered parameters, each once; executed: those that this forward uses. "
    "Activations: elements written by convolutions, linear layers and matrix products. "
    "Bytes: each operation reads each input once and writes each output once; views are free."
)
"""The counting convention, saved with every total; `docs/convention.md` works it by hand."""
IN_SHORT = (
    "MACs: multiply-adds of convolutions, linear layers, matrix products, full attention and "
    "recurrent gates, not of bias, normalization, activation and pooling; --verbose, or "
    "docs/convention.md, defines every number."
)
"""The convention as a terminal's tables end with it."""


class Cost(NamedTuple):
    """Additive, exact counts of a piece of a network.

    A named tuple, as thousands are made in an analysis of milliseconds; `+` adds field by field.

    Units: `macs` multiply-adds; `flops` operations; `params`, `params_executed`, `activations`
    elements; `bytes` bytes read and written.

    >>> Cost(macs=3, flops=6) + Cost(macs=4, flops=8)
    Cost(macs=7, flops=14, params=0, params_executed=0, activations=0, bytes=0)
    """

    macs: int = 0
    flops: int = 0
    params: int = 0
    params_executed: int = 0
    activations: int = 0
    bytes: int = 0

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]  # a sum, not a longer tuple
        """The sum, field by field."""
        return Cost(*map(add, self, other))


def summed(first: Cost, others: Iterable[Cost]) -> Cost:
    """The sum of some costs, in a fraction of the time that `+` takes from one to the next.

    >>> summed(Cost(macs=3), [Cost(macs=4), Cost(params=5)])
    Cost(macs=7, flops=0, params=5, params_executed=0, activations=0, bytes=0)
    """
    return tuple.__new__(Cost, map(sum, zip(first, *others, strict=True)))


METRICS: tuple[str, ...] = Cost._fields
"""The names of the additive metrics, in the order in which they are shown."""
