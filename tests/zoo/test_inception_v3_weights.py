"""Tests that torchvision's weights fit, and that with them both networks compute the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab.errors import UsageError
from costlab.zoo import find
from costlab.zoo.inception_v3 import InceptionV3
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Callable


from_torchvision = partial(find("inception_v3").converted, library="torchvision")


def theirs(*, aux: bool) -> nn.Module:
    """The network of torchvision, weighted so that no layer is without effect."""
    build: Callable[..., nn.Module] = torchvision().models.inception_v3
    network = build(weights=None, init_weights=False, transform_input=False, aux_logits=aux)
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.1)
    return network


@pytest.fixture(scope="module")
def pair() -> tuple[nn.Module, nn.Module]:
    """Both networks with the same weights."""
    reference = theirs(aux=True)
    ours = InceptionV3()
    ours.load_state_dict(from_torchvision(reference.state_dict()))
    return reference, ours


@pytest.mark.parametrize("size", [299, 139])
def test_same_logits(pair: tuple[nn.Module, nn.Module], size: int) -> None:
    """With the same weights and statistics both networks give the same logits."""
    reference, ours = (network.eval() for network in pair)
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        expected, logits = reference(images), ours(images)
    # Logits that hardly depend on the image would agree whatever the layers between.
    assert (expected[0] - expected[1]).abs().max() > 0.01
    assert torch.allclose(logits, expected, rtol=0, atol=1e-5)


def test_same_training_outputs(pair: tuple[nn.Module, nn.Module]) -> None:
    """In training both pairs of logits agree, with dropout from one seed, and so do statistics."""
    reference, ours = (network.train() for network in pair)
    images = torch.randn(2, 3, 299, 299)
    outputs = []
    with torch.no_grad():
        for network in (reference, ours):
            torch.manual_seed(1)
            outputs.append(network(images))
    expected, got = outputs
    assert torch.allclose(got.logits, expected.logits, rtol=0, atol=1e-5)
    assert torch.allclose(got.aux, expected.aux_logits, rtol=0, atol=1e-5)
    state = ours.state_dict()
    for name, value in from_torchvision(reference.state_dict()).items():
        assert torch.allclose(state[name], value, rtol=0, atol=1e-5), name


def test_without_auxiliary_classifier() -> None:
    """Weights without a side head fit the network without one, and train on smaller images."""
    reference, ours = theirs(aux=False), InceptionV3(aux=False)
    ours.load_state_dict(from_torchvision(reference.state_dict(), aux=False))
    images = torch.randn(2, 3, 139, 139)
    outputs = []
    with torch.no_grad():
        for network in (reference, ours):
            torch.manual_seed(1)
            outputs.append(network.train()(images))
    assert torch.allclose(outputs[1], outputs[0], rtol=0, atol=1e-5)


def test_keys_are_strict() -> None:
    """What is missing and what is left over are both named, and each alone is refused."""
    with torch.device("meta"):
        state = theirs(aux=True).state_dict()
    weight = state.pop("fc.weight")
    with pytest.raises(UsageError, match=r"missing fc\.weight; unexpected none"):
        from_torchvision(state)
    state["fc.wait"] = weight
    with pytest.raises(UsageError, match=r"missing fc\.weight; unexpected fc\.wait"):
        from_torchvision(state)


def test_auxiliary_weights_are_not_dropped() -> None:
    """Weights of a side head are left over where none is asked for; the long list is counted."""
    with torch.device("meta"):
        state = theirs(aux=True).state_dict()
    with pytest.raises(UsageError, match=r"missing none; unexpected AuxLogits.* and 11 more"):
        from_torchvision(state, aux=False)
