"""Calls as graphs: which sets are replayed, on a torch.cuda that only writes things down."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from costlab.bench.calls import Forward
from costlab.bench.graphs import COPIES, Captured
from costlab.bench.inputs import Rotation

RUN: list[float] = []
REPLAYED: list[float] = []


class Graph:
    """A graph that remembers what ran while it was captured."""

    def __init__(self) -> None:
        self.start, self.ran = 0, tuple[float, ...]()

    def capture_begin(self, pool: object) -> None:
        """From here on."""
        assert pool is not None
        self.start = len(RUN)

    def capture_end(self) -> None:
        """Until here."""
        self.ran = tuple(RUN[self.start :])

    def replay(self) -> None:
        """The same again."""
        REPLAYED.extend(self.ran)


class Stream:
    """A stream that waits for nothing."""

    def wait_stream(self, other: object) -> None:
        """Does nothing."""


def written_down(x: Tensor) -> Tensor:
    """A forward that tells which input it read."""
    RUN.append(float(x[0]))
    return x


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes calls on so many sets, whose first numbers tell them apart."""
    for name, stand_in in (
        ("CUDAGraph", Graph),
        ("Stream", Stream),
        ("current_stream", Stream),
        ("stream", lambda _stream: nullcontext()),
        ("synchronize", lambda: None),
        ("graph_pool_handle", object),
    ):
        monkeypatch.setattr(torch.cuda, name, stand_in)

    def make(sets: int) -> Captured:
        inputs = Rotation(
            ((torch.empty(3, device="meta"),), {}),
            sets,
            dtype=torch.float32,
            device=torch.device("cpu"),
            layout="nchw",
            generator=torch.Generator().manual_seed(0),
        )
        for number in range(sets):
            inputs.at(number)[0][0].fill_(number)
        calls = Captured([Forward(written_down, torch.nn.Identity())], inputs)
        REPLAYED.clear()
        return calls

    return make


@pytest.mark.parametrize("sets", [1, 3, 100])
@pytest.mark.parametrize("calls", [1, 5, COPIES, 3 * COPIES + 7])
def test_as_many_calls_are_replayed_as_asked_for(captured: Any, sets: int, calls: int) -> None:
    """Neither more nor fewer, however many are in a graph."""
    captured(sets).repeat(calls)
    assert len(REPLAYED) == calls


def test_sets_take_turns(captured: Any) -> None:
    """Called one by one, each set is replayed in its turn; in a row too, one after the other."""
    calls = captured(100)
    for _ in range(5):
        calls()
    assert REPLAYED == [0, 1, 2, 3, 4]
    REPLAYED.clear()
    calls.repeat(3 * COPIES)
    assert list(range(3 * COPIES)) == REPLAYED


def test_what_is_left_over_is_not_in_the_cache(captured: Any) -> None:
    """The calls that fill no graph are far from those before and from those that come next."""
    calls = captured(100)
    calls.repeat(COPIES + 2)
    calls.repeat(COPIES)
    left = REPLAYED[COPIES : COPIES + 2]
    others = REPLAYED[:COPIES] + REPLAYED[COPIES + 2 :]
    assert min(abs(one - other) for one in left for other in others) > 30


def test_the_first_set_is_checked(captured: Any) -> None:
    """Its replay gives the memory that its graph writes."""
    calls = captured(3)
    (out,) = calls.first()
    assert REPLAYED == [0]
    assert out is calls.inputs.at(0)[0][0]
