"""The rules of each counter against the counter itself, run on the same forward."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import pytest
from torch import nn

from costlab import sources
from costlab.conventions.asking import ASK, asked
from costlab.conventions.deriving import explain
from costlab.conventions.tools import TOOLS
from tests.conventions.battery import BATTERY
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from costlab.conventions.explanation import Explanation

BEYOND = {
    # A function and the method or operator of its name are one operation in the graph.
    ("ReLU as a method", "ptflops"): -288,
    ("matrix product as an operator", "ptflops"): -400,
    ("matrix times vector", "ptflops"): -640,
    # A jit trace multiplies sizes, too, where it is asked for one: a product of scalars each.
    ("attention as a module", "torchprofile"): 4,
    ("attention with widths of its own", "torchprofile"): 4,
    ("attention to a shorter sequence", "torchprofile"): 4,
    ("an encoder layer", "torchprofile"): 4,
    ("an encoder layer that holds GELU", "torchprofile"): 4,
    ("a decoder layer", "torchprofile"): 10,
    ("sizes that are multiplied", "torchprofile"): 1,
    # What nothing comes of, of a cell the writing in place excepted.
    ("a cell without a state, of which the last is returned", "torchprofile"): -6 * 12,
    # By a name that it does not put its own in the place of.
    ("a function that is held", "ptflops"): -288,
    # The longest sequence stands for all, on either axis.
    ("sequences that are packed", "thop"): 2160,
}
"""What a counter prints more than its rules say, by case: a graph does not tell the two apart."""
FAILS = {
    ("matrix times vector", "fvcore"): "IndexError: list index out of range",
    ("sequences that are packed", "ptflops"): "RuntimeError: the forward failed under its hooks",
}
"""Where a counter raises."""


@pytest.fixture(scope="module", autouse=True)
def _torchvision() -> None:
    """Of the counters ptflops imports torchvision, which may need its operators declared first."""
    torchvision()


def of(name: str, mode: str) -> Explanation:
    """What counters print of a case, by rules and when run."""
    model, spec = BATTERY[name]
    found = explain(model, (spec,), TOOLS.values(), mode=mode, name=name)
    return asked(found, model, (spec,))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("case", BATTERY)
def test_a_counter_prints_what_its_rules_say(case: str, mode: str) -> None:
    """To the integer, in both modes, but for what is marked as not exact."""
    for counter in of(case, mode).counters:
        assert counter.run is not None
        assert counter.run.error == FAILS.get((case, counter.name), "")
        if counter.run.printed is not None:
            beyond = BEYOND.get((case, counter.name), 0)
            assert (counter.name, counter.run.printed) == (counter.name, counter.printed + beyond)
            assert not (beyond and counter.exact), counter.name


def test_each_exception_is_one() -> None:
    """No case is excused that agrees."""
    for case, name in [*BEYOND, *FAILS]:
        counter = next(counter for counter in of(case, "eval").counters if counter.name == name)
        assert counter.agrees is not True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("itself", [False, True])
def test_a_module_that_stands_for_all_in_it(*, itself: bool) -> None:
    """Of timm's attention ptflops counts no projection, be it the whole model or a part of it."""
    torchvision()  # which timm imports
    vision = pytest.importorskip("timm.models.vision_transformer")
    attention = vision.Attention(8, 2, qkv_bias=True)
    layers = OrderedDict(before=nn.Linear(8, 8), attention=attention, behind=nn.ReLU())
    model = attention if itself else nn.Sequential(layers)
    found = explain(model, ("f32[2,5,8]",), [TOOLS["ptflops"]], mode="eval", name="attention")
    (counter,) = asked(found, model, ("f32[2,5,8]",)).counters
    projections = 2 * 5 * (8 * 24 + 8 * 8)
    assert -projections in dict(counter.terms).values()
    assert counter.agrees


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("network", ["inception_v3", "resnet18", "alexnet"])
def test_whole_networks_agree(network: str) -> None:
    """Of networks that are published, each counter prints what its rules say."""
    source = sources.find(network)
    model = source.build()
    found = explain(model, source.inputs, TOOLS.values(), mode="eval", name=network)
    ran = asked(found, model, source.inputs)
    assert {counter.name: counter.agrees for counter in ran.counters} == dict.fromkeys(TOOLS, True)


def test_every_counter_can_be_asked() -> None:
    """Whatever has rules can be run, and the other way round."""
    assert list(ASK) == list(TOOLS)


def test_the_rules_were_read_from_what_is_installed() -> None:
    """The versions that the rules name are those that the tests ran."""
    ran = of("linear", "eval")
    told = {counter.name: (counter.run or counter).version for counter in ran.counters}
    assert told == {name: tool.version for name, tool in TOOLS.items()}


def test_inception_v3_as_fvcore_prints_it() -> None:
    """The published difference, in its two terms: 17,934,976 + 131,072."""
    source = sources.find("inception_v3")
    found = explain(
        source.build(), source.inputs, [TOOLS["fvcore"]], mode="eval", name="inception_v3"
    )
    (fvcore,) = found.counters
    assert fvcore.printed == 5_731_282_144
    assert [amount for _, amount in fvcore.terms] == [17_934_976, 131_072]
