"""The lab: networks as the catalogue has them, and the measures that are made of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from costlab import analyze, zoo
from costlab.claims.lab import Lab
from costlab.claims.measures import excess, grid, net, noted, ratio, saving, total, without
from costlab.errors import UsageError


def test_a_report_is_that_of_an_analysis(lab: Lab) -> None:
    """The lab's report on a network says what `analyze` says of it, block by block."""
    with torch.device("meta"):
        model = zoo.CATALOGUE["googlenet"].build()
    known = analyze(model, "f32[1,3,224,224]", mode="train")
    found = lab.report("googlenet", mode="train")
    assert found.total == known.total
    assert found.blocks == known.blocks
    assert (found.model, found.mode) == ("googlenet", "train")


def test_the_same_is_not_traced_again(lab: Lab) -> None:
    """Reports and graphs are kept by name, mode, image and arguments."""
    assert lab.report("two_3x3") is lab.report("two_3x3", shape=(64, 35, 35))
    assert lab.graph("two_3x3") is lab.graph("two_3x3")
    assert lab.graph("two_3x3", alpha=2.25) is not lab.graph("two_3x3")
    assert lab.report("googlenet") is not lab.report("googlenet", mode="train")


def test_another_catalogue() -> None:
    """A lab may be given networks of its own under any name."""
    mine = {"two_3x3": replace(zoo.CATALOGUE["conv5x5"], name="two_3x3")}
    assert Lab(mine).report("two_3x3").total.params == 25 * 64 * 64


def test_measures_by_hand(lab: Lab) -> None:
    """Of one 5×5 and two 3×3 of 64 filters at 35×35."""
    five, three = net("conv5x5"), net("two_3x3")
    one, two = 25 * 64 * 64 * 35 * 35, 2 * 9 * 64 * 64 * 35 * 35
    assert total(five)(lab).value == one
    assert ratio(five, three)(lab).value == Fraction(one, two)
    assert saving(three, five)(lab).value == 1 - Fraction(two, one)
    assert excess(five, three)(lab).value == Fraction(one - two, two)
    assert without(three, "conv1_3x3")(lab).value == two // 2
    assert net("two_3x3", "conv1_3x3").value(lab, "macs") == two // 2
    assert grid(five, "conv1_5x5")(lab).value == (64, 35, 35)
    assert noted(total(five), "seen")(lab) == replace(total(five)(lab), note="seen")


def test_subjects_name_themselves() -> None:
    """With what differs from the network as the catalogue has it."""
    assert str(net("vgg16")) == "vgg16"
    assert str(net("vgg16", "conv1_1", mode="train", shape=(3, 64, 32))) == (
        "vgg16 at 64×32 in train mode [conv1_1]"
    )
    assert str(net("two_3x3", alpha=2.25)) == "two_3x3(alpha=2.25)"


def test_a_block_that_is_not_there(lab: Lab) -> None:
    """The message names the nearest."""
    with pytest.raises(UsageError, match="Did you mean Mixed_6e"):
        grid(net("inception_v3"), "Mixed_6f")(lab)
