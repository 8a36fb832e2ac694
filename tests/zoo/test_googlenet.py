"""Tests of GoogLeNet against the figures of its paper's table and the counts of known graphs."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import nn

import costlab
from costlab import Report
from costlab.zoo import find


class Row(NamedTuple):
    """What one block writes at 224×224, its parameters, and its multiply-adds."""

    channels: int
    grid: int
    params: int
    macs: int


# Caffe's graph in training; by `out · in · kh · kw + out` and `out · in · kh · kw · h · w` from the
# filters of the paper's Table 1, whose grids these are.
TABLE = {
    "conv1": Row(64, 112, 9_472, 118_013_952),
    "pool1": Row(64, 56, 0, 0),
    "norm1": Row(64, 56, 0, 0),
    "conv2": Row(192, 56, 114_944, 359_661_568),
    "norm2": Row(192, 56, 0, 0),
    "pool2": Row(192, 28, 0, 0),
    "inception_3a": Row(256, 28, 163_696, 128_049_152),
    "inception_3b": Row(480, 28, 388_736, 304_267_264),
    "pool3": Row(480, 14, 0, 0),
    "inception_4a": Row(512, 14, 376_176, 73_608_192),
    "aux_4a": Row(1000, 1, 3_188_840, 4_169_728),
    "inception_4b": Row(512, 14, 449_160, 87_908_352),
    "inception_4c": Row(512, 14, 510_104, 99_850_240),
    "inception_4d": Row(528, 14, 605_376, 118_515_712),
    "aux_4d": Row(1000, 1, 3_190_888, 4_202_496),
    "inception_4e": Row(832, 14, 868_352, 169_996_288),
    "pool4": Row(832, 7, 0, 0),
    "inception_5a": Row(832, 7, 1_043_456, 51_079_168),
    "inception_5b": Row(1024, 7, 1_444_080, 70_697_984),
    "pool5": Row(1024, 1, 0, 0),
    "dropout": Row(1024, 1, 0, 0),
    "fc": Row(1000, 1, 1_025_000, 1_024_000),
}
# Multiply-adds of one inference, parameters without and with the side heads, the longest path.
TOTALS = {
    "googlenet": (1_582_671_872, 6_998_552, 13_378_280, 22),
    # The longest path has a layer more: the separable layer is two.
    "googlenet_separable": (1_498_677_248, 6_991_856, 13_371_584, 23),
    "googlenet_torchvision": (1_498_376_192, 6_624_904, 13_004_888, 22),
    "bn_googlenet": (1_582_671_872, 7_005_832, 13_385_816, 22),
}


def report(name: str, mode: str = "eval", **arguments: object) -> Report:
    """What a network of the catalogue costs on one image of 224×224."""
    with torch.device("meta"):
        return costlab.analyze(find(name).build(**arguments), "f32[1,3,224,224]", mode=mode)


@pytest.fixture(scope="module")
def trained() -> Report:
    """What GoogLeNet costs in training, where its side heads run."""
    return report("googlenet", mode="train")


def test_blocks_stand_in_forward_order(trained: Report) -> None:
    """The rows of the table stand in the order in which they run, the side heads among them."""
    assert [block.path for block in trained.blocks] == list(TABLE)
    assert all(block.calls == 1 for block in trained.blocks)


@pytest.mark.parametrize("name", TABLE)
def test_block(trained: Report, name: str) -> None:
    """Every block has the channels and grid that the paper prints, its parameters and its cost."""
    block, row = trained.block(name), TABLE[name]
    grid = () if name[:2] in ("au", "fc") else (row.grid, row.grid)
    assert block.outputs[0].shape == (1, row.channels, *grid)
    assert (block.cost.params, block.cost.macs) == (row.params, row.macs)


def test_module_in_factors(trained: Report) -> None:
    """Inception (3a) is the sum of its six convolutions, with one bias a filter."""
    weights = 192 * (64 + 96 + 16 + 32) + 96 * 128 * 3 * 3 + 16 * 32 * 5 * 5
    cost = trained.block("inception_3a").cost
    assert cost.params == weights + (64 + 96 + 128 + 16 + 32 + 32)
    assert cost.macs == weights * 28 * 28


def test_side_head_in_factors(trained: Report) -> None:
    """The side heads read 4×4 positions, and differ by the 16 channels that (4d) has more."""
    for name, channels in {"aux_4a": 512, "aux_4d": 528}.items():
        parts = (channels * 128, 128 * 4 * 4 * 1024, 1024 * 1000)
        cost = trained.block(name).cost
        assert cost.params == sum(parts) + 128 + 1024 + 1000
        assert cost.macs == parts[0] * 4 * 4 + parts[1] + parts[2]


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name: str) -> None:
    """The totals are those known, and the longest path has the paper's 22 layers."""
    macs, params, with_heads, depth = TOTALS[name]
    total = report(name).total
    assert (total.macs, total.params_executed, total.params) == (macs, params, with_heads)
    assert total.depth == depth
    assert report(name, aux=False).total.params == params
    heads = TABLE["aux_4a"].macs + TABLE["aux_4d"].macs
    assert report(name, mode="train").total.macs == macs + heads


