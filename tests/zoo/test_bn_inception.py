"""Tests of BN-Inception against the grids of its paper's figure and the counts of known graphs."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import nn

import costlab
from costlab import Report
from costlab.zoo import find
from costlab.zoo.bn_inception import BNInception


class Row(NamedTuple):
    """What one block writes at 224×224, its parameters, and its multiply-adds."""

    channels: int
    grid: int
    params: int
    macs: int


# By `out · in · kh · kw + 2 · out` and `out · in · kh · kw · h · w` from the filters of the paper's
# Figure 5, whose grids these are. It prints 576 channels for (4c) and (4d), and 1024 for (4e).
PAPER = {
    "conv1": Row(64, 112, 9_536, 118_013_952),
    "pool1": Row(64, 56, 0, 0),
    "conv2": Row(192, 56, 115_200, 359_661_568),
    "pool2": Row(192, 28, 0, 0),
    "inception_3a": Row(256, 28, 219_072, 170_999_808),
    "inception_3b": Row(320, 28, 260_160, 203_112_448),
    "inception_3c": Row(576, 14, 385_088, 143_904_768),
    "inception_4a": Row(576, 14, 609_984, 119_218_176),
    "inception_4b": Row(576, 14, 665_344, 130_056_192),
    "inception_4c": Row(608, 14, 914_432, 178_827_264),
    "inception_4d": Row(608, 14, 1_142_912, 223_584_256),
    "inception_4e": Row(1056, 7, 1_449_984, 164_577_280),
    "inception_5a": Row(1024, 7, 2_208_896, 108_079_104),
    "inception_5b": Row(1024, 7, 2_279_616, 111_541_248),
    "pool5": Row(1024, 1, 0, 0),
    "fc": Row(1000, 1, 1_025_000, 1_024_000),
}
# TF-slim's graph differs in the first layer and, by narrower projections, in four modules.
TF_SLIM = PAPER | {
    "conv1": Row(64, 112, 2_840, 34_019_328),
    "inception_4c": Row(576, 14, 895_936, 175_214_592),
    "inception_4d": Row(576, 14, 1_108_032, 216_760_320),
    "inception_4e": Row(1024, 7, 1_439_744, 162_570_240),
    "inception_5a": Row(1024, 7, 2_182_272, 106_774_528),
}
# Multiply-adds, parameters, the longest path; a separable layer is two on it.
TOTALS = {
    "bn_inception": (2_032_600_064, 11_285_224, 34),
    "bn_inception_separable": (1_948_605_440, 11_278_528, 35),
    "bn_inception_caffe": (2_032_600_064, 11_295_240, 34),
    "inception_v2_tfslim": (1_934_857_216, 11_188_288, 35),
    "inception_v2_tfslim_plain": (2_018_851_840, 11_194_984, 34),
}
NARROW, WIDE = (f"3x3/2 32 padded → 3x3 {n} → 3x3 64" for n in (32, 64))


def report(name: str, size: int = 224, **arguments: object) -> Report:
    """What a network of the catalogue costs on one image."""
    with torch.device("meta"):
        network = find(name).build(**arguments)
        return costlab.analyze(network, f"f32[1,3,{size},{size}]", mode="eval")


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """What each network of the family costs at 224×224."""
    return {name: report(name) for name in TOTALS}


def test_blocks_stand_in_forward_order(reports: dict[str, Report]) -> None:
    """The rows of the figure stand in the order in which they run."""
    blocks = reports["bn_inception"].blocks
    assert [block.path for block in blocks] == list(PAPER)
    assert all(block.calls == 1 for block in blocks)


@pytest.mark.parametrize("block", PAPER)
@pytest.mark.parametrize(
    ("name", "table"), [("bn_inception", PAPER), ("inception_v2_tfslim", TF_SLIM)]
)
def test_block(reports: dict[str, Report], name: str, table: dict[str, Row], block: str) -> None:
    """Every block has its channels and grid, its parameters and its multiply-adds."""
    got, row = reports[name].block(block), table[block]
    grid = () if block == "fc" else (row.grid, row.grid)
    assert got.outputs[0].shape == (1, row.channels, *grid)
    assert (got.cost.params, got.cost.macs) == (row.params, row.macs)


@pytest.mark.parametrize("name", TOTALS)
def test_totals(reports: dict[str, Report], name: str) -> None:
    """The totals are those known, and the longest path with a plain first layer has 34 layers."""
    total = reports[name].total
    assert (total.macs, total.params, total.depth) == TOTALS[name]


def test_module_in_factors(reports: dict[str, Report]) -> None:
    """Inception (3a) is the sum of its seven convolutions, with two numbers a filter."""
    weights = 192 * (64 + 64 + 64 + 32) + 64 * 64 * 9 + (64 * 96 + 96 * 96) * 9
    cost = reports["bn_inception"].block("inception_3a").cost
    assert cost.params == weights + 2 * (64 + (64 + 64) + (64 + 96 + 96) + 32)
    assert cost.macs == weights * 28 * 28


def test_reduction_in_factors(reports: dict[str, Report]) -> None:
    """Inception (3c) writes to a quarter of the grid only with its last convolutions."""
    cost = reports["bn_inception"].block("inception_3c").cost
    on_28x28 = 320 * 128 + 320 * 64 + 64 * 96 * 9
    on_14x14 = 128 * 160 * 9 + 96 * 96 * 9
    assert cost.macs == on_28x28 * 28 * 28 + on_14x14 * 14 * 14
    assert cost.params == on_28x28 + on_14x14 + 2 * (128 + 160 + 64 + 96 + 96)


def test_bias_of_caffe(reports: dict[str, Report]) -> None:
    """The graph of Caffe has one parameter more a filter, and no other cost."""
    more = reports["bn_inception_caffe"].total.params - reports["bn_inception"].total.params
    with torch.device("meta"):
        modules = list(BNInception().modules())
    filters = sum(m.out_channels for m in modules if isinstance(m, nn.Conv2d))
    assert more == filters == 10_016


def test_variables_of_tf_slim() -> None:
    """TF-slim's own test counts 10,173,112: no logits, three numbers a normalized channel.

    Its first layer is not normalized; it has a bias.
    """
    with torch.device("meta"):
        network = find("inception_v2_tfslim").build()
    modules = list(network.modules())
    weights = sum(m.weight.numel() for m in modules if isinstance(m, nn.Conv2d))
    channels = sum(m.num_features for m in modules if isinstance(m, nn.BatchNorm2d))
    assert weights + 3 * (channels - 64) + 64 == 10_173_112


def test_published_ratio(reports: dict[str, Report]) -> None:
    """The network costs about 30 % more than GoogLeNet, as its paper says (appendix)."""
    for suffix in ("", "_separable"):
        ratio = (
            reports[f"bn_inception{suffix}"].total.macs / report(f"googlenet{suffix}").total.macs
        )
        assert round(ratio, 1) == 1.3


def test_modules_of_one_width(reports: dict[str, Report]) -> None:
    """With TF-slim's projections every module at 14×14 is as wide as the paper prints, 576."""
    blocks = {b.path: b.outputs[0].shape[1] for b in reports["inception_v2_tfslim"].blocks}
    assert {blocks[f"inception_{module}"] for module in ("3c", "4a", "4b", "4c", "4d")} == {576}
    assert blocks["inception_4e"] == 1024


