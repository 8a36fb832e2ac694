"""What a subject is called with, where somebody gave the inputs: values, names, and their batch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torch

from costlab.bench.anatomy import study_of_model
from costlab.bench.costs import price
from costlab.bench.example import example_of
from costlab.bench.prepared import Where, prepare
from costlab.bench.study import Case, Side, Study, Subject
from costlab.bench.subjects import build
from costlab.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, ids, mask=None, scale=None):
        x = self.table(ids)
        x = x if scale is None else x * scale
        return {"logits": self.head(x if mask is None else x * mask[..., None])}


def make(batch=3):
    ids = torch.randint(1, 50, (batch, 5))
    mask = torch.ones(batch, 5, dtype=torch.bool)
    return {"ids": ids, "mask": mask, "scale": torch.rand(batch, 5, 1)}


def double():
    return torch.rand(2, 5, dtype=torch.float64)


def flat():
    return torch.ones(5, dtype=torch.int64)


def broken():
    raise KeyError("no data")
"""
SPECS = ("ids=i64[2,5]", "mask=bool[2,5]", "scale=f32[2,5,1]")


@pytest.fixture(autouse=True)
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A model whose inputs have names, and functions that make them."""
    (tmp_path / "ids_net.py").write_text(CODE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield
    for name in [name for name in sys.modules if name.endswith("ids_net")]:
        del sys.modules[name]


def made(inputs_from: str = "ids_net.py:make(batch=3)") -> Study:
    """A study of the model on what a function returns."""
    return study_of_model("ids_net.py:Net", inputs_from=inputs_from)


def test_inputs_say_their_own_batch() -> None:
    """The axis has their batch alone, and each block is timed on what it is given."""
    study = made()
    assert (study.axes.batches, study.quick.batches) == ((3,), (3,))
    assert [pair.variant.block for pair in study.pairs] == ["", "table", "head"]
    assert all(pair.variant.has_own_batch for pair in study.pairs)
    specs = study_of_model("ids_net.py:Net", SPECS)
    assert specs.axes.batches == (2,)
    assert specs.pairs[0].variant.inputs == SPECS


def test_one_input_of_float32_has_an_axis_of_batches() -> None:
    """A single unnamed one: its first size is the axis's, as of the zoo's networks."""
    study = study_of_model("torch.nn:Conv2d(3, 4, 3)", ("f32[1,3,9,9]",))
    assert study.pairs[0].variant.shape == (3, 9, 9)
    assert not study.pairs[0].variant.has_own_batch
    assert len(study.axes.batches) > 1


def test_values_are_those_of_the_function() -> None:
    """Whole numbers and truths are as they were returned, floats are shapes; the seed decides."""
    subject = made().pairs[0].variant
    one, two, other = (build(subject, "bare", 3, seed).example[1] for seed in (1, 1, 2))
    assert torch.equal(one["ids"], two["ids"])
    assert not torch.equal(one["ids"], other["ids"])
    assert int(one["ids"].min()) > 0
    assert one["scale"].is_meta
    assert bool(one["mask"].all())


def test_specs_are_zeros_and_truths() -> None:
    """Of what only a spec says, numbers are 0 and truths are true."""
    _, kwargs = example_of(Subject("", "", (), inputs=SPECS), 2)
    assert not kwargs["ids"].any()
    assert kwargs["mask"].all()
    assert kwargs["scale"].is_meta


def test_a_block_gets_the_numbers_of_the_whole() -> None:
    """The table of a model is timed on the tokens that the model gets, not on zeros."""
    table = made().pairs[1].variant
    (ids,), _ = build(table, "bare", 3, 1).example
    assert torch.equal(ids, build(made().pairs[0].variant, "bare", 3, 1).example[1]["ids"])
    (x,), _ = build(made().pairs[2].variant, "bare", 3, 1).example
    assert (x.is_meta, tuple(x.shape)) == (True, (3, 5, 8))


@pytest.mark.parametrize("given", [{"inputs": SPECS}, {"inputs_from": "ids_net.py:make(batch=2)"}])
def test_it_runs_and_is_priced(given: dict[str, object]) -> None:
    """Checked against float64, with the multiply-adds of the inputs' own batch."""
    subject = Subject("net", "ids_net.py:Net", (), **given)  # type: ignore[arg-type]  # two fields
    side = Side(subject, "eager")
    case = Case("s", "p", side, side, 2, "fp32", "nhwc", "bare", "cold")
    ready = prepare(side, case, 1, Where(torch.device("cpu"), 1 << 12))
    try:
        checked = ready.check()
        assert 0 < checked.before < checked.tolerance
    finally:
        ready.close()
    assert price(subject, case).macs == 2 * 5 * 8 * 4


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("double", UsageError, "is of float64; give it as float32"),
        ("flat", UsageError, "no input of ids_net.py:Net has a batch"),
        ("broken", SourceError, "KeyError: 'no data'"),
        ("absent", SourceError, "has no 'absent'"),
    ],
)
def test_what_cannot_be_timed_on(function: str, error: type[Exception], message: str) -> None:
    """Other types than float32, no batch, and functions that fail are told."""
    with pytest.raises(error, match=message):
        made(f"ids_net.py:{function}")
