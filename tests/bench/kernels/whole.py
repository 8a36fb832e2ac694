"""Inception-v3 as launches, against the plain model in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.bench.kernels.inception import ready
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
