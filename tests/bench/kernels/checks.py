"""Kernels against float64, on a device: a GPU, or a CPU whose Triton interprets them.

Inputs lie amid NaN, so that a read out of bounds shows in the result; outputs hold NaN before, and
what lies around them is compared with what it was.
"""

from __future__ import annotations

import mmap
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import torch
import torch.nn.functional as F

from costlab.bench.kernels import build, choosing
from costlab.bench.kernels.in_series import convolve_in_series
from costlab.bench.kernels.running import Pooling, convolve, convolve_and_pool, convolve_both
from costlab.bench.kernels.tilings import INTERPRETED, Tiling
from costlab.bench.kernels.weights import merged
from costlab.bench.study import Subject
from costlab.bench.subjects import build as built
from tests.bench.kernels.tensors import Bench, Scratch, Target, exact, judged, poisoned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlab.bench.study import Finish
    from tests.bench.kernels.tensors import Layer

NO_RESERVE = 0x4000
"""MAP_NORESERVE of Linux, which not every Python names (asm-generic/mman-common.h)."""
UNCOMMITTED = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
"""Addresses alone: what is never touched takes no memory, and is not counted as if it did."""


def cut(sizes: Sequence[int]) -> Tiling:
    """A tiling of three sides, and perhaps warps and stages."""
    warps, stages = sizes[3:] or (4, 3)
    return Tiling(sizes[0], sizes[1], sizes[2], warps, stages)


@torch.no_grad()
def conv(
    shape: Sequence[int],
    *,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    tiling: Sequence[int] = (64, 16, 16),
    parts: int = 1,
    spoiled: bool = False,
    pdl: bool = False,
    **layer: Any,
) -> dict[str, Any]:
    """One convolution with its finish, its sum perhaps in parts; `spoiled` mirrors the weights."""
    bench = Bench(dtype, device, seed)
    module, weights = bench.layer(shape[1], **layer)
    x = bench.images(*shape)
    target = Target(bench, module(exact(x)))
    if spoiled:
        weights.packed.copy_(weights.packed.flip(0))
    with poisoned() as scratch:
        convolve(x, weights, [target.inner], replace(cut(tiling), parts=parts), pdl=pdl)
    return judged([target]) | {"scratch": scratch.state()}


@torch.no_grad()
def siblings(
    shape: Sequence[int],
    filters: Sequence[int],
    *,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    tiling: Sequence[int] = (64, 16, 16),
    parts: int = 1,
    finish: str = "bn_relu",
) -> dict[str, Any]:
    """1×1 convolutions of one input, merged, their sum perhaps in parts."""
    bench = Bench(dtype, device, seed)
    layers = [bench.layer(shape[1], count, (1, 1), finish=finish) for count in filters]
    x = bench.images(*shape)
    targets = [Target(bench, module(exact(x))) for module, _ in layers]
    whole = merged([weights for _, weights in layers])
    with poisoned():
        outputs = [target.inner for target in targets]
        convolve(x, whole, outputs, replace(cut(tiling), parts=parts))
    return judged(targets)


@torch.no_grad()
def both(
    shape: Sequence[int],
    first: Layer,
    second: Layer,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    tiling: Sequence[int] = (64, 16, 16),
) -> dict[str, Any]:
    """Two convolutions of one input, side by side."""
    bench = Bench(dtype, device, seed)
    layers = [bench.layer(shape[1], **layer) for layer in (first, second)]
    x = bench.images(*shape)
    one, two = (Target(bench, module(exact(x))) for module, _ in layers)
    convolve_both(x, layers[0][1], layers[1][1], (one.inner, two.inner), cut(tiling))
    return judged([one, two])


@torch.no_grad()
def reduction(
    shape: Sequence[int],
    pooling: Sequence[int],
    *,
    ceil: bool = False,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    tiling: Sequence[int] = (64, 16, 16),
    **layer: Any,
) -> dict[str, Any]:
    """A strided convolution and a max pooling, each into its slice of one tensor."""
    bench = Bench(dtype, device, seed)
    module, weights = bench.layer(shape[1], **layer)
    x, pooled = bench.images(*shape), bench.images(*shape)
    patch, stride, padding = pooling
    wanted = module(exact(x)), F.max_pool2d(exact(pooled), patch, stride, padding, ceil_mode=ceil)
    filters, channels = (int(one.shape[1]) for one in wanted)
    joined = Target(bench, torch.cat(wanted, dim=1))
    y, pool_y = joined.inner[:, :filters], joined.inner[:, filters : filters + channels]
    convolve_and_pool(x, weights, y, pooled, Pooling(*pooling), pool_y, cut(tiling))
    return judged([joined])


