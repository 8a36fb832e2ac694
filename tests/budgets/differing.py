"""Models whose difference is looked at, and what any difference must come to."""

from collections import OrderedDict
from functools import cache

from torch import nn

from costlab import analyze
from costlab.budgets.difference import Difference
from costlab.budgets.diffing import difference
from costlab.cost import METRICS
from costlab.report import Report
from costlab.sources import find

IMAGE = "f32[1,8,16,16]"


def conv(filters: int = 8, kernel: int = 3, channels: int = 8) -> nn.Module:
    """A convolution that keeps its grid."""
    return nn.Conv2d(channels, filters, kernel, padding=kernel // 2)


def chain(**layers: nn.Module) -> nn.Module:
    """Layers in series, by name."""
    return nn.Sequential(OrderedDict(layers))


def between(base: nn.Module, head: nn.Module) -> Difference:
    """The difference of two models on an image; all that adds up is checked."""
    found = difference(*(analyze(model, IMAGE, mode="eval") for model in (base, head)))
    adds_up(found)
    return found


def adds_up(found: Difference) -> None:
    """Causes come to the change of their block, and blocks to that of the total."""
    for change in found.walk():
        assert sum(cause.macs for cause in change.causes) == change.deltas["macs"].amount
    for metric in METRICS:
        told = sum(change.deltas[metric].amount for change in found.blocks)
        assert told == found.totals[metric].amount, metric


def said(found: Difference) -> dict[str, tuple[str, list[str]]]:
    """The kind of each change, and its causes in words, by path."""
    return {c.path: (c.change, [cause.text for cause in c.causes]) for c in found.walk()}


@cache
def report(name: str) -> Report:
    """The report of a network of the zoo."""
    source = find(name)
    return analyze(source.build(), source.inputs, mode="eval", name=name)
