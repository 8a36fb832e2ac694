"""A side made ready: it runs, rotates, is right, and gives everything back."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from costlab.bench import prepared
from costlab.bench.precision import recorded
from costlab.bench.prepared import Ready, Where
from costlab.bench.seams import Compiled
from costlab.bench.study import Precision, Subject
from costlab.bench.timers import HostTimer
from costlab.bench.turns import weights_of
from tests.bench.readied import CACHE, SUBJECT, Function, case_of, closing, ready


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


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_eager_is_right_before_and_after(precision: Precision) -> None:
    """Eager agrees with float64, also after it was called, on other inputs each time."""
    side = ready(case_of(precision=precision))
    before = side.check()
    HostTimer().time_s(side.call, 5)
    after = side.check()
    assert before.poisoned
    assert 0 < before.before < before.tolerance
    assert after.before != before.before


@pytest.mark.skipif(not shutil.which("g++"), reason="compile needs a C++ compiler")
def test_compile_is_right() -> None:
    """What torch's compiler makes of a model agrees with float64."""
    side = ready(case_of("compile"))
    checked = side.check()
    assert 0 < checked.before < checked.tolerance


def test_a_training_step_is_right_and_learns() -> None:
    """Gradients agree with float64, and each step changes the optimizer's memory."""
    subject = Subject("", SUBJECT.source, SUBJECT.shape, takes_finish=True, training=True)
    side = ready(case_of(subject=subject))
    assert side.check().before < side.check().tolerance
    assert side.module.training
    assert all(parameter.grad is not None for parameter in side.module.parameters())


def read_by(side: Ready, calls: int) -> tuple[set[int], set[int]]:
    """The addresses of inputs and of weights that the first convolutions of so many calls read."""
    inputs, weights = set[int](), set[int]()

    def look(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if isinstance(module, nn.Conv2d):
            weights.add(module.weight.data_ptr())
            inputs.add(args[0].data_ptr())

    known = {one.data_ptr() for one in (side.inputs.at(n)[0][0] for n in range(len(side.inputs)))}
    handle = nn.modules.module.register_module_forward_pre_hook(look)
    try:
        side.call.repeat(calls)
    finally:
        handle.remove()
    return inputs & known, weights


def test_cold_inputs_and_weights_rotate_and_warm_ones_do_not() -> None:
    """A cold side reads other addresses each call, over twice the cache; a warm side the same."""
    cold = ready(case_of())
    inputs, weights = read_by(cold, len(cold.inputs))
    assert len(inputs) == len(cold.inputs) > 2
    assert len(weights) == 2 * len(inputs)  # of both convolutions
    one = cold.inputs.bytes + weights_of(cold.module)
    assert 2 * CACHE <= len(inputs) * one < 2 * CACHE + one
    assert cold.how["rotates"] == f"inputs and weights, {len(inputs)} sets"
    warm = ready(case_of(regime="warm"))
    inputs, weights = read_by(warm, 5)
    assert (len(inputs), len(weights), warm.how) == (1, 2, {})


def test_weights_stay_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where copies of the weights have no room, inputs alone rotate, and that is said."""
    monkeypatch.setattr(prepared, "free_bytes", lambda _device: 0)
    side = ready(case_of())
    inputs, weights = read_by(side, len(side.inputs))
    assert (len(inputs), len(weights)) == (len(side.inputs), 2)
    assert len(inputs) * side.inputs.bytes >= 2 * CACHE
    assert "have no room" in side.how["rotates"]


@pytest.mark.skipif(not shutil.which("g++"), reason="compile needs a C++ compiler")
def test_copies_of_the_weights_are_not_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """One compiled graph serves all copies; if one did not, inputs alone would rotate."""
    from costlab.bench.arms import graphs_compiled

    before = graphs_compiled().times
    assert "inputs and weights" in ready(case_of("compile")).how["rotates"]
    assert graphs_compiled().times - before == 1
    counted = iter(range(100))
    monkeypatch.setattr(prepared, "graphs_compiled", lambda: Compiled(next(counted)))
    assert "compiled anew" in ready(case_of("compile")).how["rotates"]


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_a_step_in_half_precision_keeps_its_weights_in_float32(precision: Precision) -> None:
    """In bf16 a step is one under autocast, and says so; weights and gradients are float32."""
    subject = replace(SUBJECT, training=True)
    side = ready(case_of(subject=subject, precision=precision))
    kinds = set[torch.dtype]()

    def look(module: nn.Module, _args: object, out: Tensor) -> None:
        kinds.update({out.dtype} if isinstance(module, nn.Conv2d) else ())

    handle = nn.modules.module.register_module_forward_hook(look)
    try:
        written = side.call.first()
    finally:
        handle.remove()
    assert kinds == {torch.bfloat16 if precision == "bf16" else torch.float32}
    gradients = written[1:]
    assert {one.dtype for one in (*side.module.parameters(), *gradients)} == {torch.float32}
    assert ("autocast to bfloat16" in side.how.get("precision", "")) is (precision == "bf16")
    checked = side.check()
    assert 0 < checked.before < checked.tolerance


def test_an_arm_tells_what_it_leaves_to_others(arm_is: Callable[[Function], None]) -> None:
    """What an arm declines stands with the side, by layer and with why."""

    def build(module: nn.Module) -> Callable[[Tensor], Any]:
        def run(x: Tensor) -> Any:
            return module(x)

        run.declined = ("first: 8 channels are too few",)  # type: ignore[attr-defined]  # as an arm tells what it declined
        return run

    arm_is(build)
    assert ready(case_of()).how["elsewhere"] == "first: 8 channels are too few"


def test_both_sides_of_a_case_read_the_same_numbers() -> None:
    """With one seed, inputs and weights are the same, so that only the arm differs."""
    one, two = ready(case_of()), ready(case_of())
    assert torch.equal(one.inputs.at(0)[0][0], two.inputs.at(0)[0][0])
    for mine, other in zip(one.module.parameters(), two.module.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_flags_last_as_long_as_a_side() -> None:
    """The flags of a precision hold until the last side is closed; closing twice is once."""
    where, before = Where(torch.device("cpu"), CACHE), recorded()
    one, two = ready(case_of(), where), ready(case_of(), where)
    one.close()
    one.close()
    assert recorded() != before
    two.close()
    assert recorded() == before
