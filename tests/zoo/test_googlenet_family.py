"""Tests that GoogLeNet and BN-Inception run, train, can be copied, and refuse nonsense."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

from costlab.errors import CostlabError, UsageError
from costlab.zoo import find
from costlab.zoo.bn_inception import BNInception
from costlab.zoo.catalogue.googlenet import BN_INCEPTIONS, GOOGLENETS, NETWORKS
from costlab.zoo.googlenet import GoogLeNet, GoogLeNetOutputs

NAMES = [network.name for network in NETWORKS]
# The smallest images; 31×31 leaves one position to the last modules.
SMALLEST = dict.fromkeys((network.name for network in GOOGLENETS), 31)
SMALLEST |= {network.name: 1 for network in BN_INCEPTIONS}
SMALLEST |= {"googlenet_torchvision": 15, "bn_inception_caffe": 31}


@pytest.mark.parametrize("name", NAMES)
def test_small_width_and_image(name: str) -> None:
    """Any width makes modules that fit together, and the smallest images pass through them."""
    size = SMALLEST[name]
    with torch.device("meta"):
        network = find(name).build(width=0.01, classes=7).eval()
        assert network(torch.zeros(2, 3, size, size)).shape == (2, 7)
        if size > 1:
            with pytest.raises(RuntimeError, match=r"[Ss]ize"):
                network(torch.zeros(2, 3, size - 1, size - 1))


def test_side_heads_run_in_training_alone() -> None:
    """In training both side heads write logits, the lower first; in eval mode none does."""
    with torch.device("meta"):
        network = GoogLeNet(7, width=0.01)
        outputs = network(torch.zeros(2, 3, 224, 224))
        assert isinstance(outputs, GoogLeNetOutputs)
        assert [logits.shape for logits in outputs] == 3 * [(2, 7)]
        assert isinstance(network.eval()(torch.zeros(2, 3, 224, 224)), Tensor)
        assert isinstance(GoogLeNet(aux=False)(torch.zeros(2, 3, 64, 64)), Tensor)


def test_images_that_side_heads_can_read() -> None:
    """Caffe's side heads take images of 223 to 270; others are refused with the size to give."""
    with torch.device("meta"):
        network = GoogLeNet(width=0.1)
        for size in (223, 270):
            assert network(torch.zeros(2, 3, size, size)).aux_4a.shape == (2, 1000)
        for size in (222, 271):
            with pytest.raises(UsageError, match="give images of 224×224"):
                network(torch.zeros(2, 3, size, size))


def test_images_that_the_graph_of_caffe_can_read() -> None:
    """In a reduction, Caffe's pooling and padded convolution leave one grid only of an even one."""
    with torch.device("meta"):
        network = find("bn_inception_caffe").build(width=0.1).eval()
        assert network(torch.zeros(1, 3, 256, 256)).shape == (1, 1000)
        with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
            network(torch.zeros(1, 3, 299, 299))


@pytest.mark.parametrize("name", NAMES)
def test_training(name: str) -> None:
    """A step of gradient descent on all losses changes every parameter, and the loss falls."""
    torch.manual_seed(0)
    network = find(name).build(classes=10, width=0.1)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    size = 224 if isinstance(network, GoogLeNet) else 96  # side heads want 224
    images, labels = torch.randn(2, 3, size, size), torch.tensor([3, 7])
    descent = torch.optim.SGD(network.parameters(), lr=0.001)
    before = copy.deepcopy(network.state_dict())
    losses = []
    for _ in range(2):
        outputs = network(images)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        main, *aux = (nn.functional.cross_entropy(logits, labels) for logits in outputs)
        descent.zero_grad()
        torch.autograd.backward(main + 0.3 * sum(aux))
        descent.step()
        losses.append(main.item())
    assert losses[0] > losses[1]
    for parameter, value in network.named_parameters():
        # In the graph of Caffe batch normalization takes each bias away again, with the mean.
        if name != "bn_inception_caffe" or not parameter.endswith("conv.bias"):
            assert not torch.equal(value, before[parameter]), parameter


@pytest.mark.parametrize("network", [GoogLeNet, BNInception])
def test_eval_tells_images_apart(network: type[GoogLeNet | BNInception]) -> None:
    """An untrained network in eval mode neither loses its input nor lets it grow."""
    torch.manual_seed(0)
    with torch.no_grad():
        logits = network().eval()(torch.randn(2, 3, 96, 96))
    assert 0.1 < logits.std() < 10
    assert (logits[0] - logits[1]).abs().max() > 0.01


@pytest.mark.parametrize("network", [GoogLeNet(5, width=0.1), BNInception(5, width=0.1)])
def test_copies(network: nn.Module) -> None:
    """A network can be copied and pickled, and its copies compute the same."""
    images = torch.randn(1, 3, 40, 40)
    with torch.no_grad():
        expected = network.eval()(images)
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):  # noqa: S301 - its own pickle
            assert torch.equal(other(images), expected)


@pytest.mark.parametrize(
    ("network", "example"),
    [
        (GoogLeNet, "inception_4a.branch5x5.conv2_5x5.conv"),
        (BNInception, "inception_4e.branch3x3dbl.conv3_3x3.bn"),
    ],
)
def test_every_part_has_a_name(network: type[GoogLeNet | BNInception], example: str) -> None:
    """No module is named by a position alone."""
    with torch.device("meta"):
        names = [name for name, _ in network().named_modules()]
    assert not [name for name in names if any(part.isdecimal() for part in name.split("."))]
    assert example in names


@pytest.mark.parametrize("name", ["googlenet", "bn_inception"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"graph": "keras"}, "graph='keras': it is one of .*'caffe'"),
        ({"graph": None}, "graph=None"),
        ({"stem": "plain"}, "'plain' is no layer"),
        ({"stem": 7}, "'7' is no layer"),
        ({"classes": 0}, "classes=0"),
        ({"width": -1}, "width=-1"),
    ],
)
def test_nonsense_is_refused(name: str, arguments: dict[str, object], message: str) -> None:
    """What no such network has is refused before anything is built."""
    with pytest.raises(CostlabError, match=message):
        find(name).build(**arguments)
