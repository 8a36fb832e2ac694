"""Tests that torchvision's weights of AlexNet and VGG fit, and that both then compute the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from costlab.errors import UsageError
from costlab.zoo import find
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Callable

THEIRS = {
    "alexnet_one_tower": "alexnet",
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "vgg16_bn": "vgg16_bn",
    "vgg19_bn": "vgg19_bn",
}


class Pair(NamedTuple):
    """torchvision's network and ours, with the same weights."""

    reference: nn.Module
    ours: nn.Module


def theirs(name: str) -> nn.Module:
    """The network of torchvision on the meta device."""
    build: Callable[[], nn.Module] = getattr(torchvision().models, THEIRS[name])
    with torch.device("meta"):
        return build()


def weighted(name: str) -> nn.Module:
    """The network of torchvision, weighted so that no layer is without effect."""
    network = theirs(name).to_empty(device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                module.bias.normal_(std=0.1)
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.4, 1.4)  # so that 16 of them keep the scale
                module.bias.normal_(std=0.1)
    return network


@pytest.fixture(scope="module", params=THEIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    """Both networks, one pair at a time: together they are gigabytes."""
    network = find(request.param)
    reference = weighted(request.param)
    with torch.device("meta"):
        ours = network.build()
    state = network.converted(reference.state_dict(), "torchvision")
    # The large weights are shared; statistics are not, as training changes them.
    copied = {name: w if w.dim() > 1 else w.clone() for name, w in state.items()}
    ours.load_state_dict(copied, assign=True)
    return Pair(reference, ours)


def outputs(pair: Pair, images: Tensor) -> list[Tensor]:
    """The logits of both networks, with dropout from one seed."""
    logits = []
    with torch.no_grad():
        for network in pair:
            torch.manual_seed(1)
            logits.append(network(images))
    return logits


def test_same_logits(pair: Pair) -> None:
    """With the same weights and statistics both networks give the same logits."""
    for network in pair:
        network.eval()
    expected, logits = outputs(pair, torch.randn(2, 3, 96, 70))
    # Logits that hardly depend on the image would agree whatever the layers between.
    assert (expected[0] - expected[1]).abs().max() > 0.01
    assert expected.abs().max() < 20
    assert torch.allclose(logits, expected, rtol=0, atol=1e-5)


def test_same_training_outputs(pair: Pair) -> None:
    """In training logits agree, so that dropout stands where it should, and so do statistics."""
    for network in pair:
        network.train()
    expected, logits = outputs(pair, torch.randn(2, 3, 64, 64))
    assert torch.allclose(logits, expected, rtol=0, atol=1e-5)
    buffers = [buffer for _, buffer in pair.reference.named_buffers()]
    for (name, buffer), other in zip(pair.ours.named_buffers(), buffers, strict=True):
        assert torch.allclose(buffer, other, rtol=0, atol=1e-5), name


def test_same_logits_at_the_size_of_the_paper() -> None:
    """At 224×224, where no grid is stretched, both AlexNets agree too."""
    reference = weighted("alexnet_one_tower").eval()
    ours = find("alexnet_one_tower").build().eval()
    ours.load_state_dict(
        find("alexnet_one_tower").converted(reference.state_dict(), "torchvision"), assign=True
    )
    expected, logits = outputs(Pair(reference, ours), torch.randn(2, 3, 224, 224))
    assert torch.allclose(logits, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", THEIRS)
def test_keys_are_strict(name: str) -> None:
    """What is missing and what is left over are both named."""
    state = theirs(name).state_dict()
    state["classifier.6.wait"] = state.pop("classifier.6.weight")
    match = r"missing classifier\.6\.weight; unexpected classifier\.6\.wait"
    with pytest.raises(UsageError, match=match):
        find(name).converted(state, "torchvision")


@pytest.mark.parametrize(
    ("name", "other"), [("vgg16", "vgg19"), ("vgg19", "vgg19_bn"), ("vgg16_bn", "vgg16")]
)
def test_another_depth_does_not_fit(name: str, other: str) -> None:
    """Weights of another VGG are refused, though both number their layers alike."""
    with pytest.raises(UsageError, match=rf"not a state dict of torchvision's {name}"):
        find(name).converted(theirs(other).state_dict(), "torchvision")


@pytest.mark.parametrize("name", THEIRS)
def test_figures_of_torchvision(name: str) -> None:
    """The figures ascribed to torchvision are those that its weights carry."""
    weights = next(w for w in dir(torchvision().models) if w.lower() == f"{THEIRS[name]}_weights")
    carried = getattr(torchvision().models, weights).IMAGENET1K_V1.meta
    ascribed = {
        figure.metric: figure.value
        for figure in find(name).published
        if figure.source.startswith("torchvision")
    }
    assert ascribed == {"params": carried["num_params"], "macs": round(carried["_ops"] * 1e9)}
