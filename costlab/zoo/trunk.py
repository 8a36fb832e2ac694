"""The frame of a network that is a sequence of blocks, with side heads that run in training only.

It knows no network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Auxiliary(nn.Sequential):
    """A side head: it reads what the block before it wrote, and hands nothing on."""


class Trunk(nn.Module):
    """A network whose children run in the order in which they stand.

    An `Auxiliary` among them is fed in training, and what it writes is returned beside the logits.
    """

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Logits; in training also those of the auxiliary classifiers, if there are any."""
        x = images
        beside: list[Tensor] = []
        for block in self.children():
            if isinstance(block, Auxiliary):
                beside += [block(x)] if self.training else []
            else:
                # A linear layer reads the channels and places of an image as one row.
                x = block(torch.flatten(x, 1) if isinstance(block, nn.Linear) else x)
        return self.labelled(x, *beside) if beside else x

    @staticmethod
    def labelled(logits: Tensor, *auxiliary: Tensor) -> tuple[Tensor, ...]:
        """What a forward in training returns; a network may give the parts names."""
        return (logits, *auxiliary)
