"""A side that cannot be measured: wrong, random, too large, broken, or not available here."""

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from costlab.bench import prepared
from costlab.bench.precision import recorded
from costlab.bench.seams import ArmError
from costlab.bench.study import Arm, Case, Side
from costlab.bench.subjects import Built
from tests.bench.readied import SUBJECT, Function, case_of, closing, ready


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes what a test has opened, so that it leaves no flags behind."""
    with closing():
        yield


@pytest.fixture
def arm_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[Function], None]:
    """Puts a function in the place of the arm's own."""

    def put(make: Function) -> None:
        monkeypatch.setattr(prepared, "function_of", lambda _arm, module, _example: make(module))

    return put


def test_a_wrong_arm_is_caught(arm_is: Callable[[Function], None]) -> None:
    """An arm that leaves out the last ReLU gives no speed."""
    arm_is(lambda module: lambda x: module(x) - 0.1)
    with pytest.raises(ArmError, match="wrong"):
        ready(case_of()).check()


class Drawing(nn.Module):
    """A convolution whose output has something random added to it, and perhaps of random size."""

    def __init__(self, *, sized: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3)
        self.sized = sized

    def forward(self, x: Tensor) -> Tensor:
        """Not the same twice."""
        out: Tensor = self.conv(x)
        out = out + torch.rand_like(out)
        return out[:, :, : int(torch.randint(1, out.shape[2], ()))] if self.sized else out


@pytest.mark.parametrize(
    ("sized", "by"), [(False, r"differ by 0\.\d+, relative"), (True, "differ in their shapes")]
)
def test_a_random_model_is_not_called_wrong(
    monkeypatch: pytest.MonkeyPatch, *, sized: bool, by: str
) -> None:
    """What differs from itself is told so, with what may be done, before an arm is blamed."""
    torch.manual_seed(0)
    made = Built(Drawing(sized=sized).eval(), ((torch.empty(2, 8, 9, 9, device="meta"),), {}))
    monkeypatch.setattr(prepared, "build", lambda *_given: made)
    with pytest.raises(ArmError, match=by) as caught:
        ready(case_of()).check()
    assert "the model is not deterministic" in str(caught.value)
    assert "training=self.training" in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_a_stale_output_is_caught(arm_is: Callable[[Function], None]) -> None:
    """An arm that gives again what it gave before, which was right then, is wrong now."""

    def stale(module: nn.Module) -> Callable[[Tensor], Tensor]:
        kept: list[Tensor] = []

        def run(x: Tensor) -> Tensor:
            if not kept:
                kept.append(module(x))
            return kept[0].clone()

        return run

    arm_is(stale)
    with pytest.raises(ArmError, match="wrong"):
        ready(case_of()).check()


def test_a_buffer_that_is_not_written_is_caught(arm_is: Callable[[Function], None]) -> None:
    """An arm that leaves the last row of its own buffer as it was leaves NaN there."""

    def partly(module: nn.Module) -> Callable[[Tensor], Tensor]:
        buffer: list[Tensor] = []

        def run(x: Tensor) -> Tensor:
            out: Tensor = module(x)
            if not buffer:
                buffer.append(out)
            else:
                buffer[0][:, :, :-1] = out[:, :, :-1]
            return buffer[0]

        return run

    arm_is(partly)
    with pytest.raises(ArmError, match="not written"):
        ready(case_of()).check()


def test_no_room_is_an_error_and_holds_no_memory(arm_is: Callable[[Function], None]) -> None:
    """Out of memory tells so, and what had been allocated until then is gone."""
    held: list[weakref.ref[Tensor]] = []

    def greedy(_module: nn.Module) -> Callable[[Tensor], Tensor]:
        def run(_x: Tensor) -> Tensor:
            large = torch.ones(1 << 16)
            held.append(weakref.ref(large))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 TiB.")

        return run

    arm_is(greedy)
    flags = recorded()
    with pytest.raises(ArmError, match="does not fit in memory: CUDA out of memory"):
        ready(case_of())
    gc.collect()
    assert held[0]() is None
    assert recorded() == flags


def test_too_large_for_the_cpu_does_not_fit() -> None:
    """A batch that no memory holds is told in the same words."""
    side = Side(SUBJECT, "eager")
    case = Case("s", "p", side, side, 1 << 40, "fp32", "nhwc", "bn_relu", "warm")
    with pytest.raises(ArmError, match="does not fit in memory"):
        ready(case)


def test_an_arm_that_fails_is_told_in_one_line(arm_is: Callable[[Function], None]) -> None:
    """Whatever a compiler raises is an error of the arm, with its kind and first line."""

    def broken(_module: nn.Module) -> Callable[[Tensor], Tensor]:
        raise ZeroDivisionError("no tiles\nand much more")

    arm_is(broken)
    with pytest.raises(ArmError, match=r"eager failed .*:\d+\]: ZeroDivisionError: no tiles$"):
        ready(case_of())


def test_a_closed_side_cannot_be_called() -> None:
    """What was given back is not run."""
    side = ready(case_of())
    side.close()
    with pytest.raises(ArmError, match="closed"):
        _ = side.call


@pytest.mark.parametrize(
    ("arm", "why"),
    [
        ("graph", "CUDA device only"),
        ("cudnn-fused", "CUDA device only"),
        ("ours", "no kernels of our own"),
        ("compile-autotune", "none|no kernels to choose"),
    ],
)
def test_an_arm_that_is_not_available_says_why(arm: Arm, why: str) -> None:
    """On a CPU there are no graphs, no cuDNN and no kernels of ours."""
    with pytest.raises(ArmError, match=why):
        ready(case_of(arm))


def test_tf32_is_refused_on_a_cpu() -> None:
    """A CPU rounds nothing to tf32; float32 under that name would be a lie."""
    with pytest.raises(ArmError, match="tf32"):
        ready(case_of(precision="tf32"))


def test_without_a_compiler_compile_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no C++ compiler, the arm is not available, and says what is missing."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ArmError, match=r"C\+\+ compiler"):
        ready(case_of("compile"))
