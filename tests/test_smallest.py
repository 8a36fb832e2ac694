"""The smallest square image of a network is found by tracing, and named when a forward stops."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from costlab.errors import UsageError
from costlab.inputspec import parse
from costlab.smallest import advice, smallest_side
from costlab.sources import find


def takes(name: str, side: int, mode: str = "eval") -> bool:
    """Whether torch itself, on meta, comes to the end of a forward on square images."""
    model = find(name).build().to("meta").train(mode == "train")
    try:
        model(torch.empty(2, 3, side, side, device="meta"))
    except (RuntimeError, UsageError):
        return False
    return True


def told(name: str, *given: str, mode: str = "eval") -> str:
    """What is said of a network of the zoo after it stopped on these inputs."""
    source = find(name)
    assert source.inputs is not None
    return advice(source.build(), given, source.inputs[0], mode=mode, name=name)


# The side head of Inception-v3, which runs in training only, has a 5×5 pooling of stride 3 and then
# a 5×5 convolution: they need a grid of 17×17, and inference does not.
@pytest.mark.parametrize(
    ("name", "mode", "side"),
    [
        ("inception_v3", "eval", 75),
        ("inception_v3_79", "train", 77),
        ("inception_v3_79", "eval", 21),
        ("vgg16", "eval", 32),
        ("alexnet", "eval", 227),
        ("resnet18", "eval", 1),
    ],
)
def test_the_smallest_side(name: str, mode: str, side: int) -> None:
    """A network takes the side that is found and not the one below it."""
    source = find(name)
    assert source.inputs is not None
    own = parse(source.inputs[0])
    known = own.spec.shape[-1]
    assert smallest_side(source.build(), own, mode=mode, known=known) == side
    assert takes(name, side, mode)
    assert side == 1 or not takes(name, side - 1, mode)


def test_what_a_network_takes_may_have_gaps() -> None:
    """In Caffe's graph of BN-Inception two branches disagree on some grids, at any size."""
    taken = [side for side in range(20, 72) if takes("bn_inception_caffe", side)]
    assert taken == [*range(31, 39), *range(63, 71)]
    assert told("bn_inception_caffe", "f32[1,3,20,20]").endswith("is 31×31")


def test_too_small_an_image() -> None:
    """The sentence names the side, the network as it was asked for, and the mode."""
    assert told("inception_v3", "f32[8,3,60,60]") == (
        "the smallest square image that inception_v3 takes in eval mode is 75×75"
    )
    # One side is enough to be too small.
    assert told("inception_v3(width=2)", "f32[1,3,400,60]").startswith(
        "the smallest square image that inception_v3(width=2) takes"
    )


def test_an_image_that_is_not_too_small() -> None:
    """Where a larger image is refused, its size is not said to be the reason."""
    assert told("alexnet", "f32[1,3,300,300]") == (
        "the smallest square image that alexnet takes in eval mode is 227×227; "
        "it is made for f32[1,3,227,227]"
    )
    assert told("bn_inception_caffe", "f32[1,3,50,50]").endswith(
        "is 31×31; it is made for f32[1,3,224,224]"
    )


@pytest.mark.parametrize(
    "given",
    [("f32[1,4,299,299]",), ("i64[1,3,60,60]",), ("f32[3,60,60]",), ("f32[1,3,60,60]", "f32[1]")],
    ids=" ".join,
)
def test_no_size_would_do(given: tuple[str, ...]) -> None:
    """Other channels, element types, axes or more inputs: the network's own input is named."""
    assert told("inception_v3", *given) == "inception_v3 is made for f32[1,3,299,299]"


def test_nothing_to_say() -> None:
    """A network that stops on its own input, or on an argument it has not, is not explained."""
    source = find("inception_v3")
    model = source.build()
    model.fc = nn.Linear(1, 1)
    own = "f32[1,3,299,299]"
    assert advice(model, [own], own, mode="eval", name="inception_v3") == ""
    assert told("inception_v3", "y=f32[1,3,299,299]") == ""
