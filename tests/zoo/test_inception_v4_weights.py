"""Tests that timm's weights fit, and that with them both networks compute the same."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn

from costlab.errors import UsageError
from costlab.zoo import find
from tests.zoo.timm_networks import agree, unweighted, weighted

from_timm = partial(find("inception_v4").converted, library="timm")

Pair = tuple[nn.Module, nn.Module]


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Both networks, timm's and ours, with weights of equal values."""
    reference = weighted("inception_v4")
    with torch.device("meta"):
        ours = find("inception_v4").build(aux=False)
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


def test_averages_leave_the_padding_out(pair: Pair) -> None:
    """At the border an average is over the image alone; over the patch the logits would differ."""
    reference, ours = pair[0].eval(), copy.deepcopy(pair[1]).eval()
    pools = [module for module in ours.modules() if isinstance(module, nn.AvgPool2d)]
    assert len(pools) == 4 + 7 + 3
    for pool in pools:
        pool.count_include_pad = True
    images = torch.randn(2, 3, 107, 107)
    with torch.no_grad():
        assert not agree(ours(images), reference(images))


def test_keys_are_strict() -> None:
    """The weights of timm, which has no side head, fit the network without one, and only that."""
    state = unweighted("inception_v4").state_dict()
    with pytest.raises(UsageError, match=r"missing AuxLogits.* and 11 more; unexpected none"):
        from_timm(state)
    weight = state.pop("last_linear.weight")
    with pytest.raises(UsageError, match=r"missing last_linear\.weight; unexpected none"):
        from_timm(state, aux=False)
    state["last_linear.wait"] = weight
    with pytest.raises(UsageError, match=r"missing last_linear\.weight; unexpected last_linear"):
        from_timm(state, aux=False)
