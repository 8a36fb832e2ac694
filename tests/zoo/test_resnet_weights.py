"""Tests that torchvision's and timm's weights fit, and that with them all compute the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from costlab.errors import UsageError
from costlab.zoo import find
from costlab.zoo.resnet import ZeroPadded
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


def unweighted(name: str, library: str = "torchvision") -> nn.Module:
    """The network of a library on the meta device."""
    # timm imports torchvision, so that the shim goes first.
    models = torchvision().models
    if library == "timm":
        models = pytest.importorskip("timm").models
    with torch.device("meta"):
        network: nn.Module = getattr(models, name)()
    return network


def weighted(name: str, library: str = "torchvision") -> nn.Module:
    """The network of a library, weighted so that no layer is without effect."""
    network = unweighted(name, library).to_empty(device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if isinstance(module, nn.Linear):
                module.reset_parameters()
            if isinstance(module, nn.BatchNorm2d):
                _weight_normalization(module)
        for unit in network.modules():
            # A sum over 50 units would else grow beyond what can be compared.
            for last in ("bn3", "bn2"):
                if hasattr(unit, "conv1") and hasattr(unit, last):
                    unit.get_parameter(f"{last}.weight").mul_(0.1)
                    break
    return network


def _weight_normalization(module: nn.BatchNorm2d) -> None:
    assert module.running_mean is not None
    assert module.running_var is not None
    assert module.num_batches_tracked is not None
    module.running_mean.normal_(std=0.1)
    module.running_var.uniform_(0.5, 1.5)
    module.num_batches_tracked.zero_()
    module.weight.uniform_(0.5, 1.5)
    module.bias.normal_(std=0.1)


def like(name: str, reference: nn.Module, library: str = "torchvision") -> nn.Module:
    """Our network with a copy of the weights of another."""
    return loaded(name, find(name).converted(reference.state_dict(), library))


def loaded(name: str, weights: Mapping[str, Tensor]) -> nn.Module:
    """Our network with copies of these weights; it is built without its own, to save time."""
    with torch.device("meta"):
        network = find(name).build()
    copied = {name: value.clone() for name, value in weights.items()}
    network.load_state_dict(copied, assign=True)
    return network


def logits_of(reference: nn.Module, ours: nn.Module, size: int = 64) -> tuple[Tensor, Tensor]:
    """What both make of the same two images in eval mode; it must depend on the image."""
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        expected, got = reference.eval()(images), ours.eval()(images)
    assert (expected[0] - expected[1]).abs().max() > 0.01
    assert expected.abs().max() < 100
    return expected, got


@pytest.mark.parametrize("name", NAMES)
def test_same_logits(name: str) -> None:
    """With the same weights and statistics torchvision's networks give the same logits."""
    reference = weighted(name)
    expected, got = logits_of(reference, like(name, reference))
    assert torch.allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_same_logits_as_timm(name: str) -> None:
    """So do timm's."""
    reference = weighted(name, "timm")
    expected, got = logits_of(reference, like(name, reference, "timm"))
    assert torch.allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_libraries_agree(name: str) -> None:
    """Weights of every depth have the same names and shapes in both libraries."""
    theirs = [unweighted(name, library).state_dict() for library in ("torchvision", "timm")]
    shapes = [{key: value.shape for key, value in state.items()} for state in theirs]
    assert shapes[0] == shapes[1]


def test_same_training_outputs() -> None:
    """In training logits and running statistics agree."""
    reference = weighted("resnet18")
    ours = like("resnet18", reference)
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        expected, got = reference.train()(images), ours.train()(images)
    assert torch.allclose(got, expected, rtol=0, atol=1e-5)
    state = ours.state_dict()
    for key, value in find("resnet18").converted(reference.state_dict(), "torchvision").items():
        assert torch.allclose(state[key], value, rtol=0, atol=1e-5), key


def test_stride_in_1x1() -> None:
    """With the strides of torchvision's network moved to the first 1×1, it is our first version."""
    reference = weighted("resnet50")
    weights = find("resnet50").converted(reference.state_dict(), "torchvision")
    ours = loaded("resnet50_v1", weights)
    expected, got = logits_of(reference, ours)
    assert not torch.allclose(got, expected, rtol=0, atol=1e-3)
    for layer in ("layer2", "layer3", "layer4"):
        _convolution(reference, f"{layer}.0.conv1").stride = (2, 2)
        _convolution(reference, f"{layer}.0.conv2").stride = (1, 1)
    expected, got = logits_of(reference, ours)
    assert torch.allclose(got, expected, rtol=0, atol=1e-5)


def _convolution(network: nn.Module, path: str) -> nn.Conv2d:
    convolution = network.get_submodule(path)
    assert isinstance(convolution, nn.Conv2d)
    return convolution


def test_shortcuts_without_parameters() -> None:
    """With its projections replaced, torchvision's network is ours with option A."""
    reference: Any = weighted("resnet18")
    for channels, layer in ((64, "layer2"), (128, "layer3"), (256, "layer4")):
        getattr(reference, layer)[0].downsample = ZeroPadded(channels, stride=2)
    renamed = find("resnet18").converted(weighted("resnet18").state_dict(), "torchvision")
    unprojected = {name: value for name, value in renamed.items() if ".shortcut." not in name}
    ours = loaded("resnet18_a", unprojected)
    expected, got = logits_of(reference, ours)
    assert torch.allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_keys_are_strict(library: str) -> None:
    """What is missing and what is left over are both named, and each alone is refused."""
    state = unweighted("resnet34", library).state_dict()
    weight = state.pop("layer2.0.downsample.0.weight")
    with pytest.raises(UsageError, match=r"missing layer2\.0\.downsample\.0\.weight; unex.* none"):
        find("resnet34").converted(state, library)
    state["layer2.0.downsample.0.weight"] = weight
    state["layer9"] = weight
    with pytest.raises(UsageError, match=r"missing none; unexpected layer9"):
        find("resnet34").converted(state, library)


def test_variants_take_no_weights() -> None:
    """Weights of torchvision's graph would fit a network with other strides, and mislead it."""
    with pytest.raises(UsageError, match="come from no library"):
        find("resnet50_v1").converted({}, "torchvision")


@pytest.mark.parametrize("name", NAMES)
def test_figures_of_torchvision(name: str) -> None:
    """The figures ascribed to torchvision are those that its weights carry."""
    weights = getattr(torchvision().models, f"ResNet{name.removeprefix('resnet')}_Weights")
    carried = weights.IMAGENET1K_V1.meta
    ascribed = {
        figure.metric: figure.value
        for figure in find(name).published
        if figure.source.startswith("torchvision")
    }
    assert ascribed == {"params": carried["num_params"], "macs": round(carried["_ops"] * 1e9)}
