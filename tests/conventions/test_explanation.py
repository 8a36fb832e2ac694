"""The explanation as a document: its sums, its failures, what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab.conventions.asking import asked
from costlab.conventions.deriving import explain
from costlab.conventions.explanation import Explained, Explanation, Run
from costlab.conventions.tools import TOOLS
from costlab.errors import DocumentError
from costlab.render.explain import explanation_table
from costlab.store import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def explained(model: nn.Module, spec: str) -> Explanation:
    """What all counters print of a model."""
    return explain(model, (spec,), TOOLS.values(), mode="eval", name="it")


def test_terms_that_do_not_add_up_are_refused() -> None:
    """An explanation is exact or is none."""
    sound = explained(nn.Linear(8, 3), "f32[2,8]")
    wrong = replace(sound.counters[0], macs=sound.macs + 1)
    with pytest.raises(ValueError, match="do not add up"):
        replace(sound, counters=(wrong,))


def test_a_counter_that_sees_nothing_misses_all() -> None:
    """A hook sees no function: the whole contraction is a term, with the reason."""
    thop = {counter.name: counter for counter in explained(Bare(), "f32[2,8]").counters}["thop"]
    assert thop.printed == 0
    assert thop.terms == ((TOOLS["thop"].unseen, -2 * 8 * 8),)


class Bare(nn.Module):
    """A product with a weight, without a module of its own."""

    def __init__(self) -> None:
        """A weight of eight by eight."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Their product."""
        return x @ self.weight


def test_a_failure_of_another_tool_is_a_result() -> None:
    """A counter that raises says why, and the others are asked all the same."""

    class Picky(nn.Module):
        def forward(self, x: torch.Tensor, *, flag: torch.Tensor) -> torch.Tensor:
            return x @ flag

    model, inputs = Picky(), ("f32[2,8]", "flag=f32[8,8]")
    found = explain(
        model, inputs, [TOOLS["fvcore"], TOOLS["FlopCounterMode"]], mode="eval", name=""
    )
    fvcore, flop_counter = asked(found, model, inputs).counters
    assert fvcore.run is not None
    assert fvcore.run.error == "TypeError: takes positional inputs only"
    assert flop_counter.agrees


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """A document holds all of an explanation, what was run included."""
    model = nn.Linear(8, 3)
    found = asked(explained(model, "f32[2,8]"), model, ("f32[2,8]",))
    (tmp_path / "a.json").write_text(found.to_json(), encoding="utf-8")
    assert load(tmp_path / "a.json") == found


def test_a_damaged_document_says_so() -> None:
    """A counter whose terms were edited is found."""
    document = explained(nn.Linear(8, 3), "f32[2,8]").to_dict()
    document["counters"][0]["macs"] += 1
    with pytest.raises(DocumentError, match="do not add up"):
        Explanation.from_dict(document)


def test_the_caller_s_model_is_as_it_was() -> None:
    """Counters run on copies: no buffer, hook or mode of theirs is left."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    asked(explained(model, "f32[2,3,8,8]"), model, ("f32[2,3,8,8]",))
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_where_a_counter_of_kernels_is_asked_is_said() -> None:
    """Below the table stands that FlopCounterMode is told on meta, where it is one of them."""
    told = explanation_table(explained(nn.Linear(8, 3), "f32[2,8]")).notes
    assert any("FlopCounterMode" in text and "on meta" in text for text in told)
    document = explained(nn.Linear(8, 3), "f32[2,8]")
    others = tuple(one for one in document.counters if one.name != "FlopCounterMode")
    assert not any("on meta" in text for text in explanation_table(_with(document, others)).notes)


def _with(document: Explanation, counters: tuple[Explained, ...]) -> Explanation:
    return replace(document, counters=counters)


@pytest.mark.parametrize(
    ("forward", "unsure"),
    [
        (lambda x: x.relu(), {"ptflops"}),
        (nn.functional.relu, {"ptflops"}),
        (nn.functional.gelu, {"ptflops"}),
        (lambda x: x + 1, {"ptflops", "torchprofile"}),
        (lambda x: x @ x.mT, {"ptflops"}),
        (nn.ReLU(), set()),
        (nn.MaxPool2d(2), set()),
        (nn.Conv2d(3, 4, 3), set()),
    ],
)
def test_what_rests_on_a_name_is_not_exact(
    forward: Callable[[torch.Tensor], torch.Tensor], unsure: set[str]
) -> None:
    """Of F.relu(x) and x.relu(), one in a graph, ptflops counts one: table and JSON say so.

    Nor is it told where torchprofile has a number from, which may be a product of sizes.
    """

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = forward if isinstance(forward, nn.Module) else nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) if isinstance(forward, nn.Module) else forward(x)

    found = explained(Net(), "f32[1,3,8,8]")
    counters = found.to_dict()["counters"]
    assert {one["name"] for one in counters if not one["exact"]} == unsure
    assert {one["name"] for one in counters if one["doubts"]} == unsure
    table = explanation_table(found)
    whys = [str(row.cells[-1]) for row in table.rows]
    assert sum(why.startswith("not exact: ") for why in whys) == len(unsure)
    notes = [note for note in table.notes if note.startswith("Not exact (")]
    assert {note.split("(")[1].split(")")[0] for note in notes} == unsure
    assert Explanation.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("sure", [False, True])
def test_a_run_that_agrees_is_exact(*, sure: bool) -> None:
    """What the counter itself prints tells by which name it was called."""
    document = explained(Bare(), "f32[2,8]")
    (found,) = (one for one in document.counters if one.name == "ptflops")
    assert not found.exact
    ran = replace(found, run=Run("0.7.5", found.printed if sure else 0))
    shown = explanation_table(_with(document, (ran,))).rows[1].cells
    assert any(str(cell).startswith("not exact") for cell in shown) is not sure


def test_an_explained_knows_its_unit() -> None:
    """FLOPs are two to a multiply-add."""
    assert Explained("a", "1", "", "FLOPs", 2, macs=5).printed == 10