@torch.no_grad()
def series(
    shape: Sequence[int],
    first: Layer,
    second: Layer,
    *,
    lines: int,
    shared: bool = False,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    tiling: Sequence[int] = (64, 16, 16),
) -> dict[str, Any]:
    """Two convolutions, what is between them on chip."""
    bench = Bench(dtype, device, seed)
    one, w1 = bench.layer(shape[1], **first)
    two, w2 = bench.layer(w1.filters, **second)
    x = bench.images(*shape)
    target = Target(bench, two(one(exact(x))))
    with poisoned() as scratch:
        cuts = replace(cut(tiling), lines=lines, shared=shared)
        convolve_in_series(x, w1, w2, target.inner, cuts)
    return judged([target]) | {"scratch": scratch.state()}


@torch.no_grad()
def module(
    source: str,
    shape: Sequence[int],
    *,
    block: str = "",
    finish: str = "bn_relu",
    takes_finish: bool = False,
    parts: int = 1,
    dtype: str = "float32",
    device: str = "cpu",
    batch: int = 1,
) -> dict[str, Any]:
    """A model, or a block of one, as launches; `untouched` is whether its weights are as before.

    In the interpreter, sums that may be are in `parts`.
    """
    subject = Subject("", source, tuple(shape), takes_finish=takes_finish, block=block)
    found = built(subject, cast("Finish", finish), batch, 0)
    kind = getattr(torch, dtype)
    network = found.module.to(device=device, dtype=kind)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(0)
    x = torch.randn(found.example[0][0].shape, dtype=kind).to(
        device, memory_format=torch.channels_last
    )
    interpreted = replace(INTERPRETED, parts=parts)
    # Not on a GPU: what candidates that are timed take would all be kept.
    kept = poisoned() if device == "cpu" else nullcontext(Scratch())
    with kept as scratch, mock.patch.object(choosing, "INTERPRETED", interpreted):
        program = build(network, x)
        y = program(x)
    after = network.state_dict()
    same = all(torch.equal(after[name], tensor) for name, tensor in before.items())
    wanted = network.double().cpu()(exact(x))
    return {
        "error": float((y.double().cpu() - wanted).norm() / wanted.norm()),
        "launches": program.launches,
        "declined": program.declined,
        "untouched": same,
        "scratched": scratch.state()["elements"],
    }


@torch.no_grad()
def far(kernel: str) -> dict[str, Any]:
    """A kernel on images that lie so far apart that 32 bits do not count the places of the last.

    The memory between them is never touched, and so takes none; all tensors lie in the same five
    gigabytes of addresses, beside one another. `refused` is why there are none to be had.
    """
    bench, images, channels, step = Bench("float16", "cpu", 0), 18, 16, 2**27
    try:
        reserved = mmap.mmap(-1, 2 * images * step, flags=UNCOMMITTED)
    except OSError as error:  # as `ulimit -v` has it, or a system that lets nothing be promised
        return {"refused": f"{2 * images * step} bytes of addresses: {error}"}
    whole = torch.frombuffer(reserved, dtype=torch.float16)
    begins = count(0, 4 * channels)

    def apart() -> torch.Tensor:
        strides = (step, 1, step, step)
        return whole.as_strided((images, channels, 1, 1), strides, next(begins))

    one, first = bench.layer(channels, channels, (1, 1))
    two, second = bench.layer(channels, channels, (1, 1))
    x, y = apart().normal_(), apart().fill_(torch.nan)
    wanted = one(exact(x))
    small = Tiling(16, 16, 16)
    if kernel == "conv_and_pool":
        pooled, pool_y = apart().normal_(), apart().fill_(torch.nan)
        convolve_and_pool(x, first, y, pooled, Pooling(1, 1, 0), pool_y, small)
        wanted, y = torch.cat([wanted, exact(pooled)]), torch.cat([y, pool_y])
    elif kernel in {"between_in_cache", "between_in_shared"}:
        shared = kernel == "between_in_shared"
        convolve_in_series(x, first, second, y, replace(small, lines=4, shared=shared))
        wanted = two(wanted)
    elif kernel == "side_by_side":
        z = apart()
        convolve_both(x, first, second, (y, z), small)
        wanted, y = torch.cat([wanted, two(exact(x))]), torch.cat([y, z])
    else:
        parts = 2 if kernel == "partial_sums" else 1
        convolve(x, first, [y], replace(small, parts=parts))
    return {"error": float((exact(y) - wanted).norm() / wanted.norm()), "last": (images - 1) * step}
