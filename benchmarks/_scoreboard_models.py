"""The models of the scoreboard, each with its multiply-adds worked out apart from any counter.

Of a network whose contractions are all modules a naive loop over their outputs tells; of the others
the formula stands here, in the sizes that they are built from. Knows no counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from benchmarks import _scoreboard_transformers as transformers
from benchmarks._networks import torchvision_models
from benchmarks._scoreboard_networks import Functional, Recurrent, Repeated, Scripted, UNet
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    Args = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model: how it is built in eval mode with its inputs, and its multiply-adds.

    `why` is what makes it hard to count.
    """

    name: str
    why: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], Args]
    macs: Callable[[], int]
    device: str = "cpu"

    def ready(self) -> tuple[nn.Module, Args]:
        """The model and its inputs on its device."""
        torch.manual_seed(0)
        with torch.device(self.device):
            return self.build().eval(), self.inputs()


def looped(build: Callable[[], nn.Module], inputs: Callable[[], Args]) -> int:
    """Multiply-adds of a network by a naive loop: each output of each module, window by window."""
    total = 0

    def seen(module: Any, given: Any, made: Any) -> None:
        nonlocal total
        if isinstance(module, nn.Linear):
            total += made.numel() * module.in_features
        elif "Transpose" in type(module).__name__:
            reached = prod(module.kernel_size) * module.out_channels // module.groups
            total += given[0].numel() * reached
        else:
            window = prod(module.kernel_size) * module.in_channels // module.groups
            total += made.numel() * window

    model = build().eval()
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd):  # noqa: SLF001 - the family
            module.register_forward_hook(seen)
    with torch.no_grad():
        model(*inputs())
    return total


def image(size: int, channels: int = 3) -> Callable[[], Args]:
    """One image."""
    return lambda: (torch.ones(1, channels, size, size),)


def tokens(batch: int, length: int) -> Callable[[], Args]:
    """A batch of token sequences."""
    return lambda: (torch.ones(batch, length, dtype=torch.int64),)


def _of_modules(
    name: str, why: str, build: Callable[[], nn.Module], inputs: Callable[[], Args]
) -> Model:
    return Model(name, why, build, inputs, lambda: looped(build, inputs))


def models() -> list[Model]:
    """The models, those of torchvision only where it can be imported."""
    found = [
        _of_modules("Inception-v3", "asymmetric convolutions, 299", *_zoo("inception_v3")),
        _of_modules("ResNet-50", "the plainest case", *_zoo("resnet50")),
        _of_modules("U-Net", "transposed convolutions, one of them grouped", UNet, image(64)),
        Model("scripted child", "a child of torch.jit.script", Scripted, image(32), Scripted.macs),
        Model(
            "functions",
            "weights used by @, einsum and F.linear, by no module",
            Functional,
            lambda: (torch.ones(2, Functional.LENGTH, Functional.WIDTH),),
            Functional.macs,
        ),
        Model(
            "a layer called six times",
            "one module under two names, called in a loop",
            Repeated,
            lambda: (torch.ones(2, Repeated.WIDTH),),
            Repeated.macs,
        ),
        Model(
            "LSTM language model",
            "two layers, tied output",
            lambda: Recurrent(nn.LSTM),
            tokens(2, Recurrent.LENGTH),
            lambda: Recurrent.macs(4),
        ),
        Model(
            "GRU tagger",
            "both directions",
            lambda: Recurrent(nn.GRU, directions=2),
            tokens(2, Recurrent.LENGTH),
            lambda: Recurrent.macs(3, directions=2),
        ),
        *transformers.cases(Model, tokens),
    ]
    vision = torchvision_models()
    if vision is not None:
        found += [
            _of_modules(
                "MobileNet-v3-Small", "depthwise convolutions", vision.mobilenet_v3_small,
                image(224),
            ),
            Model(
                "ViT-B/16", "attention by its fast path", vision.vit_b_16, image(224),
                lambda: transformers.vision_macs(224, 16, 768, 12, 3072, 1000),
            ),
        ]  # fmt: skip
    return found


def _zoo(name: str) -> tuple[Callable[[], nn.Module], Callable[[], Args]]:
    network = CATALOGUE[name]
    return network.build, image(network.shape()[-1])
