"""The caller's model is the same after an analysis as before, also if its forward raised."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import random
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks

import costlab


class Careless(nn.Module):
    """A network that changes itself in every way a forward can, in train mode with dropout."""

    steps: torch.Tensor

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4, momentum=None)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("steps", torch.zeros(1))
        self.history: list[torch.Tensor] = []
        self.cache: dict[str, torch.Tensor] = {"old": torch.ones(1)}
        self.seen = 0
        self.fails = fails

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features, after leaving traces everywhere."""
        self.seen += 1
        self.steps += 1
        self.steps[0].add_(1)
        x = self.drop(self.norm(self.conv(x)))
        self.history.append(x)
        self.cache["new"] = x
        self.extra = x
        self.norm.weight.data.mul_(2)
        self.norm.bias.requires_grad_(False)
        self.conv.register_forward_hook(lambda *_: None)
        random.random()  # noqa: S311 - it is the state that matters
        np.random.rand()  # noqa: NPY002 - as above
        torch.rand(3)
        if self.fails:
            message = "on purpose"
            raise ValueError(message)
        return x + self.steps


def legacy_state() -> Any:
    """The state of numpy's global generator."""
    state: Any = np.random.get_state()  # noqa: NPY002 - the global generator is what a forward uses
    return state[1]


def state_of(model: Careless) -> dict[str, Any]:
    """Everything of a model that an analysis could change, as values."""
    return {
        "tensors": {key: value.clone() for key, value in model.state_dict().items()},
        "requires grad": [parameter.requires_grad for parameter in model.parameters()],
        "grads": [parameter.grad is None for parameter in model.parameters()],
        "modes": [module.training for module in model.modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "containers": (list(model.history), dict(model.cache), model.seen),
        "hooks": [len(module._forward_hooks) for module in model.modules()],
        "global hooks": (len(hooks._global_forward_hooks), len(hooks._global_forward_pre_hooks)),
        "ids": [id(tensor) for tensor in (*model.parameters(), *model.buffers())],
        "versions": [tensor._version for tensor in (*model.parameters(), *model.buffers())],
        "rng": (torch.get_rng_state().tolist(), random.getstate(), legacy_state().tolist()),
        "grad mode": torch.is_grad_enabled(),
        "torch.rand": torch.rand,
        "script": torch._C.ScriptFunction.__call__,
        "calls": (nn.Module.__call__, nn.Module._call_impl),
    }


def same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether two states are equal, tensors by value."""
    tensors = before.pop("tensors"), after.pop("tensors")
    assert tensors[0].keys() == tensors[1].keys()
    for key, value in tensors[0].items():
        torch.testing.assert_close(value, tensors[1][key], rtol=0, atol=0)
    return before == after


@pytest.mark.parametrize("mode", [None, "eval", "train"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_untouched(mode: str | None, fails: bool) -> None:
    """Weights, buffers, modes, hooks, attributes, containers and RNG states are as they were."""
    model = Careless(fails=fails).train()
    model.norm.eval()  # frozen by the user: an analysis must not thaw it
    before = state_of(model)
    if fails:
        with pytest.raises(costlab.TraceError, match="on purpose"):
            costlab.analyze(model, "f32[2,3,8,8]", mode=mode)
    else:
        costlab.analyze(model, "f32[2,3,8,8]", mode=mode)
    assert same(before, state_of(model))


def test_the_careless_model_does_change_itself() -> None:
    """The guard can fail: an ordinary forward changes what the test looks at."""
    model = Careless().train()
    before = state_of(model)
    model(torch.randn(2, 3, 8, 8))
    model.conv._forward_hooks.clear()
    with pytest.raises(AssertionError):
        assert same(before, state_of(model))


def test_an_analyzed_model_still_pickles_and_copies() -> None:
    """Nothing that is left in the model keeps it from being saved or copied."""
    model = Careless()
    costlab.analyze(model, "f32[2,3,8,8]")
    pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    copy.deepcopy(model)
    torch.save(model.state_dict(), io.BytesIO())


def test_an_analyzed_model_computes_as_before() -> None:
    """The same seed gives the same output before and after an analysis."""
    model = Careless().eval()
    x = torch.randn(2, 3, 8, 8)
    twin = copy.deepcopy(model)
    costlab.analyze(model, (x,))
    assert torch.equal(model(x), twin(x))


def test_another_thread_is_not_recorded() -> None:
    """A module that another thread runs meanwhile is neither recorded nor disturbed."""
    layer = nn.Linear(4, 4)
    seen: list[torch.Tensor] = []

    class Waits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            thread = threading.Thread(target=lambda: seen.append(layer(torch.ones(2, 4))))
            thread.start()
            thread.join()
            return self.layer(x)  # type: ignore[no-any-return]  # a module's call is untyped

    report = costlab.analyze(Waits(), "f32[2,4]")
    assert report.total.macs == 2 * 4 * 4
    assert report.block("layer").calls == 1
    assert seen[0].device.type == "cpu"


def test_a_compiled_module_has_its_place() -> None:
    """A module whose call is its own, as `compile` leaves it, is followed as any other."""
    model: Any = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[0]._compiled_call_impl = lambda x: F.linear(x, model[0].weight)
    report = costlab.analyze(model, "f32[2,4]")
    assert [block.cost.macs for block in report.blocks] == [2 * 4 * 4] * 2
    assert [block.calls for block in report.blocks] == [1, 1]


def test_an_analysis_leaves_no_garbage() -> None:
    """What an analysis made is freed when it ends, not when the garbage collector comes by."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(2))
    model(torch.zeros(2, 3, 8, 8))
    costlab.analyze(model, "f32[2,3,8,8]")
    gc.collect()
    costlab.analyze(model, "f32[2,3,8,8]")
    assert gc.collect() == 0


def test_a_lazy_module_is_refused() -> None:
    """A lazy module would change in its first forward: it is refused, with the way out."""
    with pytest.raises(costlab.UsageError, match="run it once"):
        costlab.analyze(nn.LazyLinear(4), "f32[2,8]")