# Table 1 of the paper, columns "params" and "ops", in thousands and millions. A thousand
# parameters are 1024 weights here: the last row, 1024·1000 of them, is printed as 1000K.
PRINTED = {
    "conv2": (112, 360),
    "inception_3a": (159, 128),
    "inception_3b": (380, 304),
    "inception_4a": (364, 73),
    "inception_4b": (437, 88),
    "inception_4c": (463, 100),
    "inception_4d": (580, 119),
    "inception_4e": (840, 170),
    "inception_5a": (1072, 54),
    "inception_5b": (1388, 71),
    "fc": (1000, 1),
}
# Rows whose printed parameters are not those of the filters printed beside them, within 1.1 %.
OTHER_PARAMS = ("inception_4c", "inception_4d", "inception_5a", "inception_5b")


@pytest.mark.parametrize("name", PRINTED)
def test_figures_of_table_1(trained: Report, name: str) -> None:
    """The paper's operations are multiply-adds, met by each row but (5a), and mostly its params."""
    params, ops = PRINTED[name]
    macs = trained.block(name).cost.macs
    weights = macs // TABLE[name].grid ** 2
    assert (abs(macs / 1e6 - ops) < 1) == (name != "inception_5a")
    assert (abs(weights / 1024 - params) < 0.011 * params) == (name not in OTHER_PARAMS)


def test_first_row_of_table_1() -> None:
    """The paper's 2.7K and 34M are a separable first layer, and with it the budget is met."""
    conv1 = report("googlenet_separable").block("conv1").cost
    weights = 8 * 3 * 7 * 7 + 24 * 64
    assert conv1.params == weights + 64
    assert conv1.macs == weights * 112 * 112
    assert (weights, round(conv1.macs / 1e6)) == (2_712, 34)
    assert round(report("googlenet_separable").total.macs / 1e9, 1) == 1.5
    assert round(report("googlenet").total.macs / 1e9, 1) == 1.6


def test_variables_of_tf_slim() -> None:
    """TF-slim's own test counts 5,607,184: no logits, and three numbers a normalized channel."""
    with torch.device("meta"):
        network = find("googlenet_torchvision").build(aux=False)
    modules = list(network.modules())
    weights = sum(m.weight.numel() for m in modules if isinstance(m, nn.Conv2d))
    channels = sum(m.num_features for m in modules if isinstance(m, nn.BatchNorm2d))
    assert weights + 3 * channels == 5_607_184


def test_batch_normalization_costs_no_multiply_adds() -> None:
    """BN-GoogLeNet has the cost of GoogLeNet, a parameter more a filter, no response norms."""
    plain, normalized = report("googlenet"), report("bn_googlenet")
    assert normalized.total.macs == plain.total.macs
    names = {block.path for block in plain.blocks} - {block.path for block in normalized.blocks}
    assert names == {"norm1", "norm2"}
    filters = normalized.total.params_executed - plain.total.params_executed
    assert filters == 7_280


def test_3x3_in_place_of_5x5(trained: Report) -> None:
    """The graph of torchvision costs less by what 3×3 in place of 5×5 saves, and nothing else."""
    theirs = report("googlenet_torchvision")
    saved = 0
    filters = {"3a": (16, 32), "3b": (32, 96), "4a": (16, 48), "4b": (24, 64), "4c": (24, 64)}
    filters |= {"4d": (32, 64), "4e": (32, 128), "5a": (32, 128), "5b": (48, 128)}
    for module, (reduced, n5x5) in filters.items():
        here = (5 * 5 - 3 * 3) * reduced * n5x5 * TABLE[f"inception_{module}"].grid ** 2
        name = f"inception_{module}"
        assert trained.block(name).cost.macs - theirs.block(name).cost.macs == here
        saved += here
    assert theirs.total.macs == TOTALS["googlenet"][0] - saved


def test_twice_the_width() -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    once, doubled = report("googlenet"), report("googlenet", width=2)
    ends = TABLE["conv1"].macs + TABLE["fc"].macs
    assert doubled.total.macs == 4 * (once.total.macs - ends) + 2 * ends
