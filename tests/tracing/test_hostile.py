"""Modules that lie, loop, change themselves or return nothing: a clear end, and no trace left."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

import costlab
from tests.tracing.networks import Calls, macs

R = torch.randn


def test_a_module_that_contains_itself_is_walked_once() -> None:
    """A cycle in the tree of modules ends where it begins, and parameters count once."""
    model: Any = Calls(lambda m, x: m.inner[0](x))
    model.inner = nn.Sequential(nn.Linear(8, 8))
    model.inner.add_module("above", model)
    report = costlab.analyze(model, R(2, 8))
    assert report.total.macs == 2 * 8 * 8
    assert report.total.params == 8 * 8 + (8 * 8 + 8)
    assert report.block("inner.0").cost.macs == 2 * 8 * 8
    assert model.inner.above is model


@pytest.mark.parametrize("on", ["auto", "real"])
def test_a_forward_that_calls_itself_for_ever_is_an_error(on: str) -> None:
    """A recursion without an end stops at Python's limit, with the model and the reason."""
    with pytest.raises(costlab.TraceError, match=r"stopped at Calls.*RecursionError") as stopped:
        costlab.analyze(Calls(lambda m, x: m(x + 1)), R(2, 8), on=on)
    assert len(str(stopped.value)) < 500
    assert costlab.analyze(nn.Linear(8, 8), R(2, 8)).total.macs == 2 * 8 * 8


class Liar(nn.Module):
    """A network whose questions about itself all fail or lie."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> Any:
        """The layer."""
        return self.layer(x)

    def refuse(self, *_args: Any, **_named: Any) -> Any:
        """Fails."""
        message = "a lie"
        raise RuntimeError(message)

    __repr__ = __str__ = named_modules = modules = children = refuse
    parameters = named_parameters = buffers = state_dict = named_children = refuse

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return 5

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7

    def __len__(self) -> int:
        return 0


def test_a_module_that_lies_is_counted_by_what_it_does() -> None:
    """What a module says of itself is not asked: its tree and its calls count."""
    report = costlab.analyze(nn.Sequential(Liar(), Liar()), R(2, 8))
    assert report.total.macs == 2 * (2 * 8 * 8)
    assert report.total.params == 2 * (8 * 8 + 8)
    assert [block.cost.macs for block in report.blocks] == [2 * 8 * 8] * 2


def test_a_liar_that_fails_is_named() -> None:
    """An error in a module that cannot be printed is told like any other."""
    with pytest.raises(costlab.TraceError, match=r"stopped at 0\.layer \(Linear\) in linear"):
        costlab.analyze(nn.Sequential(Liar()), R(2, 7))


class Secretive(nn.Linear):
    """A layer that does not tell its mode."""

    def __getattribute__(self, name: str) -> Any:
        if name == "training":
            message = "not told"
            raise RuntimeError(message)
        return super().__getattribute__(name)


def test_a_module_that_cannot_be_read_is_refused() -> None:
    """A mode that cannot be read, and a constructor that forgot its base, are the user's errors."""

    class Forgetful(nn.Module):
        def __init__(self) -> None:
            pass

    secretive, forgetful = Secretive(2, 2), Forgetful()
    for model in (secretive, nn.Sequential(secretive)):
        with pytest.raises(costlab.UsageError, match="RuntimeError: not told"):
            costlab.analyze(model, R(2, 2))
    for other in (forgetful, nn.Sequential(forgetful)):
        with pytest.raises(costlab.UsageError, match=r"Forgetful.*call super\(\).__init__\(\)"):
            costlab.analyze(other, R(2, 2))


@pytest.mark.parametrize(
    "function",
    [
        lambda _, x: x.expand(10**12, 10**12, 2, 8),
        lambda _, x: x.new_zeros(10**10, 10**10),
        lambda _, x: x.reshape(3, 5),
        lambda _, x: x.view(-1, 0),
        lambda _, x: torch.zeros(-3) + x,
    ],
    ids=["expand", "zeros", "reshape", "zero", "negative"],
)
def test_absurd_shapes_are_torchs_own_errors(function: Any) -> None:
    """A shape that no tensor can have is an error with the operation and the line."""
    with pytest.raises(costlab.TraceError, match=r"stopped at Calls.*test_hostile.py:\d+"):
        costlab.analyze(Calls(function), R(2, 8))


