"""Analyses that overlap in threads leave the settings and the generators of the process alone."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
import torch._dynamo
from torch import nn
from torch._dynamo import eval_frame
from torch.distributions import Distribution

import costlab
from tests.tracing.networks import Calls

SECONDS = 60


class Paused:
    """An analysis in a thread of its own, which stops within its forward until told to go on."""

    def __init__(self, *, draws: bool = False, threads: int | None = None) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()
        self.draws = draws
        self.threads, self.threads_after = threads, 0
        self.model = Calls(self.forward)
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        """The analysis, in a thread that computes with as many as it is to."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        costlab.analyze(self.model, "f32[1,8]")
        self.threads_after = torch.get_num_threads()

    def forward(self, model: Any, x: torch.Tensor) -> torch.Tensor:
        """A product, after all generators were drawn from, if so asked."""
        if self.draws:
            draw()
        self.begun.set()
        assert self.ended.wait(SECONDS)
        product: torch.Tensor = x @ model.weight
        return product

    def begin(self) -> None:
        """Goes into the forward."""
        self.thread.start()
        assert self.begun.wait(SECONDS)

    def end(self) -> None:
        """Ends the analysis."""
        self.ended.set()
        self.thread.join(SECONDS)


def draw() -> tuple[float, float]:
    """The next numbers of torch and of numpy."""
    return torch.rand(1).item(), np.random.rand()  # noqa: NPY002 - the global generator is meant


def settings() -> tuple[Any, ...]:
    """What an analysis sets in the whole process."""
    return eval_frame._stance.stance, Distribution._validate_args, sys.getrecursionlimit()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_settings_are_put_back_by_the_last(
    order: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of two ends first: the other keeps its settings until its end, and then none is."""
    monkeypatch.setattr(Distribution, "_validate_args", True)
    before, limit = settings(), sys.getrecursionlimit()
    analyses = Paused(), Paused()
    for analysis in analyses:
        analysis.begin()
    analyses[order[0]].end()
    assert settings() == ("force_eager", False, 4 * limit)
    analyses[order[1]].end()
    assert settings() == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_thread_keeps_how_many_compute_for_it(order: tuple[int, int]) -> None:
    """OpenMP's number is one of each thread: another's analysis does not put its own in place."""
    kept = torch.get_num_threads()
    analyses = Paused(threads=1), Paused(threads=2)
    try:
        for analysis in analyses:
            analysis.begin()
        for place in order:
            analyses[place].end()
        assert [analysis.threads_after for analysis in analyses] == [1, 2]
    finally:
        torch.set_num_threads(kept)


def test_a_forward_may_wait_for_the_analysis_of_another_thread() -> None:
    """No analysis waits for another to end."""
    found: list[int] = []

    def forward(model: Any, x: torch.Tensor) -> torch.Tensor:
        def other() -> None:
            found.append(costlab.analyze(nn.Linear(4, 4), "f32[1,4]").total.macs)

        thread = threading.Thread(target=other, daemon=True)
        thread.start()
        thread.join(SECONDS)
        product: torch.Tensor = x @ model.weight
        return product

    assert costlab.analyze(Calls(forward), "f32[1,8]").total.macs == 8 * 8
    assert found == [4 * 4]


def test_generators_are_where_the_first_of_analyses_that_overlap_found_them() -> None:
    """The second began where the first had drawn: that is not what is put back at the end."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global generator is what a forward uses
    want = draw()
    first, second = Paused(draws=True), Paused()
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - as above
    first.begin()
    second.begin()
    first.end()
    second.end()
    assert draw() == want


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_another_thread_calls_torch_by_keyword() -> None:
    """Torch's functions take all their arguments by name while an analysis runs elsewhere."""
    analysis, jit = Paused(), vars(torch)["jit"]
    analysis.begin()
    try:
        traced = jit.trace(func=torch.relu, example_inputs=torch.ones(2))
        compiled = torch.compile(model=torch.relu, backend="eager")
    finally:
        analysis.end()
    assert traced(-torch.ones(2)).tolist() == [0, 0]
    assert compiled(-torch.ones(2)).tolist() == [0, 0]


def test_a_generator_of_another_kind_is_put_back() -> None:
    """NumPy's global generator may be of any kind; none makes an analysis warn."""
    of_numpy: Any = np.random  # whose annotations leave out what is set here
    kept = of_numpy.get_bit_generator()
    of_numpy.set_bit_generator(np.random.PCG64(0))
    try:
        model = Calls(lambda m, x: x @ m.weight * draw()[1])
        costlab.analyze(model, "f32[1,8]")
        found = draw()[1]
        of_numpy.set_bit_generator(np.random.PCG64(0))
        assert draw()[1] == found
    finally:
        of_numpy.set_bit_generator(kept)


def test_a_limit_of_frames_that_cannot_be_raised_further_is_no_error() -> None:
    """Some set a limit of a thousand millions, four times of which is more than Python takes."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**9)
    try:
        assert costlab.analyze(nn.Linear(4, 4), "f32[1,4]").total.macs == 4 * 4
        assert sys.getrecursionlimit() == 10**9
    finally:
        sys.setrecursionlimit(before)
