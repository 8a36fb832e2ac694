"""What only a CUDA device can show."""

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from costlab.bench.backends import choose, why_no_cuda
from costlab.bench.cuda import Cuda
from costlab.bench.graphs import COPIES
from costlab.bench.precision import recorded
from costlab.bench.prepared import Ready
from costlab.bench.seams import ArmError
from costlab.bench.study import Arm, Case, Finish, Layout, Precision, Regime, Side, Subject
from costlab.bench.timers import EventTimer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(bool(why_no_cuda()), reason=f"needs a GPU: {why_no_cuda()}"),
]
SUBJECT = Subject("two 3×3", "two_3x3(inputs=64)", (64, 35, 35), takes_finish=True)
TRAINED = Subject("two 3×3", "two_3x3(inputs=64)", (64, 35, 35), takes_finish=True, training=True)
FAST: tuple[Arm, ...] = ("eager", "graph", "compile", "cudnn-fused")


@pytest.fixture
def backend() -> Iterator[Cuda]:
    """The GPU; afterwards the flags are as before."""
    before = recorded()
    found = choose("cuda")
    assert isinstance(found, Cuda)
    yield found
    assert recorded() == before


def case_of(
    arm: Arm,
    precision: Precision = "bf16",
    layout: Layout = "nhwc",
    regime: Regime = "cold",
    subject: Subject = SUBJECT,
    batch: int = 8,
) -> Case:
    """A case of one side."""
    side = Side(subject, arm)
    return Case("s", "p", side, side, batch, precision, layout, "bn_relu", regime)


def ready(backend: Cuda, case: Case) -> Ready:
    """Its side."""
    return backend.prepare(case.variant, case, 1)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("arm", FAST)
def test_every_arm_is_right_in_every_precision(
    backend: Cuda, arm: Arm, precision: Precision, layout: Layout
) -> None:
    """Before and after it was timed, on fresh inputs and with poisoned outputs."""
    if arm not in backend.arms():
        pytest.skip(f"{arm} is not available here")
    side = ready(backend, case_of(arm, precision, layout))
    try:
        before = side.check()
        assert backend.timer.time_s(side.call, 20) > 0
        after = side.check()
    finally:
        side.close()
    assert before.poisoned
    assert max(before.before, after.before) < before.tolerance


def test_autotuned_kernels_are_right(backend: Cuda) -> None:
    """What max-autotune chooses computes what it should, or is refused."""
    side = ready(backend, case_of("compile-autotune"))
    try:
        assert side.check().before < side.check().tolerance
        assert backend.timer.time_s(side.call, 20) > 0
    finally:
        side.close()


@pytest.mark.parametrize("name", ["two_3x3", "pair_3x1_1x3", "two_2x2"])
@pytest.mark.parametrize("finish", ["bn_relu", "bare"])
@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_our_kernels_are_right_in_a_graph(
    backend: Cuda, name: str, finish: Finish, precision: Precision
) -> None:
    """Recorded, with their tilings chosen before, on rotating inputs, at one image and several."""
    subject = Subject(name, f"{name}(inputs=64)", (64, 35, 35), takes_finish=True)
    for batch in (1, 8):
        case = replace(case_of("ours", precision, subject=subject, batch=batch), finish=finish)
        side = ready(backend, case)
        try:
            assert side.check().before < side.check().tolerance
            assert backend.timer.time_s(side.call, 20) > 0
            assert side.check().before < side.check().tolerance
        finally:
            side.close()


@pytest.mark.parametrize("arm", ["autotune-graph", "best-blocks"])
def test_a_network_is_right_as_one_graph(backend: Cuda, arm: Arm) -> None:
    """A narrow network, compiled or block by block, recorded on copies of its weights in turn."""
    subject = Subject("v3", "inception_v3(aux=False, width=0.25)", (3, 139, 139))
    side = ready(backend, case_of(arm, subject=subject, batch=2))
    try:
        assert side.check().before < side.check().tolerance
        assert backend.timer.time_s(side.call, 20) > 0
        side.check()
    finally:
        side.close()


