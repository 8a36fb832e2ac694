"""The launch of each kind of group, its tiling chosen on an input of its shape.

It knows no graph but the group's own nodes, and not when a launch runs.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - a field of a NamedTuple
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import fx

from costlab.bench.kernels import choosing, tuning
from costlab.bench.kernels.outcomes import Outcome, asked
from costlab.bench.kernels.placing import Values  # noqa: TC001 - as above
from costlab.bench.kernels.running import convolve, convolve_and_pool, convolve_both
from costlab.bench.kernels.weights import merged, step_of

if TYPE_CHECKING:
    from torch import Tensor

    from costlab.bench.kernels.placing import Places
    from costlab.bench.kernels.running import Pooling
    from costlab.bench.kernels.units import Group


class Step(NamedTuple):
    """Something that runs: what it is called, the values that it reads, and what adds its own."""

    said: str
    reads: tuple[fx.Node, ...]
    run: Callable[[Values], None]
    outcome: Outcome | None = None


def launch(group: Group, places: Places) -> Step:
    """What runs a group, with what came of choosing how."""
    with asked() as made:
        step = _launch(group, places)
    if not made:  # nothing was to be chosen, as in the interpreter
        return step
    # The last choice is the launch's own; those before it are of what it may be made of.
    key, way = made[-1]
    return step._replace(outcome=Outcome(step.said, way, tuning.TIMES.get(key, {})))


def _launch(group: Group, places: Places) -> Step:
    if group.kind == "series":
        return _series(group, places)
    if group.kind == "split":
        return _split(group, places)
    if group.pool is not None and group.pooling is not None:
        return _reduction(group, group.pool, group.pooling, places)
    units, source = group.units, group.units[0].source
    whole = merged([one.weights for one in units])
    tiling = choosing.for_one(places.random(source), whole)

    def run(values: Values) -> None:
        ys = [places.place(one.last, values) for one in units]
        convolve(nhwc(values[source]), whole, ys, tiling)

    return Step(_said(group), (source,), run)


def _series(group: Group, places: Places) -> Step:
    first, second = group.units
    tiling = choosing.for_series(places.random(first.source), first.weights, second.weights)

    def run(values: Values) -> None:
        y = places.place(second.last, values)
        choosing.series(nhwc(values[first.source]), first.weights, second.weights, y, tiling)

    return Step(_said(group), (first.source,), run)


def _split(group: Group, places: Places) -> Step:
    first, second = group.units
    tiling = choosing.for_both(places.random(first.source), first.weights, second.weights)

    def run(values: Values) -> None:
        ys = places.place(first.last, values), places.place(second.last, values)
        convolve_both(nhwc(values[first.source]), first.weights, second.weights, ys, tiling)

    return Step(_said(group), (first.source,), run)


def _reduction(group: Group, pool: fx.Node, pooling: Pooling, places: Places) -> Step:
    (unit,), read = group.units, pool.all_input_nodes[0]
    tiling = choosing.for_reduction(
        places.random(unit.source), unit.weights, places.random(read), pooling
    )

    def run(values: Values) -> None:
        y, pool_y = places.place(unit.last, values), places.place(pool, values)
        x, pooled = nhwc(values[unit.source]), nhwc(values[read])
        convolve_and_pool(x, unit.weights, y, pooled, pooling, pool_y, tiling)

    return Step(_said(group), (unit.source, read), run)


def nhwc(x: Tensor) -> Tensor:
    """A tensor as the kernels read it; what torch gives in another layout is copied."""
    return x if step_of(x) is not None else x.contiguous(memory_format=torch.channels_last)


def _said(group: Group) -> str:
    return f"{group.kind}: {', '.join(unit.name for unit in group.units)}"
