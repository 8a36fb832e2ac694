"""timm's networks as oracles, weighted so that no layer is without effect.

It knows none of ours.
"""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from torch import Tensor, nn

from tests.torchvision_shim import torchvision


def unweighted(name: str) -> nn.Module:
    """The network of timm on the meta device."""
    torchvision()  # timm imports it
    pytest.importorskip("timm", reason="timm is not installed: pip install 'costlab[zoo]'")
    with torch.device("meta"):
        network: nn.Module = getattr(import_module("timm.models"), name)(pretrained=False)
    return network


def weighted(name: str) -> nn.Module:
    """The network of timm with random weights, biases, normalizations and statistics."""
    network = unweighted(name).to_empty(device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    module.bias.normal_(std=0.1)
            if isinstance(module, nn.Linear):
                module.reset_parameters()
            if isinstance(module, nn.BatchNorm2d):
                _weight_normalization(module)
    return network


def agree(got: Tensor, expected: Tensor) -> bool:
    """Whether two outputs are the same to 1e-5, or to 1e-6 of the largest where that is above 10.

    A logit of 40 has a last place of 4e-6 in float32, and a sum of many blocks rounds often.
    """
    largest = expected.abs().max().item()
    return torch.allclose(got, expected, rtol=0, atol=1e-5 * max(1, largest / 10))


def _weight_normalization(module: nn.BatchNorm2d) -> None:
    assert module.running_mean is not None
    assert module.running_var is not None
    assert module.num_batches_tracked is not None
    module.running_mean.normal_(std=0.1)
    module.running_var.uniform_(0.5, 1.5)
    module.num_batches_tracked.zero_()
    module.weight.uniform_(0.5, 1.5)
    module.bias.normal_(std=0.1)
