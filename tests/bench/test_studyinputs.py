"""Inputs of a user's own study: specs, what a function returns, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from costlab.bench.studyfile import parsed, study_of
from costlab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
[subjects.tokens]
model = "torch.nn:Embedding(50, 8)"
inputs = ["i64[4,9]"]
[subjects.wide]
model = "torch.nn:Embedding(50, 16)"
inputs_from = "own_inputs.py:make"
[subjects.image]
model = "net.py:make"
inputs = ["f32[1,3,32,32]"]
[[pairs]]
baseline = "tokens"
variant = "wide"
[[pairs]]
variant = "image"
[axes]
batches = [1, 32]
precisions = ["fp32"]
arms = ["eager"]
"""
MADE = """
import torch


def make(batch=4):
    return torch.ones(batch, 9, dtype=torch.int64)


def broken():
    raise KeyError("no data")
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with functions that make inputs, in the folder where the study is."""
    (tmp_path / "own_inputs.py").write_text(MADE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("functions")
def test_inputs_of_a_subject() -> None:
    """Specs or a function's; one of float32 is a sample, and the others say their own batch."""
    tokens, image = parsed(OWN, "own").pairs
    assert tokens.baseline is not None
    assert (tokens.baseline.inputs, tokens.variant.inputs_from) == (
        ("i64[4,9]",),
        "own_inputs.py:make",
    )
    assert tokens.batch == 4
    assert (image.variant.shape, image.variant.inputs, image.batch) == ((3, 32, 32), (), None)


@pytest.mark.usefixtures("functions")
def test_inputs_with_a_batch_of_their_own_are_no_axis() -> None:
    """Such a pair is one case, of its own batch, where others are a case a batch."""
    study = parsed(OWN, "own")
    cases = [(case.pair, case.batch) for case in study.cases()]
    assert cases == [("tokens → wide", 4), ("image", 1), ("image", 32)]
    assert len({case.key for case in study.cases()}) == len(cases)


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"i64[4,9]"', '"i64[4,"', r"^subjects.tokens.inputs\[1\]: "),
        ('["i64[4,9]"]', "[]", r"^subjects.tokens.inputs: it is \[\], not a list of specs"),
        ('["i64[4,9]"]', '"i64[4,9]"', "^subjects.tokens.inputs: it is 'i64.*, not a list of"),
        ('["i64[4,9]"]', "[3]", r"^subjects.tokens.inputs\[1\]: it is 3, not a text"),
        ('["i64[4,9]"]', '["i64[4,9]"]\nshape = [9]', "^subjects.tokens: shape and inputs each"),
        ("own_inputs.py:make", "own_inputs.py", "inputs_from: .* names no function; write"),
        ("own_inputs.py:make", "own_inputs.py:mak", r"^pairs\[1\]: .*mak"),
        ("own_inputs.py:make", "own_inputs.py:broken", r"^pairs\[1\]: .*KeyError"),
        ("own_inputs.py:make", "own_inputs.py:make(batch=5)", r"tokens reads i64\[4,9\] and wide"),
        ('"i64[4,9]"', '"i64[4,8]"', r"tokens reads i64\[4,8\] and wide i64\[4,9\]; only what"),
        ('"i64[4,9]"', '"bf16[4,9]"', "an input of tokens is of bfloat16; give"),
        ('baseline = "tokens"', 'baseline = "image"', r"image reads \[3, 32, 32\] and wide i64"),
        ('baseline = "tokens"\nvariant = "wide"', 'variant = "tokens"', None),
    ],
)
def test_inputs_that_cannot_be(old: str, new: str, message: str | None) -> None:
    """What says no inputs, or other ones than the other side, is refused with its place."""
    text = OWN.replace(old, new)
    assert text != OWN
    if message is None:
        assert parsed(text, "own").pairs[0].batch == 4
        return
    with pytest.raises(UsageError, match=message):
        parsed(text, "own")


def test_a_study_has_its_inputs() -> None:
    """Inputs given for a study that has its own are refused rather than ignored."""
    with pytest.raises(UsageError, match="leave --input out"):
        study_of("blocks", ("f32[1,3,299,299]",))
