"""Forwards that are written in less common ways run in launches, or are refused aloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from torch import nn

from costlab.bench.kernels.originals import changed_for_all, replaced
from tests.bench.kernels.conftest import LIMITS

if TYPE_CHECKING:
    from tests.bench.kernels.conftest import Ask


@pytest.mark.parametrize(
    ("form", "launched", "limit"),
    [
        ("join by keyword", ["one", "one", "torch"], "float32"),
        ("join to a tensor", ["one", "one", "torch", "torch"], "float32"),
        ("join with nothing", ["one", "one", "torch", "torch"], "float32"),
        ("join of a cut", ["one", "torch", "torch"], "float32"),
        ("layer by keyword", ["one", "one"], "float32"),
        ("promoted", ["one", "torch", "torch", "one", "torch"], "float32"),
        ("of another type", ["one", "torch", "one", "torch", "torch"], "float16"),
        ("reduced", ["one", "torch", "torch", "torch", "torch"], "float32"),
    ],
)
def test_written_otherwise(interpreter: Ask, form: str, launched: list[str], limit: str) -> None:
    """What is told by its name, or of another type, is taken or left to torch; types are kept."""
    found = interpreter("formed", form=form)
    assert found["error"] < LIMITS[limit]
    assert found["type"]
    assert found["launches"] == launched
    assert found["declined"] == []


def test_one_image(interpreter: Ask) -> None:
    """A convolution of an image without a batch is torch's, and that is said."""
    found = interpreter("formed", form="one image")
    assert found["error"] < LIMITS["float32"]
    assert found["declined"] == ["one: its input is one image, and no batch"]


NOTHING = "kernels of our own take nothing of this module"
WHY = "it has a forward of its own, which a kernel would not call"


@pytest.mark.parametrize("method", ["forward", "_conv_forward"])
def test_a_convolution_that_was_replaced(interpreter: Ask, method: str) -> None:
    """A convolution with a forward of its own runs as it is, and that is said."""
    found = interpreter("replaced", layer="one", method=method)
    assert found["error"] < LIMITS["float32"]
    assert found["declined"] == [f"one: {WHY}"]


@pytest.mark.parametrize(
    ("layer", "launched"),
    [
        ("norm", ["one", "torch", "torch", "one", "torch", "join"]),
        ("relu", ["one", "torch", "one", "torch", "join"]),
        ("pool", ["one", "one", "torch", "join"]),
    ],
)
def test_a_layer_that_was_replaced(interpreter: Ask, layer: str, launched: list[str]) -> None:
    """A layer with a forward of its own is in no launch; what it gives may be its input."""
    found = interpreter("replaced", layer=layer, method="forward")
    assert found["error"] < LIMITS["float32"]
    assert found["launches"] == launched
    assert found["declined"] == []


@pytest.mark.parametrize("method", ["forward", "_conv_forward", "__call__"])
def test_convolutions_that_were_replaced(interpreter: Ask, method: str) -> None:
    """Where all convolutions do something else the kernels take none, and say what was replaced."""
    found = interpreter("replaced_for_all", kind="Conv2d", method=method)
    if method == "__call__":  # which torch.fx traces, as what it calls
        assert found["refused"] == f"{NOTHING}: it has no convolution"
    else:
        why = f"Conv2d.{method} was replaced, and a kernel would not call what is there now"
        assert found["refused"] == f"{NOTHING}: one: {why}"


@pytest.mark.parametrize(
    ("kind", "launched"),
    [
        ("BatchNorm2d", ["one", "torch", "torch", "one", "torch", "join"]),
        ("ReLU", ["one", "torch", "one", "torch", "join"]),
        ("MaxPool2d", ["one", "one", "torch", "join"]),
    ],
)
def test_layers_that_were_replaced(interpreter: Ask, kind: str, launched: list[str]) -> None:
    """A class of layers whose forward was replaced is in no launch, and does what is there now."""
    found = interpreter("replaced_for_all", kind=kind, method="forward")
    assert found["error"] < LIMITS["float32"]
    assert found["launches"] == launched
    usual = interpreter("compared_usual")
    assert usual["launches"] != launched


@pytest.mark.parametrize(
    ("kind", "method", "named"),
    [
        ("Module", "__call__", "Module.__call__"),
        ("Module", "_call_impl", "Module._call_impl"),
        ("F", "conv2d", "torch.nn.functional.conv2d"),
        ("F", "batch_norm", "torch.nn.functional.batch_norm"),
    ],
)
def test_what_all_layers_call(interpreter: Ask, kind: str, method: str, named: str) -> None:
    """Where the call of every module, or a layer's function, was replaced the arm declines."""
    found = interpreter("replaced_for_all", kind=kind, method=method)
    said = f"{named} was replaced, which kernels of our own would not call"
    assert found == {"refused": said}


def test_hooks_for_all(interpreter: Ask) -> None:
    """A hook that is called with every module is no kernel's to call."""
    why = "there are hooks for all modules, which kernels of our own would not call"
    assert interpreter("hooked_for_all") == why


def test_what_torch_has_is_its_own() -> None:
    """No class of torch's is said to be replaced while nothing is."""
    kinds = [kind for kind in vars(nn).values() if isinstance(kind, type)]
    layers = [kind for kind in kinds if issubclass(kind, nn.Module)]
    assert len(layers) > 100
    assert {kind.__name__: replaced(kind) for kind in layers if replaced(kind)} == {}
    assert changed_for_all() == ""


def test_a_layer_that_was_replaced_may_write(interpreter: Ask) -> None:
    """What a layer with a forward of its own does to its input happens in its turn."""
    found = interpreter("writing")
    assert found["error"] < LIMITS["float32"]
    assert found["launches"] == ["one", "torch", "one", "join"]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("default", r"this forward takes \(x, mask\), and is given 1: wrap the module"),
        ("several", r"this forward takes \(\*images\), and is given 1"),
        ("options", r"this forward takes \(x, \*\*_\), and is given 1"),
        ("own forward", "a forward that its class does not have"),
        ("valued", r"on shapes alone: RuntimeError: Tensor.item\(\) cannot be called on meta"),
    ],
)
def test_what_is_refused(interpreter: Ask, kind: str, why: str) -> None:
    """A forward that would be traced as another one is refused as it is built, not as it runs."""
    assert re.search(why, interpreter("refused_form", kind=kind))
