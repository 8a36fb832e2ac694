"""What fake tensors or real ones once did not carry: packed sequences, functions, caught errors."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import costlab
from tests.tracing.networks import Calls

R = torch.randn


class Packed(nn.Module):
    """An LSTM over sequences whose lengths the forward says, not the longest first."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The states of all steps, padded."""
        lengths = torch.tensor([2, 5])
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]


def test_packed_sequences_cost_the_same_on_whatever_tensors() -> None:
    """Lengths that the forward says: 2 + 5 steps of 4 gates, each with a row and a state."""
    counts = [costlab.analyze(Packed(), R(2, 5, 8), on=on) for on in ("meta", "fake", "real")]
    assert counts[0].total.macs == (2 + 5) * 4 * 16 * (8 + 16)
    assert counts[0].total == counts[1].total == counts[2].total
    assert not any(report.coverage.unknown for report in counts)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_an_operation_that_is_given_a_function_is_run_on_real_tensors() -> None:
    """`flex_attention` costs the same on shapes, on fake tensors and on real ones."""
    model = Calls(lambda _, q: flex_attention(q, q, q, score_mod=lambda score, *_: score * 2))
    shapes, *others = (
        costlab.analyze(model, R(1, 2, 16, 8), on=on).total for on in ("meta", "fake", "real")
    )
    assert shapes.macs == 2 * 16 * 16 * (8 + 8)
    assert others == [shapes] * 2


def test_an_error_that_the_model_catches_is_not_told(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """On fake tensors torch tells of it at length; here it is the model's own way of asking."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        with contextlib.suppress(RuntimeError):
            x @ torch.zeros(3, 3)
        return x @ m.weight

    report = costlab.analyze(Calls(forward), R(2, 8), on="fake", strict=True)
    assert report.total.macs == 2 * 8 * 8
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_what_a_kernel_raises_is_no_consequence_of_a_rule() -> None:
    """Nothing of costlab's stands behind an error that a model catches."""
    seen: list[BaseException | None] = []

    def forward(m: Any, x: torch.Tensor) -> Any:
        try:
            x @ torch.zeros(3, 3)
        except RuntimeError as error:
            seen.append(error.__context__)
        return x @ m.weight

    costlab.analyze(Calls(forward), R(2, 8), on="meta")
    assert seen == [None]


def test_places_that_a_tensor_tells_are_read_on_real_tensors() -> None:
    """`tensor_split` by a tensor wants its values on a CPU: a run on real tensors has them."""
    places = torch.tensor([2, 5])
    model = Calls(lambda m, x: x.tensor_split(places, 1)[2] @ m.weight[:3])
    report = costlab.analyze(model, R(2, 8), strict=True)
    assert report.total.macs == 2 * 3 * 8
    assert report.warnings[0].startswith("counted on real tensors")
