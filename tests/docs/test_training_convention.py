"""The step of training on the page of the convention: what it derives by hand, costlab counts."""

from __future__ import annotations

import re
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from torch import nn

import costlab
from costlab.training.document import BlockCost, Memory
from tests.docs.blocks import blocks
from tests.docs.test_convention import PAGE, evaluated, number

if TYPE_CHECKING:
    from costlab.training import Training

ROW = re.compile(r"^\| ([a-z][a-z ,]*) \| (.*) \| ([\d,]+) \|$", re.MULTILINE)


def training() -> Training:
    """What costlab says of a step of the network on the page."""
    (code,) = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(compile(code, "convention.md", "exec"), names)  # noqa: S102 - our own page
    found = costlab.analyze(names["net"], "f32[1,3,8,8]", mode="train").training
    assert found is not None
    return found


def test_a_step_by_hand() -> None:
    """Each row of the worked example is what costlab counts, and all counts are derived."""
    found = training()
    total, memory = found.total, found.memory
    assert memory.parameter_bytes == memory.gradient_bytes == memory.optimizer_state_bytes
    counted = {
        "forward": total.forward_macs,
        "input gradients": total.input_gradient_macs,
        "weight gradients": total.weight_gradient_macs,
        "all three": total.macs,
        **{f"saved by {path}": cost.saved_bytes for path, cost in found.own.items()},
        "saved": total.saved_bytes,
        "parameters, their gradients, momentum": memory.parameter_bytes,
        "update": found.optimizer_flops,
        "peak of activations": memory.peak_activation_bytes,
        "peak of all": memory.peak_bytes,
    }
    assert {what: number(count) for what, _, count in ROW.findall(PAGE)} == counted


def test_the_sums_of_a_step_add_up() -> None:
    """Each derivation, its words left out, comes to what stands beside it."""
    checked = 0
    for what, told, count in ROW.findall(PAGE):
        sums = told.replace(",", "").partition("which")[0].rpartition(":")[2]
        plain = re.sub(r"`\w+`|[A-Za-z ]", "", sums).replace("·", "*").rstrip("*")
        if re.search(r"\d[+*]", plain):
            assert evaluated(plain) == number(count), what
            checked += 1
    assert checked == 11


def test_every_count_of_a_step_is_defined() -> None:
    """Each count has a definition of its own, in bold."""
    names = {*BlockCost._fields, *(field.name for field in fields(Memory))}
    for name in (*names, "trainable", "optimizer_flops"):
        assert f"**`{name}`**" in PAGE, name


def test_each_python_name_is_an_attribute() -> None:
    """The table of names in Python has what a report's training part has, and no other."""
    part = PAGE.partition("attributes of `report.training`")[2].partition("`block(path)`")[0]
    names = re.findall(r"`([a-z_.]+)`", part)
    report = costlab.analyze(nn.Linear(4, 4), "f32[2,4]", mode="train")
    for name in names:
        assert attrgetter(name)(report.training) is not None
    kept = {f"total.{name}" for name in BlockCost._fields}
    kept |= {f"memory.{name}" for name in Memory.__slots__}
    assert kept <= set(names)
    assert "<table" in report._repr_html_()
