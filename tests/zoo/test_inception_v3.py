"""Tests of Inception-v3 against the shapes of its paper and the counts of its released graph."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from costlab.zoo.inception_v3 import InceptionOutputs, InceptionV3


class Row(NamedTuple):
    """What one block writes at 299×299, its parameters, and its multiply-adds."""

    channels: int
    grid: int
    params: int
    macs: int


# Shapes as Table 1 of the paper prints them, where it has the block. Counts of the released graph,
# from its filter banks by `out · in · kh · kw + 2 · out` and `out · in · kh · kw · h · w`.
TABLE = {
    "Conv2d_1a_3x3": Row(32, 149, 928, 19_181_664),
    "Conv2d_2a_3x3": Row(32, 147, 9_280, 199_148_544),
    "Conv2d_2b_3x3": Row(64, 147, 18_560, 398_297_088),
    "MaxPool_3a": Row(64, 73, 0, 0),
    "Conv2d_3b_1x1": Row(80, 73, 5_280, 27_284_480),
    "Conv2d_4a_3x3": Row(192, 71, 138_624, 696_867_840),
    "MaxPool_5a": Row(192, 35, 0, 0),
    "Mixed_5b": Row(256, 35, 255_904, 312_345_600),
    "Mixed_5c": Row(288, 35, 277_472, 338_688_000),
    "Mixed_5d": Row(288, 35, 285_152, 348_096_000),
    "Mixed_6a": Row(768, 17, 1_153_280, 401_937_408),
    "Mixed_6b": Row(768, 17, 1_297_408, 374_063_104),
    "Mixed_6c": Row(768, 17, 1_691_008, 487_702_528),
    "Mixed_6d": Row(768, 17, 1_691_008, 487_702_528),
    "Mixed_6e": Row(768, 17, 2_141_952, 617_914_368),
    "AuxLogits": Row(1000, 1, 3_326_696, 5_683_200),
    "Mixed_7a": Row(1280, 8, 1_698_304, 291_004_416),
    "Mixed_7b": Row(2048, 8, 5_044_608, 322_437_120),
    "Mixed_7c": Row(2048, 8, 6_076_800, 388_497_408),
    "pool": Row(2048, 1, 0, 0),
    "dropout": Row(2048, 1, 0, 0),
    "fc": Row(1000, 1, 2_049_000, 2_048_000),
}
TRUNK = {name: row for name, row in TABLE.items() if name != "AuxLogits"}


class Ran(NamedTuple):
    """A module that ran, by name, the shape that it wrote, and the multiply-adds of that."""

    name: str
    shape: tuple[int, ...]
    macs: int


def run(network: nn.Module, *shape: int) -> list[Ran]:
    """Every module of one forward on the meta device, in the order in which they end."""
    ran: list[Ran] = []

    def record(name: str, module: nn.Module, output: Tensor) -> None:
        weights = [p for p in module.parameters(recurse=False) if p.dim() > 1]
        # A weight of a convolution or a linear layer meets each position of the output once.
        macs = sum(w.numel() for w in weights) * output.shape[0] * prod(output.shape[2:])
        ran.append(Ran(name, tuple(output.shape), macs))

    handles = [
        module.register_forward_hook(lambda m, _, y, name=name: record(name, m, y))
        for name, module in network.named_modules()
        if name
    ]
    network(torch.zeros(shape, device="meta"))
    for handle in handles:
        handle.remove()
    return ran


def macs(ran: list[Ran], block: str = "") -> int:
    """Multiply-adds of the modules of one block, or of all."""
    return sum(r.macs for r in ran if not block or r.name.split(".")[0] == block)


def on_meta(*, aux: bool = True, width: float = 1.0) -> InceptionV3:
    """The network without memory for its weights, in eval mode."""
    with torch.device("meta"):
        return InceptionV3(aux=aux, width=width).eval()


@pytest.fixture(scope="module")
def network() -> InceptionV3:
    """The network on the meta device, in eval mode."""
    return on_meta()


@pytest.fixture(scope="module")
def ran(network: InceptionV3) -> list[Ran]:
    """What ran on one image of 299×299."""
    return run(network, 1, 3, 299, 299)


def test_blocks_stand_in_forward_order(network: InceptionV3, ran: list[Ran]) -> None:
    """Blocks are registered as in the table and run in that order, but for the side head."""
    assert [name for name, _ in network.named_children()] == list(TABLE)
    assert [r.name for r in ran if r.name in TABLE] == list(TRUNK)


@pytest.mark.parametrize("name", TRUNK)
def test_grid(ran: list[Ran], name: str) -> None:
    """Every block writes the channels and the grid that the paper's Table 1 prints."""
    shapes = {r.name: r.shape for r in ran}
    row = TABLE[name]
    expected = (1, row.channels) if name == "fc" else (1, row.channels, row.grid, row.grid)
    assert shapes[name] == expected


@pytest.mark.parametrize("name", TABLE)
def test_params(network: InceptionV3, name: str) -> None:
    """Every block has the parameters of the released graph."""
    block = network.get_submodule(name)
    assert sum(p.numel() for p in block.parameters()) == TABLE[name].params


