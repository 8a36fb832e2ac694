"""What goes into a forward: how it is spelled, what comes of it, and how it is written again."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from costlab import analyze
from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.inputspec import DTYPES, Argument, Value, format_argument
from costlab.tracing.inputs import as_call, as_specs


class Pair(NamedTuple):
    """A tuple with names, as some networks take it."""

    left: torch.Tensor
    right: torch.Tensor


class Nested(nn.Module):
    """Reads a dict of a tuple and a list, and a flag."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(
        self,
        batch: dict[str, tuple[torch.Tensor, list[torch.Tensor]]],
        *,
        twice: bool = False,
    ) -> torch.Tensor:
        """One product, or two."""
        first, (second, *_) = batch["x"]
        return torch.as_tensor(self.fc(first) + (self.fc(second) if twice else 0))


def test_containers() -> None:
    """A spec makes tuples, lists, dicts and literals as Python writes them; tensors on meta."""
    args, kwargs = as_call(("(f32[1,3],[i64[2],None])", "batch={ids: bool[2], 'a b': -1.5}", "n=3"))
    ((first, (second, nothing)),) = args
    assert (first.shape, second.dtype, nothing) == ((1, 3), torch.int64, None)
    assert first.is_meta
    assert list(kwargs) == ["batch", "n"]
    assert list(kwargs["batch"]) == ["ids", "a b"]
    assert (kwargs["batch"]["a b"], kwargs["n"]) == (-1.5, 3)


@pytest.mark.parametrize(("twice", "rows"), [("False", 5), ("True", 5 + 1)])
def test_a_flag_changes_the_count(twice: str, rows: int) -> None:
    """What a literal says reaches the forward."""
    report = analyze(Nested(), ("{x: (f32[5,4],[f32[1,4]])}", f"twice={twice}"))
    assert report.total.macs == rows * 4 * 2


def test_a_report_says_its_inputs() -> None:
    """The inputs of a report are specs that mean the same call again."""
    given = ("{x:(f32[1,4],[f32[7,4]])}", "twice=True")
    report = analyze(Nested(), given)
    assert report.inputs == given
    assert analyze(Nested(), report.inputs).total == report.total


def test_what_no_spec_can_say() -> None:
    """Of an argument of a class of the user's, the tensors in it are named."""
    pair = Pair(torch.empty(2), torch.empty(3))
    assert as_specs((pair,), {"other": pair}) == (
        "f32[2]", "f32[3]", "other=f32[2]", "other=f32[3]",
    )  # fmt: skip
    assert as_specs((float("nan"), slice(1)), {}) == ()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (("x=f32[1]", "x=f32[2]"), "the input 'x' is given twice"),
        (("x=f32[1]", "True"), "the positional input 'True' follows a named one"),
        ((1, 3, 8, 8), "are a shape; write it as a spec: 'f32"),
        (("(f32[1]",), "a ',' or the closing"),
    ],
)
def test_refused(inputs: tuple[object, ...], message: str) -> None:
    """What is no call is an error."""
    with pytest.raises(UsageError, match=message):
        as_call(inputs)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.builds(
        TensorSpec,
        st.lists(st.integers(0, 99), max_size=4).map(tuple),
        st.sampled_from(list(DTYPES.values())),
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_reads_back(value: Value) -> None:
    """`as_specs` of what a text makes is that text."""
    text = format_argument(Argument("x", value))
    args, kwargs = as_call(text)
    assert as_specs(args, kwargs) == (text,)
