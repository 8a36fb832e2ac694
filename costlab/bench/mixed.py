"""Mixed precision, as networks are trained in half precision: autocast, and weights in float32.

It knows neither the model nor how anything is timed. Products run in half precision; weights, their
gradients and the optimizer's memory stay in float32. In fp16 the loss is scaled up, lest gradients
vanish, and the gradients down again, by a factor that stays: one that follows overflows would make
the host wait for the device in each step.

Source: Micikevicius et al. 2018, "Mixed Precision Training" (arXiv:1710.03740), §3.1 and §3.2.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from costlab.bench.study import DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor

    from costlab.bench.study import Precision

HALF: tuple[Precision, ...] = ("bf16", "fp16")
SCALES: dict[Precision, float] = {"fp16": 2.0**16}
"""What a loss is multiplied by: with which torch's own scaler begins."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """How a side computes: the type of what is stored, that of products, and the loss's factor.

    `products` is None where everything is in the stored type.
    """

    stored: torch.dtype
    device: str = "cpu"
    products: torch.dtype | None = None
    scale: float = 1.0

    def forward(self) -> AbstractContextManager[object]:
        """Within it a forward and its loss are computed; not the backward, which follows it."""
        if self.products is None:
            return nullcontext()
        return torch.autocast(self.device, dtype=self.products)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss times its factor."""
        return loss * self.scale if self.scale != 1 else loss

    def unscale(self, gradients: Sequence[Tensor]) -> None:
        """Divides gradients of a scaled loss by its factor, in place."""
        if self.scale != 1 and gradients:
            torch._foreach_mul_(list(gradients), 1 / self.scale)

    @property
    def told(self) -> str:
        """How it computes, in words; empty where everything is in one type."""
        if self.products is None:
            return ""
        scaled = f", the loss scaled by {self.scale:g}" if self.scale != 1 else ""
        kind = str(self.products).removeprefix("torch.")
        return f"autocast to {kind}; weights, gradients and momentum in float32{scaled}"


def mixed_of(precision: Precision, device: str, *, training: bool) -> Mixed:
    """How a precision computes: an inference in its type alone, a training step by autocast.

    >>> mixed_of("bf16", "cpu", training=True).told
    'autocast to bfloat16; weights, gradients and momentum in float32'
    >>> mixed_of("bf16", "cpu", training=False).told
    ''
    """
    dtype: torch.dtype = getattr(torch, DTYPES[precision])
    if not training or precision not in HALF:
        return Mixed(dtype)
    return Mixed(torch.float32, device, dtype, SCALES.get(precision, 1.0))
