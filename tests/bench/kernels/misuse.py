"""What is said of modules and arguments that the kernels do not take."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import nn

from costlab.bench.kernels import build, choosing, launching
from costlab.bench.kernels.arguments import POISONED, scratch
from costlab.bench.kernels.in_series import convolve_in_series
from costlab.bench.kernels.running import Pooling, convolve, convolve_and_pool
from costlab.bench.kernels.tilings import INTERPRETED, Tiling
from costlab.bench.seams import ArmError
from tests.bench.kernels.tensors import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SERIES = replace(INTERPRETED, lines=2)


def refused(kind: str) -> str:
    """What is said of a module, or of arguments, that the kernels do not take."""
    network: nn.Module = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()).eval()
    x = torch.randn(1, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    then = x
    if kind == "training":
        network = network.train()
    elif kind == "hooks":
        network.register_forward_hook(lambda _module, _args, y: 2 * y)
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


def misused(kind: str) -> str:
    """What is said of tensors that are not a kernel's, or lie where they must not."""
    bench = Bench("float32", "cpu", 0)
    _, eight = bench.layer(8, 8, (3, 3))
    x, y = bench.images(2, 8, 5, 5), bench.images(2, 8, 5, 5)
    whole = bench.images(2, 24, 5, 5)
    calls: dict[str, Any] = {
        "fits": lambda: convolve(x, eight, [y], INTERPRETED),
        "in place": lambda: convolve(x, eight, [x], INTERPRETED),
        "overlapping": lambda: convolve(whole[:, :8], eight, [whole[:, 4:12]], INTERPRETED),
        "beside": lambda: convolve(whole[:, :8], eight, [whole[:, 8:16]], INTERPRETED),
        "before": lambda: convolve(whole[:, 8:16], eight, [whole[:, :8]], INTERPRETED),
        "other images": lambda: convolve(whole[:1, :8], eight, [whole[1:, :8]], INTERPRETED),
        "another type": lambda: convolve(x.half(), eight, [y], INTERPRETED),
        "channels": lambda: convolve(whole, eight, [y], INTERPRETED),
        "series in place": lambda: convolve_in_series(x, eight, eight, x, SERIES),
        "series of channels": lambda: convolve_in_series(whole, eight, eight, y, SERIES),
        "pooled images": lambda: convolve_and_pool(
            x, eight, y, x[:1], Pooling(3, 1, 1), whole[:1, :8], INTERPRETED
        ),
        "pooled in place": lambda: convolve_and_pool(
            x, eight, y, whole[:, :8], Pooling(3, 1, 1), whole[:, :8], INTERPRETED
        ),
    }
    try:
        calls[kind]()
    except ArmError as error:
        return str(error)
    return ""


class Order(nn.Module):
    """Two pointwise convolutions of one value, which is written to between them."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.entry = nn.Conv2d(6, 6, 3, padding=1)
        self.one, self.two = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 5, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both, side by side."""
        x = self.entry(x)
        one = self.one(x)
        if self.how == "module":
            self.relu(x)
        elif self.how == "function":
            torch.nn.functional.relu(x, inplace=True)
        elif self.how == "method":
            x.mul_(2.0)
        elif self.how == "position":
            torch.nn.functional.relu(x, True)
        return torch.cat([one, self.two(x)], dim=1)


@torch.no_grad()
def ordered(how: str) -> dict[str, Any]:
    """Whether values are read in the order of the forward where one is written to."""
    torch.manual_seed(0)
    network = Order(how).eval()
    x = torch.randn(1, 6, 4, 5).contiguous(memory_format=torch.channels_last)
    program = build(network, x)
    y, wanted = program(x).double(), network.double()(x.double())
    return {
        "error": float((y - wanted).norm() / wanted.norm()),
        "launches": [one.partition(":")[0] for one in program.launches],
    }


@torch.no_grad()
def partly_training() -> dict[str, Any]:
    """A module in eval mode of which a normalization still takes the statistics of its input."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    network[1].train()
    x = torch.randn(2, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    y, wanted = build(network, x)(x).double(), network.double()(x.double())
    return {"error": float((y - wanted).norm() / wanted.norm())}


@torch.no_grad()
def guarded() -> list[bool]:
    """For each launch, as it is prepared and as it runs: whether the tensors' device is current."""
    current: list[torch.device] = []
    seen: list[bool] = []

    @contextmanager
    def device_of(x: torch.Tensor) -> Iterator[None]:
        current.append(x.device)
        yield
        current.pop()

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(x: torch.Tensor, *args: Any) -> Any:
            seen.append(current == [x.device])
            return function(x, *args)

        return noted

    x = torch.randn(1, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    with (
        mock.patch.object(torch.cuda, "device_of", device_of),
        mock.patch.object(choosing, "for_one", noting(choosing.for_one)),
        mock.patch.object(launching, "convolve", noting(convolve)),
    ):
        build(nn.Conv2d(4, 4, 3).eval(), x)(x)
    return seen


@torch.no_grad()
def hooks(layer: str) -> dict[str, Any]:
    """A network of which one layer has a hook that doubles what it gives."""
    torch.manual_seed(0)
    layers = {
        "conv": nn.Conv2d(4, 6, 3),
        "norm": nn.BatchNorm2d(6),
        "relu": nn.ReLU(),
        "last": nn.Conv2d(6, 4, 1),
    }
    network = nn.Sequential(OrderedDict(layers)).eval()
    layers[layer].register_forward_hook(lambda _module, _args, y: 2 * y)
    x = torch.randn(2, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    program = build(network, x)
    y, wanted = program(x).double(), network.double()(x.double())
    return {"error": float((y - wanted).norm() / wanted.norm()), "declined": program.declined}


def tried() -> dict[str, bool]:
    """Whether outputs and scratch are poisoned while a candidate is tried, also if it fails."""
    output, seen = torch.zeros(3), dict[str, bool]()

    def launch(_tiling: Tiling, outputs: Sequence[torch.Tensor]) -> None:
        made = scratch(1000, torch.float32, torch.device("cpu"))
        seen["scratch"] = bool(made.isnan().all())
        seen["output"] = bool(outputs[0].isnan().all())
        raise ArmError("it does not compile")

    with suppress(ArmError):
        choosing.poisoned(launch, INTERPRETED, [output])
    return {**seen, "after": POISONED.get()}
