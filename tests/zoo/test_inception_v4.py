"""Tests of Inception-v4 against the shapes of its paper and the counts of its released graph."""

from __future__ import annotations

import copy
import pickle
from typing import NamedTuple

import pytest
import torch
from torch import nn

from costlab import Report, analyze
from costlab.errors import UsageError
from costlab.zoo.inception_v3 import InceptionOutputs
from costlab.zoo.inception_v4 import InceptionV4


class Row(NamedTuple):
    """What one block writes at 299×299, its parameters, and its multiply-adds."""

    channels: int
    grid: int
    params: int
    macs: int


A = Row(384, 35, 317_632, 387_609_600)
B = Row(1024, 17, 2_936_256, 847_264_768)
C = Row(1536, 8, 4_553_088, 290_979_840)
# Shapes as Figures 3 and 9 print them. Counts of the released graph, from its filter banks by
# `out · in · kh · kw + 2 · out` and `out · in · kh · kw · h · w`.
STEM = {
    "Conv2d_1a_3x3": Row(32, 149, 928, 19_181_664),
    "Conv2d_2a_3x3": Row(32, 147, 9_280, 199_148_544),
    "Conv2d_2b_3x3": Row(64, 147, 18_560, 398_297_088),
    "Mixed_3a": Row(160, 73, 55_488, 294_672_384),
    "Mixed_4a": Row(192, 71, 189_312, 972_218_368),
    "Mixed_5a": Row(384, 35, 332_160, 406_425_600),
}
HEAD = {
    "pool": Row(1536, 1, 0, 0),
    "dropout": Row(1536, 1, 0, 0),
    "fc": Row(1000, 1, 1_537_000, 1_536_000),
}
TRUNK = {
    **STEM,
    **{f"Mixed_5{letter}": A for letter in "bcde"},
    "Mixed_6a": Row(1024, 17, 2_306_112, 1_097_164_800),
    **{f"Mixed_6{letter}": B for letter in "bcdefgh"},
    "Mixed_7a": Row(1536, 8, 2_747_392, 511_098_880),
    **{f"Mixed_7{letter}": C for letter in "bcd"},
    **HEAD,
}
SIDE_HEAD = Row(1000, 1, 3_359_464, 6_502_400)


def on_meta(*, classes: int = 1000, aux: bool = True, width: float = 1.0) -> InceptionV4:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return InceptionV4(classes, aux=aux, width=width)


@pytest.fixture(scope="module")
def report() -> Report:
    """What the network costs on one image of 299×299."""
    return analyze(on_meta(), "f32[1,3,299,299]", mode="eval", strict=True)


def test_blocks_stand_in_forward_order() -> None:
    """Blocks stand in the order of Figure 9, and the side head behind the last 17×17 layer."""
    names = [name for name, _ in on_meta().named_children()]
    assert [name for name in names if name != "AuxLogits"] == list(TRUNK)
    assert names[names.index("AuxLogits") - 1] == "Mixed_6h"


@pytest.mark.parametrize("name", TRUNK)
def test_block(report: Report, name: str) -> None:
    """Every block writes the grid of the paper, and has the counts of the released graph."""
    block, row = report.block(name), TRUNK[name]
    grid = () if name == "fc" else (row.grid, row.grid)
    assert [spec.shape for spec in block.outputs] == [(1, row.channels, *grid)]
    assert (block.cost.params, block.cost.macs) == (row.params, row.macs)


def test_totals(report: Report) -> None:
    """The totals are those of the released graph, with and without its side head."""
    assert report.total.params == 46_039_280
    assert report.total.params_executed == 42_679_816
    assert report.total.macs == 12_253_974_624
    assert sum(row.macs for row in TRUNK.values()) == report.total.macs
    without = analyze(on_meta(aux=False), "f32[1,3,299,299]", mode="eval").total
    assert (without.params, without.macs) == (42_679_816, 12_253_974_624)


def test_depth(report: Report) -> None:
    """76 layers stand in a row: 9 to 35×35, 4 · 3 + 3, 7 · 5 + 4, 3 · 4, and the classifier."""
    assert report.total.depth == 9 + (4 * 3 + 3) + (7 * 5 + 4) + 3 * 4 + 1 == 76


def test_number_of_convolutions() -> None:
    """There are 149 convolutions without the side head, and 2 in it."""
    kinds = [type(module) for module in on_meta().modules()]
    assert kinds.count(nn.Conv2d) == 149 + 2
    assert kinds.count(nn.Linear) == 1 + 1


