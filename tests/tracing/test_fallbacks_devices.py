"""What stops on shapes for a reason of one device is run on, and each run has its own reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import costlab
from tests.tracing.networks import Calls

R = torch.randn
jit: Any = torch.jit


def test_each_run_has_its_own_reason() -> None:
    """A forward that stops for another reason on each kind of tensors is told all three."""
    runs: list[int] = []

    def stops(_: Any, x: torch.Tensor) -> Any:
        runs.append(1)
        if len(runs) == 1:
            return x.mean().item()
        if len(runs) == 2:
            raise NotImplementedError("no such kernel")
        raise ValueError("of the model's own")

    with pytest.raises(costlab.TraceError) as stopped:
        costlab.analyze(Calls(stops), R(2, 8))
    first, second, third = str(stopped.value).split("; on ")
    assert "reads the values of a tensor (item)" in first
    assert second.startswith("fake tensors: the forward stopped at")
    assert second.endswith("NotImplementedError: no such kernel")
    assert third.startswith("real tensors: the forward stopped at")
    assert third.endswith("ValueError: of the model's own")
    assert len(runs) == 3


def direct(m: Any, x: torch.Tensor) -> Any:
    """A convolution by oneDNN's own kernel, which has none for other tensors."""
    return torch.mkldnn_convolution(x, m.convolution.weight, None, (0, 0), (1, 1), (1, 1), 1)


def optimized() -> nn.Module:
    """A convolution that TorchScript has oneDNN compute."""
    layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    made: nn.Module = jit.optimize_for_inference(jit.script(layer))
    return made


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN")  # type: ignore[no-untyped-call]  # torch leaves it untyped
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_kernel_of_one_device_is_run_there() -> None:
    """What only a CPU computes is run on real tensors, the convolution named; and why is told."""
    layer = nn.Conv2d(3, 4, 3)
    model = Calls(direct)
    model.convolution = layer
    report = costlab.analyze(model, R(1, 3, 8, 8))
    assert [unknown.op for unknown in report.coverage.unknown] == ["mkldnn_convolution"]
    assert "RuntimeError: itensor_view_from_dense expects CPU tensor" in report.warnings[0]
    with torch.no_grad():
        report = costlab.analyze(nn.Sequential(optimized(), nn.Conv2d(4, 4, 1)), R(1, 3, 8, 8))
    named = {unknown.op for unknown in report.coverage.unknown}
    assert named == {"to_mkldnn", "prim::mkldnn_convolution", "_to_dense"}
    assert report.total.macs == 4 * 4 * 6 * 6
    assert "RuntimeError: scripted code stopped without a reason" in report.warnings[0]


def test_a_mistake_in_a_kernel_of_one_device_is_told() -> None:
    """What its kernel says of shapes it says on shapes too, and no other run is tried."""
    model = Calls(direct)
    model.convolution = nn.Conv2d(5, 4, 3)
    with pytest.raises(costlab.TraceError, match="to have 5 channels") as stopped:
        costlab.analyze(model, R(1, 3, 8, 8))
    assert "real tensors" not in str(stopped.value)


OUT: dict[str, Any] = {
    "cumsum": lambda x: torch.cumsum(x, 0, out=torch.empty(0)),
    "matmul": lambda x: torch.matmul(x, x.mT, out=x.new_empty(0)),
    "another size": lambda x: torch.sin(x, out=torch.empty(0, 3)),
    "several": lambda x: torch.topk(
        x, 1, out=(torch.empty(0), torch.empty(0, dtype=torch.long))
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OUT)
def test_what_an_operation_writes_to_takes_its_shape(case: str) -> None:
    """`out=` without elements has those of the result from then on, on whatever tensors."""
    model = Calls(lambda m, x: OUT[case](x @ m.weight)).eval()  # with gradients torch refuses
    found = [costlab.analyze(model, R(8, 8), on=on) for on in ("meta", "fake", "real")]
    shapes = [[spec.shape for spec in report.root.outputs] for report in found]
    with torch.no_grad():
        made = model(R(8, 8))
    expected = [tuple(x.shape) for x in (made if isinstance(made, tuple) else (made,))]
    assert shapes == [expected] * 3
    assert len({(report.total.macs, report.total.flops) for report in found}) == 1


@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr")  # torch's, by itself too
def test_a_forward_that_linearizes_itself_is_a_lower_bound() -> None:
    """What a tensor's tangent is shapes do not tell: on real tensors it is named, and goes on."""
    layer = nn.Linear(4, 4)

    def pushed(_: Any, x: torch.Tensor) -> Any:
        _, along = torch.func.linearize(layer, x)
        return along(x)

    on_shapes = costlab.analyze(Calls(pushed).eval(), R(2, 4))
    real = costlab.analyze(Calls(pushed).eval(), R(2, 4), on="real")
    assert on_shapes.is_lower_bound
    assert "_unpack_dual" in [unknown.op for unknown in real.coverage.unknown]
    assert 2 * (2 * 4 * 4) <= on_shapes.total.macs <= real.total.macs


@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr")  # as above
@pytest.mark.parametrize("on", ["meta", "real"])
def test_a_linear_part_that_is_not_called_is_named(on: str) -> None:
    """Torch runs the function to trace it, which shapes do not see all of."""
    layer = nn.Linear(4, 4)
    model = Calls(lambda _, x: torch.func.linearize(layer, x)[0]).eval()
    report = costlab.analyze(model, R(2, 4), on=on)
    assert "torch.func.linearize" in [unknown.op for unknown in report.coverage.unknown]
    assert report.is_lower_bound