GRIDS = {"conv1": 150, "pool1": 75, "conv2": 75, "pool2": 38, "inception_3b": 38}
GRIDS |= {"inception_3c": 19, "inception_4d": 19, "inception_4e": 10, "inception_5b": 10}


@pytest.mark.parametrize(
    ("stem", "macs", "params", "depth"),
    [
        ("7x7/2 64 padded", 3_771_462_400, 11_285_224, 34),
        (NARROW, 4_201_302_400, 11_304_456, 36),
        (WIDE, 4_823_382_400, 11_332_168, 36),
    ],
)
def test_larger_images(stem: str, macs: int, params: int, depth: int) -> None:
    """At 299×299 padded layers halve the grid upwards, whether the first layer is 7×7 or three."""
    larger = report("bn_inception", 299, stem=stem)
    channels = {name: row.channels for name, row in PAPER.items()}
    for name, grid in GRIDS.items():
        assert larger.block(name).outputs[0].shape == (1, channels[name], grid, grid)
    assert (larger.total.macs, larger.total.params, larger.total.depth) == (macs, params, depth)


def test_factorized_stem_in_factors() -> None:
    """Three 3×3 in place of the 7×7 cost the sum of their weights on 150×150."""
    for stem, middle in {NARROW: 32, WIDE: 64}.items():
        weights = (3 * 32 + 32 * middle + middle * 64) * 9
        cost = report("bn_inception", 299, stem=stem).block("conv1").cost
        assert cost.params == weights + 2 * (32 + middle + 64)
        assert cost.macs == weights * 150 * 150


def test_unpadded_stem() -> None:
    """A stem may be any series of the notation; what follows it takes its grid."""
    larger = report("bn_inception", 299, stem="3x3/2 32 → 3x3 32 valid → 3x3 64")
    assert larger.block("conv1").outputs[0].shape == (1, 64, 147, 147)
    assert larger.block("inception_5b").outputs[0].shape == (1, 1024, 10, 10)


def test_twice_the_width(reports: dict[str, Report]) -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    once, doubled = reports["bn_inception"], report("bn_inception", width=2)
    ends = PAPER["conv1"].macs + PAPER["fc"].macs
    assert doubled.total.macs == 4 * (once.total.macs - ends) + 2 * ends
