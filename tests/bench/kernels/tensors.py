"""Layers and tensors of the checks: inputs amid NaN, outputs and scratch full of it.

A read out of bounds shows in the result so; what lies around outputs is compared with what it was.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import Tensor, nn

from costlab.bench.kernels import in_parts, in_series
from costlab.bench.kernels.weights import weights_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from costlab.bench.kernels.weights import Weights

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


class Scratch:
    """Memory that kernels are given to keep things in: full of NaN, with 7 before and after."""

    AROUND = 64

    def __init__(self) -> None:
        self.made: list[Tensor] = []

    def __call__(self, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Stands in the place of `arguments.scratch`."""
        whole = torch.full((size + 2 * self.AROUND,), 7.0, dtype=dtype, device=device)
        self.made.append(whole)
        return whole[self.AROUND : -self.AROUND].fill_(torch.nan)

    def state(self) -> dict[str, int | bool]:
        """How much there was, whether all of it was written, and whether what is around is intact.

        More than what is needed would cost bytes that are not counted.
        """
        inner = [one[self.AROUND : -self.AROUND] for one in self.made]
        edges = [side for one in self.made for side in (one[: self.AROUND], one[-self.AROUND :])]
        return {
            "elements": sum(one.numel() for one in inner),
            "written": not any(bool(one.isnan().any()) for one in inner),
            "intact": all(bool((side == 7).all()) for side in edges),
        }


@contextmanager
def poisoned() -> Iterator[Scratch]:
    """Within it, the scratch and the workspace of kernels are full of NaN."""
    scratch = Scratch()
    with (
        mock.patch.object(in_parts, "scratch", scratch),
        mock.patch.object(in_series, "scratch", scratch),
    ):
        yield scratch


def judged(targets: Sequence[Target]) -> dict[str, Any]:
    """The largest error, and whether the neighbours are intact."""
    errors = [target.error() for target in targets]
    error = sum(errors) if any(one != one for one in errors) else max(errors)  # noqa: PLR0124 - NaN
    return {"error": error, "intact": all(target.intact() for target in targets)}


def exact(x: Tensor) -> Tensor:
    """A tensor in float64, on the CPU."""
    return x.double().cpu().contiguous()
