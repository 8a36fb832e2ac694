"""The kernels of a call."""

import shutil
import warnings

import pytest
import torch
from torch import nn

from costlab.bench.arms import function_of
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


def test_what_most_runs_do_not_have_is_no_kernel() -> None:
    """One run in which an operation seems to be another one adds no kernel to the call."""
    usual, odd = [Ran("clamp", 0.0, 1.0)], [Ran("relu", 0.0, 9.0)]
    assert summed([usual, odd, usual]) == ((Kernel("clamp", 1, 1.0),), 0.0)


def test_nothing_ran_is_no_kernel() -> None:
    """A trace without kernels has none, and no gaps."""
    assert summed([[], []]) == ((), 0.0)


def test_a_matrix_product_is_a_kernel_and_not_its_bias() -> None:
    """A linear layer of batch 1 copies its bias and multiplies: one kernel of nearly all time."""
    layer, x = nn.Linear(2048, 2048), torch.randn(1, 2048)
    with torch.no_grad():
        found, gaps_s = kernels(lambda: layer(x), CPU)
    assert [(kernel.name, kernel.calls) for kernel in found] == [("aten::addmm", 1)]
    assert gaps_s < found[0].time_s


class Views(nn.Module):
    """One product between operations that move nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The product of an input's first half, seen in another way."""
        half = x.narrow(1, 0, 32).flatten(1).unsqueeze(0)
        first, _ = torch.split(half, 1, dim=1)
        kept = nn.functional.dropout(first.squeeze(0), training=False)
        return torch.relu(kept.view(-1).expand(2, -1).transpose(0, 1))


def test_views_and_a_dropout_that_is_off_are_no_kernels() -> None:
    """What moves nothing is not listed, whatever it is called; what computes is."""
    x = torch.randn(2, 64)
    with torch.no_grad():
        found, _ = kernels(lambda: Views()(x), CPU)
    assert [kernel.calls for kernel in found] == [1]
    assert found[0].name in {"aten::clamp_min", "aten::relu"}


@pytest.mark.skipif(not shutil.which("g++"), reason="compile needs a C++ compiler")
def test_loops_that_the_compiler_writes_are_kernels() -> None:
    """An element-wise chain is one generated loop, beside the products that it is between."""
    model = nn.Sequential(nn.Linear(256, 256), nn.Sigmoid(), nn.Linear(256, 256)).eval()
    x = torch.randn(64, 256)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's compiler warns of parts of its own
        run = function_of("compile", model, ((x,), {}))
        run(x)
        found, gaps_s = kernels(lambda: run(x), CPU)
    torch.compiler.reset()
    generated = [kernel for kernel in found if "cpp_fused" in kernel.name]
    assert [kernel.calls for kernel in generated] == [1]
    assert sum(kernel.calls for kernel in found) == 3
    assert gaps_s > 0  # the compiler's own guards are in no kernel


def test_what_is_in_no_kernel_is_told() -> None:
    """Of a call of ten seconds in which kernels took seven, three are in none."""
    run = [Ran("a", 1.0, 5.0), Ran("b", 6.0, 9.0)]
    assert summed([run])[1] == 1.0
    assert summed([run], [Ran("", 0.0, 10.0)])[1] == 3.0
