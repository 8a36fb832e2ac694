"""The kernels of a call."""

import pytest
import torch
from torch import nn

from costlab.bench.document import Kernel
from costlab.bench.profiler import Ran, kernels, summed

CPU = torch.device("cpu")


def test_the_operations_of_a_call_are_named_and_counted() -> None:
    """Two convolutions and two ReLUs are two of each, and nothing that only makes room."""
    model = nn.Sequential(*(nn.Sequential(nn.Conv2d(16, 16, 3), nn.ReLU()) for _ in range(2)))
    x = torch.randn(4, 16, 20, 20)
    with torch.no_grad():
        found, gaps_s = kernels(lambda: model(x), CPU)
    counts = {kernel.name: kernel.calls for kernel in found}
    assert sorted(counts.values()) == [2, 2]
    assert any("conv" in name for name in counts)
    assert gaps_s >= 0


def test_the_profiler_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """A progress bar on stderr is not torn apart."""
    kernels(lambda: None, CPU)
    assert capfd.readouterr() == ("", "")


def test_overlapping_kernels_leave_no_gap() -> None:
    """Idle is only when no kernel runs, also if one lasts longer than those after it."""
    run = [Ran("a", 0.0, 5.0), Ran("b", 1.0, 2.0), Ran("c", 6.0, 7.0)]
    assert summed([run])[1] == 1.0


def test_several_runs_are_one_call() -> None:
    """Calls are those of one run, times the mean over all, gaps those of the middle run."""
    runs = [[Ran("a", 0.0, 1.0), Ran("a", 1.0 + gap, 4.0 + gap)] for gap in (0.0, 9.0, 2.0)]
    assert summed(runs) == ((Kernel("a", 2, 2.0),), 2.0)


def test_nothing_ran_is_no_kernel() -> None:
    """A trace without kernels has none, and no gaps."""
    assert summed([[], []]) == ((), 0.0)
