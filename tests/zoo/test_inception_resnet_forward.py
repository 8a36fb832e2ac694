"""Tests of what Inception-ResNet computes, what it can be asked for, and that it can be trained."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from costlab.errors import UsageError
from costlab.zoo import find
from costlab.zoo.inception_resnet import InceptionResNet
from costlab.zoo.inception_v3 import InceptionOutputs
from tests.zoo.test_inception_resnet import TABLES, V1, V1_FACENET, V2, V2_FIGURES, on_meta


def test_scales() -> None:
    """Residuals are scaled by 0.17, 0.10 and 0.20, grid by grid; the last of all is not scaled."""
    network = on_meta()
    scales = {"block35_10": 0.17, "block17_20": 0.10, "block8_9": 0.20, "Block8": 1.0}
    assert {name: network.get_submodule(name).scale for name in scales} == scales
    assert network.get_submodule("block8_9").relu is not None
    assert network.get_submodule("Block8").relu is None


@pytest.mark.parametrize("graph", ["v1", "v1_facenet", "v2", "v2_figures"])
def test_sum(graph: str) -> None:
    """A block writes relu(x + scale · projection of its branches); the last may do without."""
    torch.manual_seed(0)
    network = InceptionResNet(graph=graph, width=0.05).eval()  # type: ignore[arg-type]  # a string
    ends = [m for name, m in network.named_children() if name.lower().startswith("block")]
    for block in (ends[0], ends[-1]):
        branches = [module for name, module in block.named_children() if "Branch" in name]
        projection = block.get_submodule("Conv2d_1x1")
        assert isinstance(projection, nn.Conv2d)
        x = torch.randn(2, projection.out_channels, 5, 5)
        scale = block.scale
        assert isinstance(scale, float)
        with torch.no_grad():
            joined = torch.cat([branch(x) for branch in branches], dim=1)
            expected = x + scale * projection(joined)
            last = block is ends[-1] and graph in {"v1_facenet", "v2"}
            assert torch.equal(block(x), expected if last else expected.relu())


def test_blocks_as_wished() -> None:
    """The numbers of blocks can be chosen, one of each at least; the last stays what it is."""
    names = [name for name, _ in on_meta(blocks=[1, 1, 1]).named_children()]
    assert [n for n in names if n.lower().startswith("block")] == [
        "block35_1",
        "block17_1",
        "Block8",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"blocks": (5, 10)},
        {"blocks": (5, 10, 0)},
        {"blocks": (5, 10, True)},
        {"blocks": "abc"},
        {"blocks": 5},
        {"graph": "v3"},
        {"graph": None},
        {"width": -1},
        {"classes": 1.5},
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object]) -> None:
    """An argument that makes no network is refused by its name."""
    with pytest.raises(UsageError, match=next(iter(arguments))):
        find(V2).build(**arguments)


@pytest.mark.parametrize("name", TABLES)
def test_smallest_image(name: str) -> None:
    """75×75 is the smallest image, at any width."""
    network = on_meta(name, width=0.001).eval()
    assert network(torch.zeros(1, 3, 75, 75, device="meta")).shape == (1, 1000)
    with pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(1, 3, 74, 74, device="meta"))


@pytest.mark.parametrize("name", [V1, V1_FACENET, V2, V2_FIGURES])
def test_training(name: str) -> None:
    """A step changes every parameter, those of the side head too where there is one."""
    torch.manual_seed(0)
    network = find(name).build(classes=10, width=0.1)
    before = copy.deepcopy(network)
    size = 299 if name == V2 else 107
    outputs = network(torch.randn(2, 3, size, size))
    logits = outputs if isinstance(outputs, InceptionOutputs) else (outputs,)
    labels = torch.tensor([3, 7])
    torch.autograd.backward([nn.functional.cross_entropy(each, labels) for each in logits])
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    for (parameter, new), old in zip(network.named_parameters(), before.parameters(), strict=True):
        assert not torch.equal(new, old), parameter


@pytest.mark.parametrize("name", [V1, V1_FACENET, V2, V2_FIGURES])
def test_eval_tells_images_apart(name: str) -> None:
    """An untrained network in eval mode neither loses its input nor lets it grow; it is pickled."""
    torch.manual_seed(0)
    network = find(name).build(width=0.25).eval()
    images = torch.randn(2, 3, 107, 107)
    with torch.no_grad():
        logits = network(images)
        again = pickle.loads(pickle.dumps(network))(images)  # noqa: S301 - made in this line
    assert 0.1 < logits.std() < 10
    assert (logits[0] - logits[1]).abs().max() > 0.01
    assert torch.equal(logits, again)
