"""The baseline of a model made by hand, and one of two models."""

from dataclasses import replace

from costlab.blocks import Block
from costlab.budgets.baseline import Baseline, Key, snapshot
from costlab.cost import Cost
from tests.budgets.made import config, leaf, report

TEXT = """\
[[budgets]]
id = "a"
modules = ["body.*"]
macs = { max_increase = "1%" }
[[budgets]]
id = "b"
modules = ["body.*", "stem"]
per = "sum"
macs = { anchor_increase = "1%" }
[[budgets]]
id = "c"
ops = ["conv2d"]
macs = { max_increase = "1%" }
[[budgets]]
id = "absolute"
modules = ["**"]
flops = { max = "1G" }
"""


def net(stem: int = 100, one: int = 1_000, two: int = 2_000) -> Baseline:
    """The baseline of a model of three convolutions."""
    body = Block("body", "Body", Cost(), (leaf("body.one", one), leaf("body.two", two)), 1)
    return snapshot(config(TEXT), {"net": report(leaf("stem", stem), body)})


def two(net_one: Baseline, other: Baseline) -> Baseline:
    """Two models in one file."""
    renamed = {Key("other", *key[1:]): value for key, value in other.values.items()}
    models = {**net_one.models, "other": other.models["net"]}
    return replace(net_one, models=models, values={**net_one.values, **renamed})
