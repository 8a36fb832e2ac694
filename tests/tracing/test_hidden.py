"""Compiled, scripted, wrapped and rewritten modules cost what the plain module does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from tests.tracing.networks import Calls, macs

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn
jit: Any = torch.jit


def plain() -> Any:
    """Two layers of 8 × 8 with an activation between."""
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))


def ready(model: Any) -> Any:
    """The model after a first call, which is when torch compiles."""
    model(R(2, 8))
    return model


class OwnCall(nn.Linear):
    """A layer that is called by a method of its own."""

    def __call__(self, x: torch.Tensor) -> Any:
        """The forward, and no hook."""
        return self.forward(x)


class OwnCallOfBase(nn.Linear):
    """A layer whose own call goes on to that of its base."""

    def __call__(self, x: torch.Tensor) -> Any:
        """The base's call."""
        return super().__call__(x)


class OwnImplementation(nn.Linear):
    """A layer that replaces the inside of a call."""

    def _call_impl(self, x: torch.Tensor) -> Any:
        return self.forward(x)


def with_child(change: Callable[[Any], Any]) -> Any:
    """The plain network with its first layer changed."""
    model = plain()
    model[0] = change(model[0])
    return model


def in_place(module: Any) -> Any:
    """The module, compiled in place."""
    module.compile(backend="eager")
    return module


def compiled(module: Any) -> Any:
    """The module, compiled."""
    return torch.compile(module, backend="eager")


def traced(module: Any) -> Any:
    """The module, traced."""
    return torch.jit.trace(module, R(2, 8))  # type: ignore[no-untyped-call]  # torch leaves it untyped


def compiled_forward() -> Any:
    """A network whose forward is compiled, and not the network."""
    model = plain()
    model.forward = compiled(model.forward)
    return model


