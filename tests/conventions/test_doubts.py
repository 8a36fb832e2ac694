"""What a graph does not tell of a counter is said: no number that may be wrong is unmarked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab.conventions.asking import asked
from costlab.conventions.deriving import explain
from costlab.conventions.explanation import Explanation
from costlab.conventions.tools import TOOLS
from costlab.render.explain import explanation_table
from tests.conventions.battery import SEQUENCE, Calls, first, frozen
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module", autouse=True)
def _torchvision() -> None:
    """Of the counters ptflops imports torchvision, which may need its operators declared first."""
    torchvision()


def run(model: nn.Module, *specs: str) -> Explanation:
    """What counters print of a model in eval mode, by rules and when run."""
    return asked(explain(model, specs, TOOLS.values(), mode="eval", name="it"), model, specs)


def scripted() -> nn.Module:
    """A layer that is compiled by torch's older compiler, in a container that is not."""
    return nn.Sequential(torch.jit.script(nn.Linear(8, 3)))


def traced() -> nn.Module:
    """The same from a trace."""
    made = torch.jit.trace(nn.Linear(8, 3), torch.zeros(2, 5, 8))  # type: ignore[no-untyped-call]
    return nn.Sequential(made)


def traced_convolution() -> nn.Module:
    """A convolution from a trace, which takes its output's positions."""
    made = torch.jit.trace(nn.Conv2d(4, 6, 3), torch.zeros(2, 4, 6, 6))  # type: ignore[no-untyped-call]
    return nn.Sequential(made)


def scripted_whole() -> nn.Module:
    """A model that is scripted as a whole."""
    model: nn.Module = torch.jit.script(nn.Sequential(nn.Linear(8, 3), nn.ReLU()))
    return model


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_traced_convolution_is_one() -> None:
    """By the class that it was traced from, of which torchinfo takes each position."""
    found = run(traced_convolution(), "f32[2,4,6,6]")
    assert found.macs == 2 * 4 * 4 * 6 * 4 * 9
    told = {counter.name: counter.printed for counter in found.counters}
    assert told["torchinfo"] == 2 * 4 * 4 * (6 * 4 * 9 + 6)
    assert told["FlopCounterMode"] == 2 * found.macs


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", [scripted, traced, scripted_whole])
def test_scripted_modules_are_told(make: Callable[[], nn.Module]) -> None:
    """Their parameters are read as any other's, and no counter is said to be sure of them."""
    found = run(make(), SEQUENCE)
    assert found.macs == 2 * 5 * 8 * 3
    assert not any(counter.exact for counter in found.counters)
    told = {counter.name: counter.printed for counter in found.counters}
    assert told["torchinfo"] == 2 * (8 * 3 + 3) or make is scripted_whole


@torch.no_grad()
def without_gradients(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
    """What attention makes of a sequence."""
    return first(layer(x, x, x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("wants", [False, True])
def test_attention_without_gradients_may_run_as_one(*, wants: bool) -> None:
    """Be its weights frozen or gradients off, counters by function or trace see no product."""
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    function = without_gradients if wants else without_gradients.__wrapped__  # type: ignore[attr-defined]
    model = Calls(function, layer if wants else frozen(layer))
    counters = {counter.name: counter for counter in run(model, SEQUENCE).counters}
    unsure = {"fvcore", "ptflops", "torchprofile"}
    assert {name for name, counter in counters.items() if counter.agrees is False} == unsure
    assert {name for name, counter in counters.items() if not counter.exact} == unsure


class TwoInputs(nn.Module):
    """One layer of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """What the layer makes of each, as columns."""
        return torch.cat((self.layer(x), self.layer(y)), -1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_several_inputs_are_no_batch() -> None:
    """Given to ptflops by name, of which it takes no batch to divide by."""
    for specs in ((SEQUENCE, SEQUENCE), (SEQUENCE, f"y={SEQUENCE}")):
        (ptflops,) = (one for one in run(TwoInputs(), *specs).counters if one.name == "ptflops")
        assert ptflops.printed == 2 * 2 * 5 * (8 * 3 + 3)
        assert ptflops.exact
        assert ptflops.agrees


def other_forward() -> nn.Module:
    """A convolution whose forward is another, as adapters put it there."""
    layer = nn.Conv2d(2, 6, 3)
    layer.forward = torch.sum  # type: ignore[method-assign]
    return nn.Sequential(layer)


def unlike_calls() -> nn.Module:
    """A layer that is called with a batch and without one."""
    return Calls(lambda x, one: first(one(x)).sum() + first(one(x[0])).sum(), nn.LSTM(8, 6))


def attention_that_has_none() -> nn.Module:
    """Of attention's class, and without attention."""
    layer = nn.MultiheadAttention(8, 2)
    layer.forward = torch.neg  # type: ignore[method-assign,assignment]
    return nn.Sequential(layer)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "spec"),
    [
        (other_forward, "f32[2,2,6,6]"),
        (unlike_calls, SEQUENCE),
        (attention_that_has_none, SEQUENCE),
    ],
)
def test_counters_by_hook_are_not_sure_of_odd_modules(
    make: Callable[[], nn.Module], spec: str
) -> None:
    """Whose forward is another than their class's, or whose calls do not do the same."""
    found = run(make(), spec)
    for counter in found.counters:
        assert counter.agrees is not False or not counter.exact, counter.name
        if counter.name in {"torchinfo", "ptflops", "thop"}:
            assert counter.doubts


def test_a_doubt_is_told_once() -> None:
    """Below the table, with the counters that it is about."""
    found = explain(scripted(), (SEQUENCE,), TOOLS.values(), mode="eval", name="it")
    notes = [note for note in explanation_table(found).notes if "scripted" in note]
    assert len(notes) == 1
    assert f"({', '.join(TOOLS)})" in notes[0]


def test_a_document_without_doubts_is_read() -> None:
    """One of before says that a number is not exact, and not why."""
    document = run(Calls(torch.Tensor.relu), SEQUENCE).to_dict()
    for counter in document["counters"]:
        del counter["doubts"]
    read = {one.name: one for one in Explanation.from_dict(document).counters}
    assert not read["ptflops"].exact
    assert read["ptflops"].doubts
    assert read["thop"].exact