@pytest.mark.parametrize("name", TRUNK)
def test_macs(ran: list[Ran], name: str) -> None:
    """Every block costs the multiply-adds of the released graph."""
    assert macs(ran, name) == TABLE[name].macs


def test_factorized_module(network: InceptionV3, ran: list[Ran]) -> None:
    """Mixed_6b is the sum of its ten convolutions, in factors, with two numbers a filter."""
    weights = (
        768 * 192
        + (768 * 128 + 128 * 128 * 7 + 128 * 192 * 7)
        + (768 * 128 + 3 * 128 * 128 * 7 + 128 * 192 * 7)
        + 768 * 192
    )
    filters = 192 + (128 + 128 + 192) + (4 * 128 + 192) + 192
    block = network.get_submodule("Mixed_6b")
    assert sum(p.numel() for p in block.parameters()) == weights + 2 * filters
    assert macs(ran, "Mixed_6b") == weights * 17 * 17


def test_totals(network: InceptionV3, ran: list[Ran]) -> None:
    """The totals are those of the released graph; without the side head below 25 million params."""
    assert sum(p.numel() for p in network.parameters()) == 27_161_264
    inference = sum(p.numel() for p in on_meta(aux=False).parameters())
    assert inference == 23_834_568
    assert inference < 25_000_000
    assert macs(ran) == 5_713_216_096
    assert sum(row.macs for row in TRUNK.values()) == macs(ran)


def test_auxiliary_classifier(network: InceptionV3) -> None:
    """The side head reads the last 17×17 layer through a 5×5 pooling of stride 3."""
    ran = run(network.get_submodule("AuxLogits"), 1, 768, 17, 17)
    assert [r.shape for r in ran if r.name.startswith("pool")] == [(1, 768, 5, 5), (1, 768, 1, 1)]
    assert macs(ran) == 768 * 128 * 5 * 5 + 128 * 768 * 5 * 5 + 768 * 1000
    assert macs(ran) == TABLE["AuxLogits"].macs


def test_twice_the_width(ran: list[Ran]) -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes (§1)."""
    doubled = macs(run(on_meta(width=2), 1, 3, 299, 299))
    once = TABLE["Conv2d_1a_3x3"].macs + TABLE["fc"].macs
    assert doubled == 4 * (macs(ran) - once) + 2 * once
    assert round(doubled / macs(ran), 4) == 3.9926


def test_broken_width() -> None:
    """A width that does not divide the filter banks still makes modules that fit together."""
    assert run(on_meta(width=0.3), 1, 3, 299, 299)[-1].shape == (1, 1000)


def test_every_part_has_a_name(network: InceptionV3) -> None:
    """No module is named by a position alone."""
    parts = {part for name, _ in network.named_modules() for part in name.split(".")}
    assert not {part for part in parts if part.isdecimal()}
    assert "Mixed_6b.branch7x7dbl.conv2_7x1.conv" in dict(network.named_modules())


def test_smallest_image(network: InceptionV3) -> None:
    """75×75 is the smallest image: it leaves one position to the last modules."""
    shapes = {r.name: r.shape for r in run(network, 1, 3, 75, 75)}
    assert shapes["Mixed_7c"] == (1, 2048, 1, 1)
    with pytest.raises(RuntimeError, match="size"):
        run(network, 1, 3, 74, 74)


def test_smallest_image_of_the_auxiliary_classifier() -> None:
    """The side head needs the 17×17 grid, so it trains on images from 299×299 on."""
    network = on_meta().train()
    assert network(torch.zeros(2, 3, 299, 299, device="meta")).aux.shape == (2, 1000)
    with pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(2, 3, 298, 298, device="meta"))


@pytest.mark.parametrize(("aux", "training"), [(True, False), (False, True), (False, False)])
def test_logits_alone(aux: bool, training: bool) -> None:
    """In eval mode, or without a side head, what comes back is the logits and no tuple."""
    network = on_meta(aux=aux).train(training)
    assert network(torch.zeros(2, 3, 299, 299, device="meta")).shape == (2, 1000)


def test_training() -> None:
    """Gradient descent on both losses reaches every parameter, and the network's loss falls."""
    torch.manual_seed(0)
    network = InceptionV3(classes=10, width=0.25)
    network.dropout.p = 0.0
    images, labels = torch.randn(2, 3, 299, 299), torch.tensor([3, 7])
    descent = torch.optim.SGD(network.parameters(), lr=0.03)
    losses = []
    for _ in range(3):
        outputs = network(images)
        assert isinstance(outputs, InceptionOutputs)
        main, aux = (nn.functional.cross_entropy(logits, labels) for logits in outputs)
        descent.zero_grad()
        torch.autograd.backward(main + 0.4 * aux)
        descent.step()
        losses.append(main.item())
    assert losses[0] > losses[1] > losses[2]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_eval_tells_images_apart() -> None:
    """An untrained network in eval mode neither loses its input nor lets it grow."""
    torch.manual_seed(0)
    with torch.no_grad():
        logits = InceptionV3().eval()(torch.randn(2, 3, 139, 139))
    assert 0.1 < logits.std() < 10
    assert (logits[0] - logits[1]).abs().max() > 0.01