SPELLINGS: dict[str, Callable[[], Any]] = {
    "compiled": lambda: compiled(plain()),
    "compiled and run": lambda: ready(compiled(plain())),
    "compiled whole": lambda: torch.compile(plain(), backend="eager", fullgraph=True),
    "compiled in place": lambda: in_place(plain()),
    "compiled child": lambda: with_child(compiled),
    "compiled child and run": lambda: ready(with_child(compiled)),
    "child compiled in place": lambda: with_child(in_place),
    "compiled forward": compiled_forward,
    "scripted": lambda: torch.jit.script(plain()),
    "scripted child": lambda: with_child(torch.jit.script),
    "traced": lambda: traced(plain()),
    "traced child": lambda: with_child(traced),
    "symbolic": lambda: torch.fx.symbolic_trace(plain()),
    "exported": lambda: torch.export.export(plain(), (R(2, 8),)).module(),
    "own call": lambda: with_child(lambda _: OwnCall(8, 8)),
    "own call of base": lambda: with_child(lambda _: OwnCallOfBase(8, 8)),
    "own implementation": lambda: with_child(lambda _: OwnImplementation(8, 8)),
    "data parallel": lambda: nn.DataParallel(plain()),
}


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("on", ["meta", "fake", "real"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_another_spelling_of_a_network_changes_no_number(name: str, on: str) -> None:
    """Compiled, scripted, traced and wrapped, a network costs its two layers and its activation."""
    report = costlab.analyze(SPELLINGS[name](), R(2, 8), on=on)
    assert report.coverage.unknown == ()
    assert report.total.macs == 2 * (2 * 8 * 8)
    assert report.total.flops == 2 * report.total.macs + 2 * (2 * 8) + 2 * 8
    assert report.warnings == ()


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_frozen_code_that_compares_weights_runs_on_real_tensors() -> None:
    """What torch's freezing wrote reads values of weights: it is counted where they are."""
    model = torch.jit.freeze(torch.jit.script(plain().eval()))
    assert macs(model, R(2, 8)) == 2 * (2 * 8 * 8)


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize(
    "name",
    ["compiled child", "child compiled in place", "scripted child", "traced child", "symbolic",
     "own call", "own call of base", "own implementation"],
)  # fmt: skip
def test_each_layer_has_its_place_and_is_called_once(name: str) -> None:
    """However a child is called, its cost is in its block, and one call is one call."""
    report = costlab.analyze(SPELLINGS[name](), R(2, 8))
    assert [block.cost.macs for block in report.blocks] == [2 * 8 * 8, 0, 2 * 8 * 8]
    assert [block.calls for block in report.blocks] == [1, 1, 1]


def test_a_module_that_calls_itself_is_called_as_often() -> None:
    """A recursion of three calls is three calls, by a call of its own as by torch's."""

    class Deep(OwnCallOfBase):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x if len(x) == 1 else self(x[1:]))

    model = nn.Sequential(Deep(8, 8))
    report = costlab.analyze(model, R(3, 8))
    assert report.block("0").calls == 3
    assert report.total.macs == 3 * 8 * 8


def test_the_calls_of_classes_are_put_back() -> None:
    """After an analysis each class has the call that it had, and torch its functions."""
    own = vars(OwnCall)["__call__"], vars(OwnImplementation)["_call_impl"]
    before = torch.jit.trace, torch._C._swap_tensor_impl, torch.compile
    for name in ("own call", "own implementation"):
        costlab.analyze(SPELLINGS[name](), R(2, 8))
    assert own == (vars(OwnCall)["__call__"], vars(OwnImplementation)["_call_impl"])
    assert before == (torch.jit.trace, torch._C._swap_tensor_impl, torch.compile)
    assert "set_" not in vars(torch.Tensor)


def test_nothing_is_compiled_by_an_analysis() -> None:
    """A compiled module runs as it was written: its compiler is not called."""
    seen: list[Any] = []

    def compiler(graph: Any, example: Any) -> Any:
        seen.append(example)
        return graph

    model: Any = torch.compile(plain(), backend=compiler)
    assert costlab.analyze(model, R(2, 8)).total.macs == 2 * (2 * 8 * 8)
    assert seen == []
    model(R(2, 8))
    assert len(seen) == 1


def test_compiling_is_not_imported_to_be_turned_off() -> None:
    """Where nothing is compiled, torch's compiler is not loaded."""
    import subprocess

    code = (
        "import sys, torch, costlab; costlab.analyze(torch.nn.Linear(2, 2), 'f32[1,2]'); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("on", ["meta", "real"])
def test_a_trace_within_a_forward_is_the_call_that_it_traces(on: str) -> None:
    """`torch.jit.trace` in a forward costs one call of what it traces, when that is called."""
    model: Any = Calls(lambda m, x: jit.trace(m.layer, x)(x))
    model.layer = nn.Linear(8, 8)
    assert macs(model, R(2, 8), on=on) == 2 * 8 * 8


def test_a_trace_by_keyword_is_the_call_that_it_traces() -> None:
    """What is traced may be given by its name."""
    model: Any = Calls(lambda m, x: jit.trace(func=m.layer, example_inputs=x)(x))
    model.layer = nn.Linear(8, 8)
    assert macs(model, R(2, 8)) == 2 * 8 * 8


def test_a_switch_by_keyword_is_followed() -> None:
    """A function of torch that is given all its arguments by name is called and seen."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        torch.set_autocast_enabled(device_type="cpu", enabled=True)
        product = x @ m.weight
        torch.set_autocast_enabled(device_type="cpu", enabled=False)
        return product

    report = costlab.analyze(Calls(forward), R(2, 8))
    assert report.total.macs == 2 * 8 * 8


def test_hooks_that_compute_are_counted() -> None:
    """What a user's hooks compute is charged to the module that they belong to."""
    model, extra = plain(), nn.Linear(8, 8)
    model[0].register_forward_hook(lambda _module, _args, output: extra(output))
    model[2].register_forward_pre_hook(lambda _module, args: (args[0] @ torch.ones(8, 8),))
    model.register_forward_hook(lambda _module, _args, output: output * 2)
    report = costlab.analyze(model, R(2, 8))
    assert [block.cost.macs for block in report.blocks] == [2 * (2 * 8 * 8), 0, 2 * (2 * 8 * 8)]
    assert len(model[0]._forward_hooks) == 1
