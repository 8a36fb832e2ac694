"""Forwards that are written in less common ways run in launches, or are refused aloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

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
