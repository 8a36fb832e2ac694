"""Inception-v3 as launches, against the plain model in float64."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import torch
from torch import nn

from costlab.bench.kernels import inception as path
from costlab.bench.kernels.inception import ready, recordable
from costlab.bench.seams import ArmError
from costlab.bench.study import Subject
from costlab.bench.subjects import build

if TYPE_CHECKING:
    from collections.abc import Mapping


@torch.no_grad()
def inception(
    *,
    width: float,
    side: int,
    dtype: str = "float32",
    device: str = "cpu",
    batch: int = 1,
    arms: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The network at a width and a side, with fresh images in a second call."""
    subject = Subject("", f"inception_v3(aux=False, width={width})", (3, side, side))
    kind = getattr(torch, dtype)
    model = build(subject, "bn_relu", batch, 0).module.to(device, kind)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def images(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        made = torch.randn(batch, 3, side, side, dtype=kind)
        return made.to(device, memory_format=torch.channels_last)

    network = ready(model, images(0), arms)
    fresh = images(1)
    y = network(fresh).double().cpu()
    same = all(torch.equal(model.state_dict()[name], kept) for name, kept in before.items())
    wanted = model.double().cpu()(fresh.double().cpu().contiguous())
    return {
        "error": float((y - wanted).norm() / wanted.norm()),
        "arms": network.arms,
        "why": network.why,
        "untouched": same,
    }


class Parallel(nn.Module):
    """Blocks side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Their sum."""
        return cast("torch.Tensor", self.first(x) + self.second(x))


class Twice(nn.Sequential):
    """Blocks of which the last runs again."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As its children do, and once more."""
        for block in (*self, self[-1]):
            x = block(x)
        return x


@torch.no_grad()
def sequence(kind: str) -> dict[str, Any]:
    """A sequence as it can be written by hand, its blocks in torch."""
    torch.manual_seed(0)
    clip = nn.Hardtanh(0.0, 0.1)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), clip, nn.Conv2d(4, 4, 1), clip, nn.Linear(6, 3))
    if kind == "class":
        model = Twice(*model)
    elif kind == "hook":
        model.register_forward_hook(lambda _module, _args, y: 2 * y)
    model.eval()
    x = torch.randn(2, 4, 5, 6).contiguous(memory_format=torch.channels_last)
    try:
        y = ready(model, x, {"0": "torch", "2": "torch"})(x)
    except ArmError as error:
        return {"refused": str(error)}
    return {"equal": torch.equal(y, model(x))}


@torch.no_grad()
def chosen() -> dict[str, Any]:
    """A network of two blocks of which the kernels take one, made ready twice."""
    torch.manual_seed(0)
    blocks = {
        "first": nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU()),
        "second": nn.Sequential(nn.Conv2d(8, 8, 3, groups=2), nn.ReLU()),
    }
    model = nn.Sequential(OrderedDict(blocks)).eval()
    x = torch.randn(2, 4, 5, 6).contiguous(memory_format=torch.channels_last)
    with mock.patch.dict(path.MAKERS):
        del path.MAKERS["inductor"]  # which a CPU may lack a compiler for
        network = recordable(model, x)
        again = recordable(copy.deepcopy(model), x)
    y, wanted = network(x).double(), copy.deepcopy(model).double()(x.double())
    try:
        recordable(Parallel().eval(), x)
        refused = ""
    except ArmError as error:
        refused = str(error)
    return {
        "error": float((y - wanted).norm() / wanted.norm()),
        "arms": network.arms,
        "again": again.arms,
        "declined": network.declined,
        "made": len(path.CHOSEN),
        "refused": refused,
    }
