"""Tests that torchvision's weights fit, and that with them both networks compute the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab.errors import UsageError
from costlab.zoo import find
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORK = find("googlenet_torchvision")
from_torchvision = partial(NETWORK.converted, library="torchvision")


def theirs(*, aux: bool) -> nn.Module:
    """The network of torchvision, weighted so that no layer is without effect."""
    build: Callable[..., nn.Module] = torchvision().models.googlenet
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
    ours = NETWORK.build()
    ours.load_state_dict(from_torchvision(reference.state_dict()))
    return reference, ours


@pytest.mark.parametrize("size", [224, 99])
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
    """In training all logits agree, with dropout from one seed; torchvision's aux1 is on (4a)."""
    reference, ours = (network.train() for network in pair)
    # Of 14×14 positions, 4×4 averages take patches that overlap.
    images = torch.randn(2, 3, 224, 224)
    outputs = []
    with torch.no_grad():
        for network in (reference, ours):
            torch.manual_seed(1)
            outputs.append(network(images))
    expected, got = outputs
    assert torch.allclose(got.logits, expected.logits, rtol=0, atol=1e-5)
    assert torch.allclose(got.aux_4a, expected.aux_logits1, rtol=0, atol=1e-5)
    assert torch.allclose(got.aux_4d, expected.aux_logits2, rtol=0, atol=1e-5)
    assert (got.aux_4a - got.aux_4d).abs().max() > 0.01
    state = ours.state_dict()
    for name, value in from_torchvision(reference.state_dict()).items():
        assert torch.allclose(state[name], value, rtol=0, atol=1e-5), name


def test_without_side_heads() -> None:
    """Weights without side heads fit the network without them, in training too."""
    reference, ours = theirs(aux=False), NETWORK.build(aux=False)
    ours.load_state_dict(from_torchvision(reference.state_dict(), aux=False))
    images = torch.randn(2, 3, 96, 96)
    outputs = []
    with torch.no_grad():
        for network in (reference, ours):
            torch.manual_seed(1)
            outputs.append(network.train()(images))
    assert torch.allclose(outputs[1], outputs[0], rtol=0, atol=1e-5)


def test_keys_are_strict() -> None:
    """What is missing and what is left over are both named."""
    with torch.device("meta"):
        state = theirs(aux=True).state_dict()
    state["fc.wait"] = state.pop("fc.weight")
    with pytest.raises(UsageError, match=r"missing fc\.weight; unexpected fc\.wait"):
        from_torchvision(state)


def test_weights_of_side_heads_are_not_dropped() -> None:
    """Weights of side heads are left over where none are asked for, and missed where they are."""
    with torch.device("meta"):
        with_heads, without = (theirs(aux=aux).state_dict() for aux in (True, False))
    with pytest.raises(UsageError, match=r"missing none; unexpected aux1.* and 17 more"):
        from_torchvision(with_heads, aux=False)
    with pytest.raises(UsageError, match=r"missing aux1.* and 17 more; unexpected none"):
        from_torchvision(without)


def test_figures_of_torchvision() -> None:
    """The figures ascribed to torchvision are those that its weights carry."""
    carried = torchvision().models.GoogLeNet_Weights.IMAGENET1K_V1.meta
    ascribed = {figure.metric: figure.value for figure in NETWORK.published}
    assert ascribed == {"params": carried["num_params"], "macs": round(carried["_ops"] * 1e9)}
