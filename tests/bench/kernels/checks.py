"""Kernels against float64, on a device: a GPU, or a CPU whose Triton interprets them.

Inputs lie amid NaN, so that a read out of bounds shows in the result; outputs hold NaN before, and
what lies around them is compared with what it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from costlab.bench.kernels import build
from costlab.bench.kernels.in_series import convolve_in_series
from costlab.bench.kernels.running import Pooling, convolve, convolve_and_pool, convolve_both
from costlab.bench.kernels.tilings import Tiling
from costlab.bench.kernels.weights import merged, weights_of
from costlab.bench.seams import ArmError
from costlab.bench.study import Subject
from costlab.bench.subjects import build as built

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlab.bench.kernels.weights import Weights
    from costlab.bench.study import Finish

Layer = dict[str, Any]


class Bench:
    """Random layers and tensors on a device, by a seed."""

    def __init__(self, dtype: str, device: str, seed: int) -> None:
        torch.manual_seed(seed)
        self.dtype, self.device = getattr(torch, dtype), torch.device(device)

    def layer(
        self,
        channels: int,
        filters: int,
        kernel: Sequence[int],
        stride: int = 1,
        padding: Sequence[int] | str = "same",
        finish: str = "bn_relu",
    ) -> tuple[nn.Module, Weights]:
        """A convolution with its finish, in float64, and as the kernels read it."""
        pad = padding if isinstance(padding, str) else (padding[0], padding[1])
        patch = kernel[0], kernel[1]
        conv = nn.Conv2d(channels, filters, patch, stride, pad, bias="bias" in finish)
        norm = nn.BatchNorm2d(filters).eval() if "bn" in finish else None
        if norm is not None:
            for tensor in (norm.running_var, norm.weight):
                assert tensor is not None
                tensor.data.uniform_(0.5, 2)
            for tensor in (norm.running_mean, norm.bias):
                assert tensor is not None
                tensor.data.uniform_(-0.3, 0.3)
        rounded = conv.to(self.dtype)
        relu = "relu" in finish
        weights = weights_of(rounded, norm, relu=relu).of(self.device)
        parts: list[nn.Module] = [rounded.double()]
        parts += [norm.double()] if norm is not None else []
        parts += [nn.ReLU()] if relu else []
        return nn.Sequential(*parts), weights

    def images(self, images: int, channels: int, rows: int, columns: int) -> Tensor:
        """Random images, a slice of the channels of a larger tensor that is NaN elsewhere."""
        whole = self.around(images, channels + 16, rows, columns, torch.nan)
        x = whole[1:-1, 8:-8]
        x.normal_()
        return x

    def around(self, images: int, channels: int, rows: int, columns: int, fill: float) -> Tensor:
        """Images in NHWC with one more before and after them."""
        return torch.full((images + 2, channels, rows, columns), fill, dtype=self.dtype).to(
            self.device, memory_format=torch.channels_last
        )


class Target:
    """A slice of the channels of a tensor, full of NaN, whose neighbours are 7."""

    def __init__(self, bench: Bench, like: Tensor, before: int = 3, after: int = 5) -> None:
        images, channels, rows, columns = like.shape
        self.wanted = like
        self.whole = bench.around(images, channels + before + after, rows, columns, 7)
        self.inner = self.whole[1:-1, before : before + channels]
        self.inner.fill_(torch.nan)

    def error(self) -> float:
        """The relative error, NaN where an element was not written; of zeros, the whole of it."""
        difference = self.inner.double().cpu() - self.wanted
        return float(difference.norm() / (self.wanted.norm() or 1.0))

    def intact(self) -> bool:
        """Whether all around is as it was."""
        self.inner.fill_(7)
        return bool((self.whole == 7).all())


def judged(targets: Sequence[Target]) -> dict[str, Any]:
    """The largest error, and whether the neighbours are intact."""
    errors = [target.error() for target in targets]
    error = sum(errors) if any(one != one for one in errors) else max(errors)  # noqa: PLR0124 - NaN
    return {"error": error, "intact": all(target.intact() for target in targets)}


def cut(sizes: Sequence[int]) -> Tiling:
    """A tiling of three sides, and perhaps warps and stages."""
    warps, stages = sizes[3:] or (4, 3)
    return Tiling(sizes[0], sizes[1], sizes[2], warps, stages)


def exact(x: Tensor) -> Tensor:
    """A tensor in float64, on the CPU."""
    return x.double().cpu().contiguous()


@torch.no_grad()
def conv(
    shape: Sequence[int],
    *,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    tiling: Sequence[int] = (64, 16, 16),
    spoiled: bool = False,
    pdl: bool = False,
    **layer: Any,
) -> dict[str, Any]:
    """One convolution with its finish; `spoiled` mirrors the kernel's weights."""
    bench = Bench(dtype, device, seed)
    module, weights = bench.layer(shape[1], **layer)
    x = bench.images(*shape)
    target = Target(bench, module(exact(x)))
    if spoiled:
        weights.packed.copy_(weights.packed.flip(0))
    convolve(x, weights, [target.inner], cut(tiling), pdl=pdl)
    return judged([target])


@torch.no_grad()
def siblings(
    shape: Sequence[int],
    filters: Sequence[int],
    *,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    tiling: Sequence[int] = (64, 16, 16),
    finish: str = "bn_relu",
) -> dict[str, Any]:
    """1×1 convolutions of one input, merged."""
    bench = Bench(dtype, device, seed)
    layers = [bench.layer(shape[1], count, (1, 1), finish=finish) for count in filters]
    x = bench.images(*shape)
    targets = [Target(bench, module(exact(x))) for module, _ in layers]
    whole = merged([weights for _, weights in layers])
    convolve(x, whole, [target.inner for target in targets], cut(tiling))
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
    convolve_in_series(x, w1, w2, target.inner, replace(cut(tiling), lines=lines, shared=shared))
    return judged([target])


@torch.no_grad()
def module(
    source: str,
    shape: Sequence[int],
    *,
    block: str = "",
    finish: str = "bn_relu",
    takes_finish: bool = False,
    dtype: str = "float32",
    device: str = "cpu",
    batch: int = 1,
) -> dict[str, Any]:
    """A model, or a block of one, as launches; `untouched` is whether its weights are as before."""
    subject = Subject("", source, tuple(shape), takes_finish=takes_finish, block=block)
    found = built(subject, cast("Finish", finish), batch, 0)
    kind = getattr(torch, dtype)
    network = found.module.to(device=device, dtype=kind)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(0)
    x = torch.randn(found.example[0][0].shape, dtype=kind).to(
        device, memory_format=torch.channels_last
    )
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
    }


def refused(kind: str) -> str:
    """What is said of a module, or of arguments, that the kernels do not take."""
    network: nn.Module = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()).eval()
    x = torch.randn(1, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    then = x
    if kind == "training":
        network = network.train()
    elif kind == "nchw":
        x = x.contiguous()
    elif kind == "float64":
        network, x = network.double(), x.double()
    elif kind == "grouped":
        network = nn.Conv2d(4, 4, 3, groups=2).eval()
    elif kind == "another shape":
        then = x[:, :, :4]
    try:
        build(network, x)(then)
    except ArmError as error:
        return str(error)
    return ""
