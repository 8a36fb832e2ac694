"""What lives how long: stand-ins, entries and bodies of functions, and work in other threads."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any
from weakref import ref

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function_unary

import costlab
from costlab.tracing.entries import default_entries
from tests.tracing.networks import Calls

BLOCKS = 20


class Averaged(nn.Module):
    """Layers behind each of which a running average is written to, twice in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 2) for _ in range(BLOCKS))
        for number in range(BLOCKS):
            self.register_buffer(f"mean{number}", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The layers on the input as rows."""
        made = []
        for number, layer in enumerate(self.layers):
            mean = self.get_buffer(f"mean{number}")
            mean.mul_(0.9).add_(x.mean((0, 1)), alpha=0.1)
            made.append(layer(x.view(64, 4)))
        return made


def test_a_written_buffer_lends_its_number_to_nobody() -> None:
    """Stand-ins that are replaced stay alive: their identity would go to the next tensor."""
    model = Averaged()
    totals = [costlab.analyze(model, "f32[1,64,4]").total for _ in range(3)]
    assert totals[0].macs == BLOCKS * 64 * 4 * 2
    assert totals[0] == totals[1] == totals[2]
    real = costlab.analyze(model, torch.zeros(1, 64, 4), on="real").total
    assert real == totals[0]


def test_every_number_is_of_a_tensor_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of a trace, each identity that has a number is that of a tensor which is kept."""
    from costlab.tracing.registry import Registry

    made: list[Registry] = []
    plain = Registry.__init__

    def kept(self: Registry) -> None:
        plain(self)
        made.append(self)

    monkeypatch.setattr(Registry, "__init__", kept)
    costlab.analyze(Averaged(), "f32[1,64,4]")
    (registry,) = made
    alive = {id(tensor) for tensor in registry.alive()}
    alive |= {id(twin) for twin in registry._twins.values()}
    assert registry.numbers.keys() <= alive


TIMES = 1


def scaled(x: torch.Tensor) -> torch.Tensor:
    """A function that hands itself to a mode, as torch's own do, and reads a global."""
    if has_torch_function_unary(x):
        made: torch.Tensor = handle_torch_function(scaled, (x,), x)
        return made
    for _ in range(TIMES):
        x = x @ x
    return x


def test_a_function_is_entered_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it reads of its module is looked up anew in each analysis."""
    model = Calls(lambda _, x: scaled(x))
    assert costlab.analyze(model, "f32[4,4]").total.macs == 4**3
    monkeypatch.setattr(f"{__name__}.TIMES", 3)
    assert costlab.analyze(model, "f32[4,4]").total.macs == 3 * 4**3


def of_a_users(layer: nn.Module) -> Any:
    """A model that calls a function of its own, which holds a layer."""

    def own(x: torch.Tensor, _layer: nn.Module = layer) -> torch.Tensor:
        if has_torch_function_unary(x):
            made: torch.Tensor = handle_torch_function(own, (x,), x)
            return made
        return x + 1

    return Calls(lambda _, x: own(x))


def test_the_table_keeps_no_function_of_a_users() -> None:
    """It lives as long as the process, and a local function may hold a whole model."""
    layer = nn.Linear(2, 2)
    watched = ref(layer)
    before = len(default_entries().known)
    costlab.analyze(of_a_users(layer), "f32[2,2]")
    assert len(default_entries().known) <= before + 1  # the addition
    del layer
    gc.collect()
    assert watched() is None


def _in_a_thread(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    found: list[torch.Tensor] = []
    thread = Thread(target=lambda: found.append(layer(x)))
    thread.start()
    thread.join()
    return found[0]


def _in_a_pool(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with ThreadPoolExecutor(1) as pool:
        made: torch.Tensor = pool.submit(layer, x).result()
        return made


WAYS = {"a pool": _in_a_pool, "a thread": _in_a_thread}


class Elsewhere(nn.Module):
    """A layer that another thread runs."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.layer, self.way = nn.Linear(8, 8), way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's result."""
        return WAYS[self.way](self.layer, x)


@pytest.mark.parametrize(
    ("way", "on"), [("a pool", "auto"), ("a pool", "real"), ("a thread", "real")]
)
def test_work_in_other_threads_is_never_nothing(way: str, on: str) -> None:
    """It is named as unknown, and refused where nothing may be."""
    report = costlab.analyze(Elsewhere(way), torch.zeros(2, 8), on=on)
    assert report.is_lower_bound
    named = {unknown.op for unknown in report.coverage.unknown}
    assert named & {"ThreadPoolExecutor.submit", "threading.Thread.start"}
    with pytest.raises(costlab.UnknownOperationError, match=r"Thread"):
        costlab.analyze(Elsewhere(way), torch.zeros(2, 8), on=on, strict=True)


def test_within_a_device_constants_have_a_place() -> None:
    """Under `torch.device("meta")` a small constant has no values, and is no unknown."""
    model = Calls(lambda m, x: F.linear(x, m.weight) + torch.arange(8))
    with torch.device("meta"):
        report = costlab.analyze(model, "f32[2,8]", strict=True)
    assert report.total.macs == 2 * 8 * 8


def test_without_a_mode_a_forward_runs_as_the_model_is() -> None:
    """A model in train mode has gradients on, whether the mode is said or not."""
    twice = Calls(lambda _, x: x @ x @ x if torch.is_grad_enabled() else x @ x)
    macs = {
        mode: costlab.analyze(twice.train(), "f32[4,4]", mode=mode).total.macs
        for mode in (None, "train", "eval")
    }
    assert macs == {None: 2 * 64, "train": 2 * 64, "eval": 64}
    assert costlab.analyze(twice.eval(), "f32[4,4]").total.macs == 64


class Generates(nn.Module):
    """A forward that does nothing before somebody asks for its results."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> Any:
        """The layer's result, later."""
        yield self.layer(x)


@pytest.mark.parametrize("on", ["auto", "real"])
def test_a_generator_is_not_nothing(on: str) -> None:
    """What was not run is named, and refused where nothing unknown may be."""
    report = costlab.analyze(Generates(), torch.zeros(2, 6), on=on)
    assert [unknown.op for unknown in report.coverage.unknown] == ["generator"]
    with pytest.raises(costlab.UnknownOperationError, match="no rule prices generator"):
        costlab.analyze(Generates(), torch.zeros(2, 6), on=on, strict=True)


class Unregistered(nn.Module):
    """A weight in a list, or a layer that the first forward makes."""

    def __init__(self, *, later: bool) -> None:
        super().__init__()
        self.layer: nn.Module | None = None
        self.listed = [] if later else [nn.Parameter(torch.zeros(6, 6))]

    def forward(self, x: torch.Tensor) -> Any:
        """The product with the one or the other."""
        if self.listed:
            return x @ self.listed[0]
        self.layer = self.layer or nn.Linear(6, 6, bias=False)
        return self.layer(x)


@pytest.mark.parametrize("on", ["meta", "real"])
@pytest.mark.parametrize("later", [False, True])
def test_a_parameter_that_nobody_registers_is_remarked_on(on: str, *, later: bool) -> None:
    """It is multiplied with, and is no parameter of the model: that is said."""
    report = costlab.analyze(Unregistered(later=later), torch.zeros(2, 6), on=on)
    assert (report.total.macs, report.total.params) == (2 * 6 * 6, 0)
    assert any("that no module of the model registers" in warning for warning in report.warnings)
