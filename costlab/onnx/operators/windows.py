"""Pooling and resampling: operations an element of each window, or a tap."""

from __future__ import annotations

from math import ceil, prod

from costlab.onnx.operators.call import Call, Rule, each_input
from costlab.ops.pooling import pooled
from costlab.ops.resampling import TAPS
from costlab.ops.rule import Declined, Effect, require

MODES = {"nearest": "nearest", "linear": "linear", "cubic": "bicubic", "bilinear": "bilinear"}
"""ONNX's names of what `interpolate` does along each axis."""


def pool(call: Call) -> Effect:
    """y[…,*s] = max or mean over a window: ∏k operations an output element, as `max_pool2d`."""
    kernel = call.numbers("kernel_shape")
    out = call.out.shape
    require(len(kernel) == len(out) - 2)
    strides = call.numbers("strides", (1,) * len(kernel))
    pads = call.numbers("pads", (0,) * (2 * len(kernel)))
    return pooled(out, kernel, strides, pads[: len(kernel)])


def power_pool(call: Call) -> Effect:
    """y = (Σ |x|^p)^(1/p) over a window, as `lp_pool2d`: a power an input element, a root each."""
    effect = pool(call)
    return effect._replace(flops=effect.flops + prod(effect.shape) + call.given(0).elements)


def global_power_pool(call: Call) -> Effect:
    """`power_pool` over all positions: a power and a sum an input element, a root an output."""
    return Effect(call.out.shape, flops=2 * call.given(0).elements + call.out.elements)


def resize(call: Call) -> Effect:
    """y[…,*s] = Σ_k weight(k) · x[…,*(s·in/out + k)], as `interpolate`: a tap an axis.

    The axes are those that are named, or all after the channels, or all where those change too.
    With `antialias`, an axis that shrinks has as many more taps as it shrinks.
    """
    mode = MODES.get(call.text("mode", "nearest"))
    before, after = call.given(0).shape, call.out.shape
    require(mode is not None and len(before) == len(after))
    if mode is None:
        raise Declined
    first = 2 if before[:2] == after[:2] and len(before) > 2 else 0
    axes = call.numbers("axes", tuple(range(first, len(before))))
    taps = 0
    for axis in axes:
        shrunk = max(before[axis] / after[axis], 1) if call.number("antialias") else 1
        taps += ceil(TAPS[mode] * shrunk)
    return Effect(after, flops=taps * prod(after), attributes={"mode": mode})


def sampled(call: Call) -> Effect:
    """y[n,c,*s] = x at the point grid[n,*s], as `grid_sample`: 1, 2 or 4 taps an axis."""
    mode = MODES.get(call.text("mode", "linear"))
    if mode is None:
        raise Declined
    taps = TAPS[mode] ** (len(call.out.shape) - 2)
    return Effect(call.out.shape, flops=taps * call.out.elements, attributes={"mode": mode})


def aligned(call: Call) -> Effect:
    """A region of an image, averaged over points between its own: 4 taps and a sum a point.

    Where the number of points hangs on the region's size, no count is true.
    """
    points = call.number("sampling_ratio")
    require(points > 0)
    taps = TAPS["bilinear"] ** 2 + 1
    return Effect(call.out.shape, flops=taps * points**2 * call.out.elements)


def folded(call: Call) -> Effect:
    """Columns added up where their patches overlap, as `fold`: one add an input element."""
    return Effect(call.out.shape, flops=call.given(0).elements)


POOLINGS: dict[str, Rule] = {
    "AveragePool": pool,
    "GlobalAveragePool": each_input(1),
    "GlobalLpPool": global_power_pool,
    "GlobalMaxPool": each_input(1),
    "LpPool": power_pool,
    "MaxPool": pool,
    "MaxUnpool": lambda call: Effect(call.out.shape),
    "RoiAlign": aligned,
}
RESAMPLINGS: dict[str, Rule] = {
    "Col2Im": folded,
    "GridSample": sampled,
    "Resize": resize,
    "Upsample": resize,
}