def test_a_huge_tensor_takes_no_memory() -> None:
    """A petabyte of activations is counted, and not allocated."""
    report = costlab.analyze(nn.Linear(8, 8), f"f32[{1 << 45},8]")
    assert report.total.macs == (1 << 45) * 8 * 8


@dataclass
class Answer:
    """What some models return."""

    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...] = ()


class Opaque:
    """Something that hides a tensor, in what no look at its attributes finds."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = lambda: tensor


RESULTS: dict[str, Any] = {
    "dataclass": lambda y: Answer(y, (y, y)),
    "mapping": lambda y: {"logits": y, "all": [y, {"deep": (y,)}]},
    "nested": lambda y: [(y, [y]), None, "text", 5],
    "set": lambda y: {y},
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_of_any_structure_are_the_outputs(name: str) -> None:
    """Tensors in dataclasses, mappings, lists and sets are what the model returns."""
    report = costlab.analyze(Calls(lambda m, x: RESULTS[name](x @ m.weight)), R(2, 8))
    assert {spec.shape for spec in report.root.outputs} == {(2, 8)}
    assert report.warnings == ()


@pytest.mark.parametrize("result", [None, "text", 5, (), [None], Opaque], ids=repr)
def test_a_forward_that_returns_no_tensor_is_said(result: Any) -> None:
    """A forward whose result holds no tensor is counted, and the report says that none came out."""
    model = Calls(
        lambda m, x: Opaque(x @ m.weight) if result is Opaque else (x @ m.weight, result)[1]
    )
    report = costlab.analyze(model, R(2, 8))
    assert report.total.macs == 2 * 8 * 8
    (warning,) = report.warnings
    assert warning.startswith("the forward returned no tensor")


def test_a_forward_that_adds_to_the_model_leaves_it_as_it_was() -> None:
    """Modules, parameters, buffers and hooks that a forward registers are counted and forgotten."""

    def grow(m: Any, x: torch.Tensor) -> Any:
        m.added = nn.Linear(8, 8)
        m.register_buffer("cache", torch.ones(8, 8))
        m.register_parameter("more", nn.Parameter(torch.ones(8, 8)))
        m.weight = nn.Parameter(torch.zeros(8, 8))
        m.added.register_forward_hook(lambda *_: None)
        return m.added(x) @ m.cache @ m.more

    model = Calls(grow)
    weight = model.weight
    for on in ("meta", "real"):
        assert macs(model, R(2, 8), on=on) == 3 * (2 * 8 * 8)
        assert set(model.state_dict()) == {"weight"}
        assert model.weight is weight
        assert not list(model.children())


def test_a_model_that_changes_its_own_call_is_counted() -> None:
    """A forward that replaces itself is restored."""

    def switch(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.forward = lambda x: x
        m.function = None
        result: torch.Tensor = x @ m.weight
        return result

    model = Calls(switch)
    assert macs(model, R(2, 8)) == 2 * 8 * 8
    assert macs(model, R(2, 8)) == 2 * 8 * 8
    assert "forward" not in vars(model)


def test_a_deep_network_is_no_recursion_of_ours() -> None:
    """Modules nested a hundred deep, and a loop of ten thousand products, are counted."""
    model: nn.Module = nn.Linear(8, 8)
    for _ in range(100):
        model = nn.Sequential(model)
    assert macs(model, R(2, 8)) == 2 * 8 * 8

    def loop(m: Any, x: torch.Tensor) -> torch.Tensor:
        for _ in range(10_000):
            x = x @ m.weight
        return x

    assert macs(Calls(loop), R(2, 8)) == 10_000 * 2 * 8 * 8


def test_a_real_run_stops_before_it_takes_all_memory() -> None:
    """A model that reads values of a tensor larger than the memory is refused, and not run."""
    code = (
        "import torch, costlab\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x if x.sum() > 0 else x + 1\n"
        f"try: costlab.analyze(Net(), 'f32[{1 << 42}]')\n"
        "except costlab.TraceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert f"not tried, as it would take {2 * 4 << 42:,} bytes of memory" in done.stdout
