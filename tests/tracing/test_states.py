"""Arrays and generators that a model holds, or is given, are after an analysis as before."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import costlab
from costlab.tracing import states, untouched
from tests.tracing.networks import Calls
from tests.tracing.stateful import HELD, Ramp, draw, ramp, told

if TYPE_CHECKING:
    from collections.abc import Callable

PLACES: dict[str, Callable[[Any, Any], Any]] = {
    "an attribute": lambda model, value: setattr(model, "held", value),
    "a list of dicts": lambda model, value: setattr(model, "held", [{"a": value}]),
    "an object": lambda model, value: setattr(model, "held", Holder(value)),
}
"""Where a model may hold it."""


class Holder:
    """An object that holds something."""

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("name", HELD)
def test_what_a_model_holds_is_as_it_was(name: str, on: str) -> None:
    """Wherever it is held, though a forward does write to it."""
    make, change = HELD[name]
    for place in PLACES.values():
        value, twin = make(), make()
        model: Any = Calls(lambda m, x: (m.change(), x @ m.weight)[1])
        model.change = lambda value=value: change(value)
        place(model, value)
        before = told(value)
        report = costlab.analyze(model, "f32[2,8]", on=on)
        assert told(value) == before == told(twin)
        assert report.total.macs == 2 * 8 * 8
        assert not any("put back" in warning for warning in report.warnings)
        model(torch.zeros(2, 8))
        assert told(value) != before


@pytest.mark.parametrize("on", ["meta", "real"])
@pytest.mark.parametrize("name", HELD)
def test_what_is_given_is_as_it_was(name: str, on: str) -> None:
    """As an argument, by name, or within a container or an object that is one."""
    make, change = HELD[name]
    for wrap, find in (
        (lambda value: value, lambda given: given),
        (lambda value: [{"a": value}], lambda given: given[0]["a"]),
        (Holder, lambda given: given.value),
    ):
        value = make()
        before = told(value)
        model = Calls(lambda m, x, given, find=find: (change(find(given)), x @ m.weight)[1])
        x = torch.zeros(2, 8)
        costlab.analyze(model, (x, wrap(value)), on=on)
        costlab.analyze(model, {"x": x, "given": wrap(value)}, on=on)
        assert told(value) == before


def test_nothing_of_the_users_runs_for_it() -> None:
    """An array of a class of the user's is read and written as one of numpy's own class."""
    model: Any = Calls(lambda m, x: (m.held.__setitem__(0, 5), x @ m.weight)[1])
    model.held = ramp()
    seen = Ramp.seen
    costlab.analyze(model, "f32[2,8]")
    assert (Ramp.seen, model.held[0]) == (seen, 0)


def test_it_is_as_it_was_after_an_error_too() -> None:
    """A forward that raises has written before."""

    def forward(m: Any, _: torch.Tensor) -> None:
        m.held[0] = 5
        draw(m.generator)
        raise ValueError

    model: Any = Calls(forward)
    model.held, model.generator = np.zeros(2), torch.Generator()
    before = told(model.generator)
    with pytest.raises(costlab.CostlabError):
        costlab.analyze(model, "f32[2,8]")
    assert model.held.tolist() == [0, 0]
    assert told(model.generator) == before


@pytest.mark.parametrize("on", ["meta", "real"])
def test_an_optimizer_has_learnt_nothing(on: str) -> None:
    """Neither a momentum that it had nor one that it got, nor the step of its schedule."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        for optimizer in m.optimizers:
            optimizer.step()
        m.schedule.step()
        return x @ m.weight

    model: Any = Calls(forward)
    model.weight.grad = torch.ones(8, 8)
    model.optimizers = [torch.optim.SGD([model.weight], 0.1, momentum=0.9) for _ in range(2)]
    model.optimizers[0].step()
    model.schedule = torch.optim.lr_scheduler.StepLR(model.optimizers[0], 1)
    momentum = model.optimizers[0].state[model.weight]["momentum_buffer"]
    before = momentum.clone(), model.weight.detach().clone()
    costlab.analyze(model, "f32[2,8]", on=on)
    assert model.optimizers[0].state[model.weight]["momentum_buffer"] is momentum
    assert torch.equal(momentum, before[0])
    assert torch.equal(model.weight, before[1])
    assert not model.optimizers[1].state
    assert (model.schedule.last_epoch, model.optimizers[0].param_groups[0]["lr"]) == (0, 0.1)


@pytest.mark.parametrize("on", ["meta", "real"])
def test_a_distribution_has_found_out_nothing(on: str) -> None:
    """What it computes when it is first asked it keeps: on shapes that would have no values."""
    model: Any = Calls(lambda m, x: x @ m.weight + m.prior.covariance_matrix)
    model.prior = torch.distributions.MultivariateNormal(
        torch.zeros(8), scale_tril=torch.eye(8) * model.weight, validate_args=False
    )
    before = vars(model.prior).copy()
    costlab.analyze(model, "f32[8,8]", on=on)
    assert vars(model.prior) == before


def test_what_cannot_be_put_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array too large to be copied, and one that the forward gives another shape."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        for one in (m.large, m.small, m.fixed):
            if one.flags.writeable:
                one[0] = 5
        m.odd.resize(3, refcheck=False)
        return x @ m.weight

    model: Any = Calls(forward)
    model.small, model.large, model.odd = np.zeros(4), np.zeros(100), np.zeros(2)
    model.fixed = np.zeros(1000)
    model.fixed.setflags(write=False)
    monkeypatch.setattr(states, "MOST_BYTES", 8 * (4 + 2))
    large, odd = costlab.analyze(model, "f32[2,8]").warnings
    assert "a numpy.ndarray that the model holds or was given is not put back" in large
    assert "it is too large to be copied (800 bytes): what the forward writes to it stays" in large
    assert "it has another shape or type now" in odd
    assert "it stays as the forward left it" in odd
    assert (model.small[0], model.large[0], model.odd.shape) == (0, 5, (3,))


def test_a_model_that_holds_none_pays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of layers and tensors nothing is looked into."""
    asked: list[Any] = []

    def contents(values: Any, remarks: Any) -> Any:
        asked.append((values, remarks))

    monkeypatch.setattr(untouched, "Contents", contents)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LSTM(4, 4), nn.Linear(4, 4))
    with untouched.untouched([*model.modules()], (torch.ones(2), 3, None)):
        pass
    assert asked == []


def test_numpy_is_not_loaded_for_it() -> None:
    """To look at what a model holds takes only what is there."""
    code = (
        "import sys; sys.modules['numpy'] = None\n"  # so that torch goes without it
        "import torch\n"
        "from costlab.tracing.contents import Contents\n"
        "held = torch.Generator().manual_seed(1)\n"
        "before = held.get_state()\n"
        "found = Contents([{'a': held}, object()])\n"
        "torch.rand(1, generator=held)\n"
        "found.restore()\n"
        "assert torch.equal(held.get_state(), before)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
