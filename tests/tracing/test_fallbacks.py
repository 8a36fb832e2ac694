"""Which tensors a forward falls back to, and what is said where none of them carries it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.tracing.fallbacks import available_bytes, what_is_missing
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

R = torch.randn
torch_library: Any = torch.library
jit: Any = torch.jit


def reads(m: Any, x: torch.Tensor) -> Any:
    """A product, if the values are so."""
    return x @ m.weight if x.sum() > 0 else x


def test_a_mistake_of_the_forwards_own_is_told_once() -> None:
    """A shape that does not fit is an error of the first run, and no other run is tried."""
    calls: list[int] = []

    def count(m: Any, x: torch.Tensor) -> Any:
        calls.append(1)
        return x @ m.weight

    model = Calls(count)
    with pytest.raises(costlab.TraceError) as stopped:
        costlab.analyze(model, R(2, 7))
    assert calls == [1]
    assert "real tensors" not in str(stopped.value)


COMPILER = """
import sys, costlab, torch
for model, spec in [(torch.nn.Linear(4, 4), "f32[2,5]"), (torch.nn.Linear(4, 4), "i64[2,4]"),
                    (torch.nn.ReLU(), "f32[2,4]")]:
    try:
        costlab.analyze(model, spec)
        print("well")
    except costlab.TraceError as error:
        print(" ".join(str(error).split()))
    print("torch._dynamo" in sys.modules)
"""
"""What is said of each of some calls, and whether torch's compiler is imported by then."""


def test_a_mistake_does_not_import_the_compiler() -> None:
    """A wrong shape or type is priced kernel by kernel without what torch's compiler takes."""
    command = [sys.executable, "-c", COMPILER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, imported = done.stdout.splitlines()[::2], done.stdout.splitlines()[1::2]
    shape, kind, well = said
    assert "must have same reduction dim" in shape
    assert "wants operands of one type" in kind
    assert well == "well"
    assert imported == ["False"] * 3


def test_a_model_without_weights_has_no_real_run() -> None:
    """A model on meta that needs values is an error with the three reasons."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(8, 8), Calls(reads))
    with pytest.raises(costlab.TraceError) as stopped:
        costlab.analyze(model, R(2, 8))
    message = str(stopped.value)
    assert "reads the values of a tensor" in message
    assert "on fake tensors: the same" in message
    assert "on real tensors: not tried, as 3 of the model's 3 weights" in message
    assert stopped.value.partial.total.macs == 2 * 8 * 8 + 2 * 8 * 8 * 0
    with pytest.raises(costlab.TraceError, match="cannot be run on real tensors: 3 of the model"):
        costlab.analyze(model, R(2, 8), on="real")


def test_an_unknown_choice_is_refused() -> None:
    """`on` is one of four words."""
    with pytest.raises(costlab.UsageError, match="'auto', 'meta', 'fake', 'real'"):
        costlab.analyze(nn.Linear(2, 2), R(2, 2), on="cuda")


def test_what_does_not_fit_into_memory_is_not_run(tmp_path: Path) -> None:
    """A run that would take more memory than is free is not begun, and the bytes are told."""
    huge = [torch.empty(1 << 50, device="meta", dtype=torch.uint8)]
    assert "1,125,899,906,842,624" not in what_is_missing([], [])
    told = what_is_missing([], huge)
    assert told.startswith(f"it would take {2 << 50:,} bytes of memory, and ")
    assert available_bytes(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable:  4096 kB\n")
    assert available_bytes(tmp_path) == 4 << 20
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("3000000\n")
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("1000000\n")
    assert available_bytes(tmp_path) == 2_000_000


def test_a_call_without_a_kernel_on_meta_runs_on_fake_tensors() -> None:
    """An operation that torch only knows on a device has its shape from that kernel, on zeros."""
    model = Calls(lambda m, x: torch.geqrf(x)[0] @ m.weight)
    report = costlab.analyze(model, R(6, 8))
    assert report.total.macs == 6 * 8 * 8
    assert [unknown.op for unknown in report.coverage.unknown] == ["geqrf"]
    assert report.warnings[0].startswith("geqrf in the model has no kernel")
    with pytest.raises(costlab.TraceError, match="no rule and no kernel"):
        costlab.analyze(model, R(6, 8), on="meta")
    assert costlab.analyze(model, R(6, 8), on="real").total == report.total


def test_a_call_that_no_shapes_answer_runs_on_real_tensors() -> None:
    """An operation of a library with a kernel for the CPU alone is run there, and named."""
    library: Any = torch_library.Library("costlab_test", "FRAGMENT")
    library.define("halve(Tensor x) -> Tensor")
    library.impl("halve", lambda x: x[: len(x) // 2].clone(), "CPU")
    model = Calls(lambda m, x: torch.ops.costlab_test.halve(x) @ m.weight)
    report = costlab.analyze(model, R(6, 8))
    assert report.total.macs == 3 * 8 * 8
    assert [unknown.op for unknown in report.coverage.unknown] == ["costlab_test::halve"]
    assert report.warnings[0].startswith("counted on real tensors")
    library._destroy()


class Recurrent(nn.Module):
    """A layer, then a recurrent one; scripted it holds weights that no twin can stand in for."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.cells = nn.LSTM(8, 16, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The states of each step."""
        states: torch.Tensor = self.cells(self.first(x))[0]
        return states


def test_a_scripted_recurrent_layer_costs_what_the_plain_one_does() -> None:
    """It runs on real tensors, by another kernel, which is priced too."""
    model = Recurrent().eval()
    plain = costlab.analyze(model, R(3, 5, 8))
    scripted = costlab.analyze(jit.script(model), R(3, 5, 8))
    assert plain.total.macs == 3 * 5 * (8 * 8 + 2 * 4 * 16 * (8 + 16) + 2 * 4 * 16 * (32 + 16))
    assert scripted.total.macs == plain.total.macs
    assert scripted.coverage.unknown == ()
    (why, *_) = scripted.warnings
    assert why.startswith("counted on real tensors")
    assert why.endswith("found input tensor at meta and parameter tensor at cpu")
    assert "\n" not in why


@pytest.fixture
def doubled() -> Any:
    """An operation of a library's own that says nothing of its shapes."""

    @torch.library.custom_op("costlab_test::doubled", mutates_args=())
    def operation(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x])

    return operation


