"""Tests that timm's weights fit, and that with them both networks compute the same."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from costlab.errors import UsageError
from costlab.zoo import find
from tests.zoo.timm_networks import agree, unweighted, weighted

from_timm = partial(find("inception_resnet_v2").converted, library="timm")

Pair = tuple[nn.Module, nn.Module]


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Both networks, timm's and ours, with weights of equal values."""
    reference = weighted("inception_resnet_v2")
    with torch.device("meta"):
        ours = find("inception_resnet_v2").build(aux=False)
    weights = from_timm(reference.state_dict(), aux=False)
    ours.load_state_dict({name: w.clone() for name, w in weights.items()}, assign=True)
    return reference, ours


def test_same_logits(pair: Pair) -> None:
    """With the same weights and statistics both networks give the same logits."""
    reference, ours = (network.eval() for network in pair)
    images = torch.randn(2, 3, 139, 139)
    with torch.no_grad():
        expected, logits = reference(images), ours(images)
    # Logits that hardly depend on the image would agree whatever the layers between.
    assert (expected[0] - expected[1]).abs().max() > 0.01
    assert agree(logits, expected)


def test_same_training_outputs(pair: Pair) -> None:
    """In training the logits agree, and so do the statistics that are gathered; timm drops none."""
    reference, ours = (network.train() for network in pair)
    ours.get_submodule("dropout").eval()
    images = torch.randn(2, 3, 107, 107)
    with torch.no_grad():
        expected, logits = reference(images), ours(images)
    assert agree(logits, expected)
    state = ours.state_dict()
    for name, value in from_timm(reference.state_dict(), aux=False).items():
        assert agree(state[name], value), name


@pytest.mark.parametrize(
    "change",
    ["block35_10.scale", "block17_20.scale", "block8_9.scale", "Block8.scale", "Block8.relu"],
)
def test_residuals_matter(pair: Pair, change: str) -> None:
    """Another scale of one block, or a ReLU behind the last, and the logits would differ."""
    ours = pair[1].eval()
    name, _, attribute = change.partition(".")
    block = ours.get_submodule(name)
    declared = getattr(block, attribute)
    images = torch.randn(1, 3, 75, 75)
    with torch.no_grad():
        expected = ours(images)
        setattr(block, attribute, nn.ReLU() if attribute == "relu" else 1.1 * declared)
        try:
            assert not agree(ours(images), expected)
        finally:
            setattr(block, attribute, declared)


def test_keys_are_strict() -> None:
    """The weights of timm, which has no side head, fit the network without one, and only that."""
    state = unweighted("inception_resnet_v2").state_dict()
    with pytest.raises(UsageError, match=r"missing AuxLogits.* and 11 more; unexpected none"):
        from_timm(state)
    weight = state.pop("block8.conv2d.bias")
    with pytest.raises(UsageError, match=r"missing block8\.conv2d\.bias; unexpected none"):
        from_timm(state, aux=False)
    state["block8.conv2d.bios"] = weight
    with pytest.raises(UsageError, match=r"missing block8\.conv2d\.bias; unexpected block8"):
        from_timm(state, aux=False)


def test_other_graphs_take_no_weights() -> None:
    """Weights of the released graph are refused by one with fewer blocks, or another stem."""
    state = unweighted("inception_resnet_v2").state_dict()
    with pytest.raises(UsageError, match=r"with aux=False, blocks=.*missing none; unexpected"):
        from_timm(state, aux=False, blocks=(5, 10, 5))
    with pytest.raises(UsageError, match="missing Mixed_3a"):
        from_timm(state, aux=False, graph="v2_figures")
