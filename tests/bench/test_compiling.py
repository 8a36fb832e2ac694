"""A side that is compiled while it is timed: what is timed then is no speed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from costlab.bench import prepared
from costlab.bench.calls import Forward, Rotating, Step
from costlab.bench.gauge import CpuGauge
from costlab.bench.harness import measure
from costlab.bench.inputs import Rotation
from costlab.bench.mixed import mixed_of
from costlab.bench.plan import QUICK
from costlab.bench.subjects import build
from costlab.bench.timers import HostTimer
from tests.bench.clockwork import MS, PLAN, Clockwork, Spring
from tests.bench.readied import case_of, closing, ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.bench.study import Finish, Subject
    from costlab.bench.subjects import Built


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    with closing():
        yield


def test_a_side_that_is_compiled_in_each_call_has_no_speed() -> None:
    """After a few samples it is given up, with the reason, and no verdict is given."""
    device = Clockwork()
    anew = Spring(device, 50 * MS, compiles=lambda made: made)
    found = measure(Spring(device, MS), anew, device, device, PLAN, 0)
    assert found.failed == "variant"
    assert found.error.startswith("it is compiled anew in each call, 4 samples in a row")
    assert "a counter differs" in found.error
    assert found.comparison() is None
    assert device.now < 1


def test_what_compiles_before_it_is_timed_is_timed() -> None:
    """A first call that compiles, as it may, drops nothing."""
    device = Clockwork()
    once = Spring(device, 0.8 * MS, compiles=lambda made: min(made, 1))
    found = measure(Spring(device, MS), once, device, device, PLAN, 0)
    comparison = found.comparison()
    assert comparison is not None
    assert (comparison.verdict, found.dropped) == ("FASTER", {})


def test_a_block_in_which_it_compiled_does_not_count() -> None:
    """A compilation now and then drops its blocks, and those alone."""
    device = Clockwork()
    seldom = Spring(device, 0.8 * MS, compiles=lambda made: max(0, made - 20) // 10)
    found = measure(
        Spring(device, MS), seldom, device, device, replace(PLAN, min_pairs=60, limit_s=99.0), 0
    )
    assert found.dropped
    assert set(found.dropped.values()) == {"it was compiled anew meanwhile"}
    assert found.is_enough
    comparison = found.comparison()
    assert comparison is not None
    assert comparison.verdict == "FASTER"


class Counting(nn.Module):
    """A model that counts its calls: the compiler guards the number, and compiles each anew."""

    def __init__(self) -> None:
        """Counts from 0."""
        super().__init__()
        self.conv, self.calls = nn.Conv2d(8, 8, 1), 0

    def forward(self, x: Tensor) -> Tensor:
        """The convolution, of an input that is moved on by nothing, as often as called."""
        self.calls += 1
        done: Tensor = self.conv(x) + 0.0 * self.calls
        return done


@pytest.mark.skipif(not shutil.which("g++"), reason="compile needs a C++ compiler")
def test_a_forward_that_counts_is_not_timed_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler is found out to run in each sample, and says for which number."""

    def counting(subject: Subject, finish: Finish, batch: int, seed: int) -> Built:
        return build(subject, finish, batch, seed)._replace(module=Counting().eval())

    monkeypatch.setattr(prepared, "build", counting)
    torch.manual_seed(0)
    eager, compiled = ready(case_of(regime="warm")), ready(case_of("compile", regime="warm"))
    found = measure(eager, compiled, HostTimer(), CpuGauge(), replace(QUICK, limit_s=20.0), 0)
    assert found.failed == "variant"
    assert "it is compiled anew in each call" in found.error
    assert "calls" in found.error


def test_a_forward_is_timed_without_gradients() -> None:
    """Neither what is called once nor in a row has gradients on, and a step of training has."""
    seen: list[bool] = []

    class Asking(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(torch.is_grad_enabled())
            return super().forward(x)

    def calls_of(work: Forward | Step) -> Rotating:
        like = torch.empty(1, 4, 5, 5, device="meta")
        cpu = torch.device("cpu")
        inputs = Rotation(
            ((like,), {}), 2, dtype=torch.float32, device=cpu, layout="nchw",
            generator=torch.Generator(),
        )  # fmt: skip
        return Rotating([work], inputs)

    module = Asking(4, 4, 3)
    step = calls_of(Step(module, module, mixed_of("fp32", "cpu", training=True)))
    step()
    step.repeat(2)
    assert seen == [True] * 3
    seen.clear()
    forward = calls_of(Forward(module, module))
    forward()
    forward.repeat(2)
    assert not forward.first()[0].requires_grad
    assert seen == [False] * 4
    assert torch.is_grad_enabled()