def test_an_operation_that_does_not_tell_its_shape(doubled: Callable[..., Any]) -> None:
    """It is run on real tensors and named; without weights the error names it, and what to do."""
    model = Calls(lambda m, x: doubled(x) @ m.weight)
    report = costlab.analyze(model, R(6, 8))
    assert report.total.macs == 12 * 8 * 8
    assert [unknown.op for unknown in report.coverage.unknown] == ["costlab_test::doubled"]
    with pytest.raises(costlab.TraceError) as stopped:
        costlab.analyze(model.to("meta"), "f32[6,8]")
    message = str(stopped.value)
    assert "costlab_test::doubled has no rule and no kernel that runs on shapes alone" in message
    assert "docs/adding-an-op.md" in message
    assert "--on real" in message


def test_a_loss_over_alignments_is_run_on_real_tensors() -> None:
    """`ctc_loss` reads how long its targets are: it is computed, and named."""

    def aligned(m: Any, x: torch.Tensor) -> torch.Tensor:
        scores = (x @ m.weight).log_softmax(-1)
        steps, targets = torch.full((2,), 12), torch.ones(2, 3, dtype=torch.long)
        return F.ctc_loss(scores, targets, steps, torch.full((2,), 3))

    report = costlab.analyze(Calls(aligned), R(12, 2, 8))
    assert report.total.macs == 12 * 2 * 8 * 8
    assert [unknown.op for unknown in report.coverage.unknown] == ["_ctc_loss"]


def test_a_distribution_does_not_check_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampling works on shapes alone, costs what it computes, and checks are as they were after."""
    from torch.distributions import Distribution, Normal, kl_divergence

    def sampled(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = x @ m.weight
        posterior = Normal(y, y.exp())
        return posterior.rsample() + kl_divergence(posterior, Normal(0.0, 1.0)).sum()

    # torch's compiler turns the checks off for good when it is first used.
    monkeypatch.setattr(Distribution, "_validate_args", True)
    report = costlab.analyze(Calls(sampled), "f32[3,8]", on="meta")
    assert report.total.macs == 3 * 8 * 8
    assert report.coverage.unknown == ()
    assert Distribution._validate_args is True
    with pytest.raises(ValueError, match="to satisfy the constraint"):
        Normal(0.0, -1.0)


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_refused(layout: torch.layout) -> None:
    """No shape says what rows of different lengths come to, and the error says what to do."""

    def nested(m: Any, x: torch.Tensor) -> Any:
        return torch.nested.as_nested_tensor([x, x[:2]], layout=layout) @ m.weight

    with pytest.raises(costlab.TraceError, match=r"rows of different lengths.*give padded tensors"):
        costlab.analyze(Calls(nested), "f32[3,8]", on="meta")


@pytest.mark.parametrize("on", ["auto", "meta", "fake", "real"])
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_as_input_is_refused(layout: torch.layout, on: str) -> None:
    """Wherever it is among the inputs, and in the same words as one that a forward makes."""
    ragged = torch.nested.nested_tensor([R(2, 8), R(3, 8)], layout=layout)
    for inputs in (ragged, ([R(1, 8), ragged],), {"input": ragged}):
        with pytest.raises(costlab.UsageError, match=r"rows of different lengths.*padded tensors"):
            costlab.analyze(nn.Linear(8, 8), inputs, on=on)


def test_a_forward_that_differentiates_is_told_so() -> None:
    """`torch.autograd.grad` in a forward has nothing to go back on where gradients are off."""

    def slope(m: Any, x: torch.Tensor) -> Any:
        x = x.requires_grad_()
        return torch.autograd.grad((x @ m.weight).sum(), x)

    with (
        torch.no_grad(),
        pytest.raises(costlab.TraceError, match=r"asks for gradients itself.*history"),
    ):
        costlab.analyze(Calls(slope).eval(), "f32[3,8]")
    for model in (Calls(slope), Calls(slope).eval()):  # each on real tensors
        counted = costlab.analyze(model, "f32[3,8]")
        assert counted.total.macs == 2 * 3 * 8 * 8