@pytest.mark.parametrize("arm", ["eager", "graph", "compile"])
def test_a_training_step_is_right(backend: Cuda, arm: Arm) -> None:
    """Outputs and gradients of a step agree with float64, in a captured step as well."""
    side = ready(backend, case_of(arm, "tf32", subject=TRAINED))
    try:
        assert side.check().before < side.check().tolerance
        assert backend.timer.time_s(side.call, 5) > 0
        side.check()
    finally:
        side.close()


def test_a_graph_reads_what_is_in_its_inputs_now(backend: Cuda) -> None:
    """Filled anew, the first set gives other outputs when it is replayed."""
    side = ready(backend, case_of("graph"))
    try:
        before = side.call.first()[0].clone()
        side.inputs.refill(0, anew=True)
        assert not torch.equal(side.call.first()[0], before)
    finally:
        side.close()


def test_calls_in_a_row_are_as_many_as_asked_for(backend: Cuda) -> None:
    """Twice as many replays take about twice as long, whether or not they fill whole graphs."""
    side = ready(backend, case_of("graph", batch=256))
    try:
        backend.timer.time_s(side.call, 8 * COPIES)
        few, many = (
            min(backend.timer.time_s(side.call, calls) for _ in range(5))
            for calls in (4 * COPIES + 1, 8 * COPIES + 2)
        )
    finally:
        side.close()
    assert 1.5 < many / few < 2.7


def test_device_time_is_less_than_wall_time(backend: Cuda) -> None:
    """At batch 1 the launches take longer than the kernels, and only the wall sees them."""
    side = ready(backend, case_of("eager", batch=1))
    try:
        for timer in (backend.timer, backend.wall):
            timer.time_s(side.call, 20)
        device_s = min(backend.timer.time_s(side.call, 20) for _ in range(5))
        wall_s = min(backend.wall.time_s(side.call, 20) for _ in range(5))
    finally:
        side.close()
    assert device_s < wall_s
    assert isinstance(backend.timer, EventTimer)
    assert backend.timer.uncovered == 0


def test_kernels_are_named(backend: Cuda) -> None:
    """Two convolutions, their normalizations and ReLUs are at least four kernels in eager."""
    side = ready(backend, case_of("eager"))
    try:
        kernels, gaps_s = backend.kernels(side)
    finally:
        side.close()
    assert sum(kernel.calls for kernel in kernels) >= 4
    assert all(kernel.time_s > 0 for kernel in kernels)
    assert gaps_s >= 0


def test_memory_is_counted_and_given_back(backend: Cuda) -> None:
    """A call takes at least its output; after closing, nothing is left."""
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    side = ready(backend, case_of("eager"))
    peak = side.peak_bytes
    side.close()
    del side
    gc.collect()
    assert peak is not None
    assert peak >= 8 * 64 * 35 * 35 * 2
    assert torch.cuda.memory_allocated() - before < 64 << 20


def test_what_does_not_fit_is_told_and_the_next_case_runs(backend: Cuda) -> None:
    """A batch beyond the memory is an error of the arm, after which smaller ones run."""
    memory = int(backend.environment()["memory_bytes"])
    batch = memory // (64 * 35 * 35 * 2) + 1
    with pytest.raises(ArmError, match="does not fit in memory"):
        ready(backend, case_of("eager", batch=batch, regime="warm"))
    side = ready(backend, case_of("eager"))
    assert side.check().before < side.check().tolerance
    side.close()


def test_ceilings_are_in_order(backend: Cuda) -> None:
    """Half precision is faster than float32, the cache than memory, a graph than launches."""
    found = backend.ceilings(5.0)
    assert found.flops_per_s["bf16"] > found.flops_per_s["fp32"]
    assert found.cache_bytes_per_s > found.copy_bytes_per_s
    assert found.graph_node_s is not None
    assert found.graph_node_s < found.launch_s
    assert found.processors > 1


def test_the_environment_names_the_gpu(backend: Cuda) -> None:
    """Its name, its number, cuDNN and the flags are there, and what NVML tells if it is there."""
    found = backend.environment()
    assert found["gpu"] == torch.cuda.get_device_name()
    assert found["uuid"]
    assert found["cudnn"]
    assert found["cache_bytes"] > 1 << 20
