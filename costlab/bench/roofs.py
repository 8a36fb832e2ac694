"""Ceilings beside what was reached: which of two is the better, and which cannot be.

Whatever else a machine does only takes time, so that a ceiling is never too high, but may be too
low. Knows neither torch nor a clock.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costlab.bench.document import Ceilings, Measured, Model, Timing

TOLERANCE = 0.1
"""By how much a copy within the cache may be the slower one: both are measured."""
FAR = 0.1
"""What is predicted to take less than this share of the time, does not say what took it."""


def better(first: Ceilings, second: Ceilings) -> Ceilings:
    """Of two measurements of one device the higher rates, and the shorter launches."""
    rates = {**first.flops_per_s, **second.flops_per_s}
    nodes = [one for one in (first.graph_node_s, second.graph_node_s) if one is not None]
    return replace(
        second,
        flops_per_s={
            name: max(one.flops_per_s[name] for one in (first, second) if name in one.flops_per_s)
            for name in rates
        },
        copy_bytes_per_s=max(first.copy_bytes_per_s, second.copy_bytes_per_s),
        cache_bytes_per_s=max(first.cache_bytes_per_s, second.cache_bytes_per_s),
        launch_s=min(first.launch_s, second.launch_s),
        graph_node_s=min(nodes, default=None),
    )


def impossible(ceilings: Ceilings) -> bool:
    """Whether a copy within the cache came out slower than one through memory."""
    return ceilings.cache_bytes_per_s * (1 + TOLERANCE) < ceilings.copy_bytes_per_s


def beats(model: Model | None, timing: Timing) -> bool:
    """Whether a side ran faster than its roof, as nothing can: the ceiling is too low."""
    if model is None or not timing.counted_s:
        return False
    return model.least_s > median(timing.counted_s)


def bound(model: Model, timing: Timing) -> Model:
    """A prediction beside what was measured: far below it, or above, it says not what binds.

    >>> from costlab.bench.document import Model, Timing
    >>> short = Model(1e-9, 4e-9, 0.0, 1.0, 1e-6, "memory")
    >>> bound(short, Timing("words", "eager", 0, 0, 0, 0, (12e-6,))).binds
    'none'
    """
    taken_s = median(timing.counted_s) if timing.counted_s else inf
    if beats(model, timing) or model.total_s < FAR * taken_s:
        return replace(model, binds="none")
    return model


def beaten(case: Measured) -> bool:
    """Whether a side of a case did: then its roofline says nothing of why."""
    if case.models is None:
        return False
    sides = (case.baseline, case.variant)
    return any(beats(model, side) for model, side in zip(case.models, sides, strict=True))
