"""Tests of Inception-ResNet against the counts of its graphs, released and drawn."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest
import torch
from torch import nn

from costlab import Report, analyze
from costlab.zoo import find
from costlab.zoo.inception_v3 import InceptionOutputs
from tests.zoo.test_inception_v4 import STEM, Row

V1 = "inception_resnet_v1"
V1_FACENET = "inception_resnet_v1_facenet"
V2 = "inception_resnet_v2"
V2_FIGURES = "inception_resnet_v2_figures"
V2_LONG = "inception_resnet_v2_figures_10_20_10"


def row_of(name: str, count: int, row: Row) -> dict[str, Row]:
    """So many equal blocks in a row."""
    return {f"{name}_{number}": row for number in range(1, count + 1)}


def head_of(channels: int, params: int, macs: int) -> dict[str, Row]:
    """Pooling, dropout, and the classifier."""
    pooled = Row(channels, 1, 0, 0)
    return {"pool": pooled, "dropout": pooled, "fc": Row(1000, 1, params, macs)}


TO_71X71 = {
    "Conv2d_1a_3x3": Row(32, 149, 928, 19_181_664),
    "Conv2d_2a_3x3": Row(32, 147, 9_280, 199_148_544),
    "Conv2d_2b_3x3": Row(64, 147, 18_560, 398_297_088),
    "MaxPool_3a": Row(64, 73, 0, 0),
    "Conv2d_3b_1x1": Row(80, 73, 5_280, 27_284_480),
    "Conv2d_4a_3x3": Row(192, 71, 138_624, 696_867_840),
}
V1_C = Row(1792, 8, 1_600_768, 102_236_160)
V1_TO_8X8 = {
    **TO_71X71,
    "Conv2d_4b_3x3": Row(256, 35, 442_880, 541_900_800),
    **row_of("block35", 5, Row(256, 35, 77_440, 94_080_000)),
    "Mixed_6a": Row(896, 17, 1_710_080, 850_169_856),
    **row_of("block17", 10, Row(896, 17, 690_048, 198_868_992)),
    "Mixed_7a": Row(1792, 8, 3_346_176, 501_448_704),
    **row_of("block8", 5, V1_C),
}
V1_HEAD = head_of(1792, 1_793_000, 1_792_000)
V2_C = Row(2080, 8, 2_035_424, 130_023_424)


def figures(a: int, b: int, c: int) -> dict[str, Row]:
    """The stem of Inception-v4 and so many blocks of version 2."""
    return {
        **STEM,
        **row_of("block35", a, Row(384, 35, 137_568, 167_462_400)),
        "Mixed_6a": Row(1152, 17, 2_902_528, 1_482_178_560),
        **row_of("block17", b, Row(1152, 17, 1_171_904, 337_958_912)),
        "Mixed_7a": Row(2144, 8, 3_930_112, 599_629_824),
        **row_of("block8", c, Row(2144, 8, 2_088_736, 133_431_296)),
        **head_of(2144, 2_145_000, 2_144_000),
    }


# Without side head. Counts from the filter banks by `out · in · kh · kw + 2 · out`, or `+ out` for
# a projection, and `out · in · kh · kw · h · w`.
TABLES = {
    V1: {**V1_TO_8X8, **V1_HEAD},
    V1_FACENET: {**V1_TO_8X8, "Block8": V1_C, **V1_HEAD},
    V2: {
        **TO_71X71,
        "MaxPool_5a": Row(192, 35, 0, 0),
        "Mixed_5b": Row(320, 35, 268_320, 327_398_400),
        **row_of("block35", 10, Row(320, 35, 123_168, 149_900_800)),
        "Mixed_6a": Row(1088, 17, 2_664_960, 1_398_185_984),
        **row_of("block17", 20, Row(1088, 17, 1_126_784, 324_937_728)),
        "Mixed_7a": Row(2080, 8, 3_880_960, 585_424_896),
        **row_of("block8", 9, V2_C),
        "Block8": V2_C,
        "Conv2d_7b_1x1": Row(1536, 8, 3_197_952, 204_472_320),
        **head_of(1536, 1_537_000, 1_536_000),
    },
    V2_FIGURES: figures(5, 10, 5),
    V2_LONG: figures(10, 20, 10),
}


class Totals(NamedTuple):
    """A network without side head: parameters, multiply-adds, layers in a row, convolutions."""

    params: int
    macs: int
    depth: int
    convolutions: int


TOTALS = {
    V1: Totals(22_756_328, 6_206_361_696, 93, 127),
    V1_FACENET: Totals(24_357_096, 6_308_597_856, 97, 127 + 5),
    V2: Totals(55_843_464, 13_155_794_016, 176, 246 - 2),
    V2_FIGURES: Totals(32_433_928, 9_257_953_632, 96, 132),
    V2_LONG: Totals(55_284_488, 14_142_011_232, 176, 132 + 5 * 7 + 10 * 5 + 5 * 5),
}


def on_meta(name: str = V2, **arguments: object) -> nn.Module:
    """A network of the catalogue without memory for its weights."""
    with torch.device("meta"):
        return find(name).build(**arguments)


@cache
def report_of(name: str) -> Report:
    """What a network costs on one image of 299×299."""
    return analyze(on_meta(name), "f32[1,3,299,299]", mode="eval", strict=True)


@pytest.mark.parametrize("name", TABLES)
def test_blocks(name: str) -> None:
    """Every block writes the grid of its figure, and has the counts of its filter banks."""
    blocks = {b.name: b for b in report_of(name).blocks if b.name != "AuxLogits"}
    assert list(blocks) == list(TABLES[name])
    for block, row in TABLES[name].items():
        grid = () if block == "fc" else (row.grid, row.grid)
        assert [spec.shape for spec in blocks[block].outputs] == [(1, row.channels, *grid)], block
        cost = blocks[block].cost
        assert (cost.params, cost.macs) == (row.params, row.macs), block


@pytest.mark.parametrize("name", TABLES)
def test_totals(name: str) -> None:
    """The totals are those of the graph, and the sums of its blocks."""
    total = report_of(name).total
    expected = TOTALS[name]
    assert (total.params_executed, total.macs, total.depth) == expected[:3]
    assert sum(row.params for row in TABLES[name].values()) == expected.params
    assert sum(row.macs for row in TABLES[name].values()) == expected.macs
    network = on_meta(name, aux=False)
    kinds = [type(module) for module in network.modules()]
    assert (kinds.count(nn.Conv2d), kinds.count(nn.Linear)) == (expected.convolutions, 1)
    assert sum(p.numel() for p in network.parameters()) == expected.params


def test_training_costs_the_side_head_too() -> None:
    """In training the released graph pays for a 1×1 and a 5×5 layer and a classifier beside it."""
    report = analyze(on_meta(), "f32[1,3,299,299]", mode="train", strict=True)
    aux = report.block("AuxLogits").cost
    assert aux.macs == (1088 * 128 + 128 * 768) * 5 * 5 + 768 * 1000 == 6_707_200
    assert aux.params == 3_367_656
    assert (report.total.params, report.total.macs) == (59_211_120, 13_162_501_216)
    names = [name for name, _ in on_meta().named_children()]
    assert names[names.index("AuxLogits") - 1] == "block17_20"


@pytest.mark.parametrize("name", [V1, V1_FACENET, V2_FIGURES, V2_LONG])
def test_no_side_head_is_drawn(name: str) -> None:
    """Only the released graph has a side head of its own; the others take one if asked."""
    plain = on_meta(name)
    assert "AuxLogits" not in dict(plain.named_children())
    assert plain(torch.zeros(2, 3, 75, 75, device="meta")).shape == (2, 1000)
    outputs = on_meta(name, aux=True)(torch.zeros(2, 3, 299, 299, device="meta"))
    assert isinstance(outputs, InceptionOutputs)


def test_residual_module() -> None:
    """The first block is its branches and a projection, which has a bias and no normalization."""
    branches = 320 * 32 * 3 + (32 * 32 + 32 * 48 + 48 * 64) * 9
    normalized = 32 + (32 + 32) + (32 + 48 + 64)
    cost = report_of(V2).block("block35_1").cost
    assert cost.macs == (branches + 128 * 320) * 35 * 35
    assert cost.params == branches + 2 * normalized + 128 * 320 + 320


def test_keras_counts_statistics() -> None:
    """Keras' 55,873,736 are these weights and 3 numbers a normalized channel in place of 2.

    It learns no scale, and counts both moving statistics.
    """
    channels = sum(m.num_features for m in on_meta().modules() if isinstance(m, nn.BatchNorm2d))
    aux = 128 + 768
    assert TOTALS[V2].params + channels - aux == 55_873_736


@pytest.mark.parametrize("name", TABLES)
def test_every_part_has_a_name(name: str) -> None:
    """No module is named by a position alone."""
    names = dict(on_meta(name).named_modules())
    assert not [name for name in names if any(part.isdecimal() for part in name.split("."))]
    assert "block17_10.Branch_1.conv2_1x7.conv" in names
    assert "block17_10.Conv2d_1x1" in names


def test_twice_the_width() -> None:
    """Doubled filter banks cost 4 times as much, but for the RGB input and the classes."""
    doubled = analyze(on_meta(width=2), "f32[1,3,299,299]", mode="eval").total.macs
    once = TABLES[V2]["Conv2d_1a_3x3"].macs + TABLES[V2]["fc"].macs
    assert doubled == 4 * (TOTALS[V2].macs - once) + 2 * once
