"""The tiling of each launch: tried on the device it is for, or taken from an earlier run.

It knows no module. In the interpreter nothing is tried: one tiling that is cheap to interpret.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import torch

from costlab.bench.correctness import UNIT_ROUNDOFF
from costlab.bench.kernels.arguments import POISONED
from costlab.bench.kernels.in_series import convolve_in_series
from costlab.bench.kernels.outcomes import note
from costlab.bench.kernels.running import Pooling, convolve, convolve_and_pool, convolve_both
from costlab.bench.kernels.tilings import (
    INTERPRETED,
    Processors,
    Tiling,
    fusions,
    parted,
    tilings,
)
from costlab.bench.kernels.tuning import SETTLED, best
from costlab.bench.kernels.work import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from costlab.bench.kernels.weights import Weights
    from costlab.bench.kernels.work import Shape

ROUNDOFF = {
    torch.bfloat16: UNIT_ROUNDOFF["bf16"],
    torch.float16: UNIT_ROUNDOFF["fp16"],
    torch.float32: UNIT_ROUNDOFF["tf32"],
}
# Two kernels that are right round the same sums in another order, and the result once; what one
# of them rounds between two convolutions, the other does as well. A wrong one is off by about 1.
ROUNDINGS = 4
REPEATED_MS = 5
"""How long a graph of launches lasts that times a candidate; ten of them are replayed."""


def tried(
    name: str,
    shapes: Sequence[Shape],
    x: Tensor,
    candidates: Sequence[Tiling],
    launch: Callable[[Tiling, Sequence[Tensor]], None],
    expected: Callable[[], Sequence[Tensor]],
) -> Tiling:
    """The best candidate for a launch, on a GPU; elsewhere the first."""
    if x.device.type != "cuda":
        return candidates[0]
    device = torch.cuda.get_device_name(x.device)
    import triton
    from triton.testing import do_bench_cudagraph

    kind = str(x.dtype).removeprefix("torch.")
    key = " · ".join((device, f"triton {triton.__version__}", name, *map(said, shapes), kind))
    if key in SETTLED:
        note(key, SETTLED[key].way)
        return SETTLED[key]

    wanted = list(expected())
    outputs = [torch.empty_like(one, memory_format=torch.channels_last) for one in wanted]

    def right(tiling: Tiling) -> bool:
        poisoned(launch, tiling, outputs)
        limit = ROUNDINGS * ROUNDOFF[x.dtype]
        return all(off(y, z) <= limit for y, z in zip(outputs, wanted, strict=True))

    def time_s(tiling: Tiling) -> float:
        # As a graph: launched from Python, all that take less than a launch would look alike.
        median_ms = do_bench_cudagraph(
            lambda: launch(tiling, outputs), rep=REPEATED_MS, return_mode="median"
        )
        return float(median_ms) / 1e3

    chosen = best(key, candidates, right, time_s)
    note(key, chosen.way)
    return chosen


def poisoned(
    launch: Callable[[Tiling, Sequence[Tensor]], None], tiling: Tiling, outputs: Sequence[Tensor]
) -> None:
    """Launches on outputs and scratch that are full of NaN."""
    for output in outputs:
        output.fill_(torch.nan)
    before = POISONED.set(True)
    try:
        launch(tiling, outputs)
    finally:
        POISONED.reset(before)


def off(y: Tensor, wanted: Tensor) -> float:
    """‖y − wanted‖ / ‖wanted‖; NaN if an element was not written."""
    exact = wanted.double()
    size = float(exact.norm())
    return float((y.double() - exact).norm()) / size if size else float(y.double().norm())


def said(shape: Shape) -> str:
    """A shape in a few characters, for the key of a choice.

    >>> from costlab.bench.kernels.work import Shape
    >>> said(Shape(32, (35, 35), 48, 64, (5, 5), padding=(2, 2, 2, 2)))
    '32x35x35x48 5x5/1x1 64 pad 2,2,2,2'
    """
    size = "x".join(map(str, (shape.images, *shape.grid, shape.channels)))
    kernel, stride = ("x".join(map(str, two)) for two in (shape.kernel, shape.stride))
    return f"{size} {kernel}/{stride} {shape.filters} pad {','.join(map(str, shape.padding))}"


def for_one(x: Tensor, weights: Weights) -> Tiling:
    """For a convolution, or several of one shape merged."""
    shape = weights.shape(x.shape)
    return tried(
        "conv",
        [shape],
        x,
        _candidates(x, shape, in_parts=True),
        lambda tiling, outputs: convolve(x, weights, outputs, tiling),
        lambda: [weights.reference(x)],
    )


def for_both(x: Tensor, first: Weights, second: Weights) -> Tiling:
    """For two convolutions side by side."""
    shape = first.shape(x.shape)
    return tried(
        "side by side",
        [shape, second.shape(x.shape)],
        x,
        _candidates(x, shape, in_parts=True),
        lambda tiling, outputs: convolve_both(x, first, second, (outputs[0], outputs[1]), tiling),
        lambda: [first.reference(x), second.reference(x)],
    )


def for_reduction(x: Tensor, weights: Weights, pooled: Tensor, pooling: Pooling) -> Tiling:
    """For a convolution and a pooling."""
    shape = weights.shape(x.shape)
    pool = torch.nn.functional.max_pool2d
    return tried(
        f"conv and max pool of {pooled.shape[1]}",
        [shape],
        x,
        _candidates(x, shape),
        lambda tiling, outputs: convolve_and_pool(
            x, weights, outputs[0], pooled, pooling, outputs[1], tiling
        ),
        lambda: [
            weights.reference(x),
            # Rounded down or up, the grid is that of the convolution.
            _cut(pool(pooled, *pooling, ceil_mode=True), shape.out),
        ],
    )


def _cut(y: Tensor, out: tuple[int, int]) -> Tensor:
    kept = y[:, :, : out[0], : out[1]]
    return kept.contiguous(memory_format=torch.channels_last)


def for_series(x: Tensor, first: Weights, second: Weights) -> Tiling:
    """For two convolutions in series: fused in one of two ways, or one after the other."""
    a = first.shape(x.shape)
    between = torch.Size((a.images, first.filters, *a.out))
    pair = Lines(a, second.shape(between), 1)
    apart: list[Tiling] = []
    if x.device.type == "cuda":
        middle = first.reference(x)
        one, two = for_one(x, first), for_one(middle, second)
        both = dict.fromkeys(replace(tiling, pdl=False) for tiling in (one, two))
        apart = [
            replace(tiling, pdl=pdl)
            for tiling in both
            for pdl in (False, True)
            if not pdl or _starts_early(x)
        ]
    fused = fusions(pair, x.element_size(), there(x))
    return tried(
        "in series",
        [a, pair.second],
        x,
        (*apart[:1], *fused, *apart[1:]),
        lambda tiling, outputs: series(x, first, second, outputs[0], tiling),
        lambda: [second.reference(first.reference(x))],
    )


def series(x: Tensor, first: Weights, second: Weights, y: Tensor, tiling: Tiling) -> None:
    """Two convolutions, fused if the tiling has lines, else two launches.

    Under `pdl` the second is launched while the first still runs, and waits within for its result.
    """
    if tiling.lines:
        convolve_in_series(x, first, second, y, tiling)
        return
    a = first.shape(x.shape)
    middle = torch.empty(
        (a.images, first.filters, *a.out),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    convolve(x, first, [middle], tiling, pdl=tiling.pdl)
    convolve(middle, second, [y], tiling, pdl=tiling.pdl)


def there(x: Tensor) -> Processors:
    """What a tensor's device has of processors and shared memory; in the interpreter, an H200's."""
    if x.device.type != "cuda":
        return Processors()
    found: Any = torch.cuda.get_device_properties(x.device)  # its stubs lack a field
    shared = getattr(found, "shared_memory_per_block_optin", Processors().shared_bytes)
    return Processors(found.multi_processor_count, int(shared))


def _candidates(x: Tensor, shape: Shape, *, in_parts: bool = False) -> tuple[Tiling, ...]:
    if x.device.type != "cuda":
        return (INTERPRETED,)
    size, device = x.element_size(), there(x)
    whole = tilings(shape.positions, shape.filters, shape.channels, size, device)
    if not in_parts:
        return whole
    cut = parted(shape, size, device)
    early = [replace(one, pdl=True) for one in cut] if _starts_early(x) else []
    # What adds the parts may start while the last of them are summed; once it is tried without.
    return in_turn(whole, (*early[:1], *cut[:1], *early[1:]) if early else cut)


def _starts_early(x: Tensor) -> bool:
    """Whether a kernel may be launched while the one before it runs (programmatic dependent)."""
    return torch.cuda.get_device_capability(x.device) >= (9, 0)


def in_turn(whole: Sequence[Tiling], cut: Sequence[Tiling]) -> tuple[Tiling, ...]:
    """Tilings of two kinds, one of each in turn: neither kind waits for the time that both have.

    >>> [one.parts for one in in_turn([Tiling(64, 16, 16)] * 3, [Tiling(64, 16, 16, parts=4)])]
    [1, 4, 1, 1]
    """
    pairs = zip_longest(whole, cut)
    return tuple(one for pair in pairs for one in pair if one is not None)