def test_training_costs_the_side_head_too() -> None:
    """In training the side head is paid for: 5×5 pooling, a 1×1 and a 5×5 layer, a classifier."""
    report = analyze(on_meta(), "f32[1,3,299,299]", mode="train", strict=True)
    assert SIDE_HEAD.macs == (1024 * 128 + 128 * 768) * 5 * 5 + 768 * 1000
    aux = report.block("AuxLogits").cost
    assert (aux.params, aux.macs) == (SIDE_HEAD.params, SIDE_HEAD.macs)
    assert report.total.macs == 12_260_477_024


def test_factorized_module(report: Report) -> None:
    """Mixed_6b is the sum of its ten convolutions, in factors."""
    weights = (
        1024 * 384
        + (1024 * 192 + 192 * 224 * 7 + 224 * 256 * 7)
        + (1024 * 192 + 192 * 192 * 7 + 192 * 224 * 7 + 224 * 224 * 7 + 224 * 256 * 7)
        + 1024 * 128
    )
    assert report.block("Mixed_6b").cost.macs == weights * 17 * 17


def test_twice_the_width(report: Report) -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    doubled = analyze(on_meta(width=2), "f32[1,3,299,299]", mode="eval").total.macs
    once = TRUNK["Conv2d_1a_3x3"].macs + TRUNK["fc"].macs
    assert doubled == 4 * (report.total.macs - once) + 2 * once


def test_broken_width() -> None:
    """A width that does not divide the filter banks still makes modules that fit together."""
    network = on_meta(width=0.3)
    assert network(torch.zeros(2, 3, 299, 299, device="meta")).aux.shape == (2, 1000)


@pytest.mark.parametrize("arguments", [{"width": 0}, {"width": True}, {"classes": 0}])
def test_nonsense_is_refused(arguments: dict[str, int]) -> None:
    """A width or a number of classes that is none is refused by its name."""
    with pytest.raises(UsageError, match=next(iter(arguments))):
        InceptionV4(**arguments)  # type: ignore[arg-type]  # which is tested


def test_every_part_has_a_name() -> None:
    """No module is named by a position alone."""
    names = dict(on_meta().named_modules())
    assert not [name for name in names if any(part.isdecimal() for part in name.split("."))]
    assert "Mixed_7b.Branch_2.split4.conv2_3x1.conv" in names


def test_smallest_image() -> None:
    """75×75 is the smallest image: it leaves one position to the last modules."""
    network = on_meta().eval()
    report = analyze(network, "f32[1,3,75,75]", mode="eval")
    assert report.block("Mixed_7d").outputs[0].shape == (1, 1536, 1, 1)
    with pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(1, 3, 74, 74, device="meta"))


def test_smallest_image_of_the_auxiliary_classifier() -> None:
    """The side head needs the 17×17 grid, so it trains on images from 299×299 on."""
    network = on_meta()
    assert network(torch.zeros(2, 3, 299, 299, device="meta")).aux.shape == (2, 1000)
    with pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(2, 3, 298, 298, device="meta"))


@pytest.mark.parametrize(("aux", "training"), [(True, False), (False, True), (False, False)])
def test_logits_alone(aux: bool, training: bool) -> None:
    """In eval mode, or without a side head, what comes back is the logits and no tuple."""
    network = on_meta(aux=aux, classes=10).train(training)
    assert network(torch.zeros(2, 3, 299, 299, device="meta")).shape == (2, 10)


def test_training() -> None:
    """A step on both losses changes every parameter."""
    torch.manual_seed(0)
    network = InceptionV4(classes=10, width=0.125)
    before = copy.deepcopy(network)
    images, labels = torch.randn(2, 3, 299, 299), torch.tensor([3, 7])
    outputs = network(images)
    assert isinstance(outputs, InceptionOutputs)
    main, aux = (nn.functional.cross_entropy(logits, labels) for logits in outputs)
    torch.autograd.backward(main + 0.4 * aux)
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    for (name, new), old in zip(network.named_parameters(), before.parameters(), strict=True):
        assert not torch.equal(new, old), name


def test_eval_tells_images_apart() -> None:
    """An untrained network in eval mode neither loses its input nor lets it grow."""
    torch.manual_seed(0)
    network = InceptionV4(width=0.25).eval()
    images = torch.randn(2, 3, 139, 139)
    with torch.no_grad():
        logits = network(images)
        again = pickle.loads(pickle.dumps(network))(images)  # noqa: S301 - made in this line
    assert 0.1 < logits.std() < 10
    assert (logits[0] - logits[1]).abs().max() > 0.01
    assert torch.equal(logits, again)
