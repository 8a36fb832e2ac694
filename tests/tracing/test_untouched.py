"""The caller's model is the same after an analysis as before, also if its forward raised."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import random
import threading
from collections import Counter, OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks
from torch.nn.utils import spectral_norm

import costlab
from costlab.tracing.untouched import untouched
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable


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


def test_the_inputs_are_untouched() -> None:
    """An input tensor that the forward writes to is as it was."""

    class Writes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.add_(1).mul_(2)

    x = torch.zeros(3)
    costlab.analyze(Writes(), x)
    assert x.tolist() == [0, 0, 0]
    assert x._version == 0


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


def in_double(x: torch.Tensor) -> torch.Tensor:
    """The tensor; the default type is another from now on."""
    torch.set_default_dtype(torch.float64)
    return x


WRITES: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "out of an operation": lambda m, x: torch.add(m.kept, 1, out=m.kept)[:2] + x,
    "out of a product with the input": lambda m, x: torch.matmul(x, m.weight, out=m.out),
    "a normalization with its statistics": lambda m, _: F.batch_norm(
        m.kept, m.mean, m.var, training=True
    ),
    "a renormalized embedding": lambda m, _: F.embedding(torch.arange(2), m.weight, max_norm=0.1),
    "a list of tensors": lambda m, x: (torch._foreach_mul_([m.kept], 2), x)[1],
    "an array that shares memory": lambda m, x: (m.kept.numpy().fill(7), x)[1],
    "a resize": lambda m, x: (m.kept.resize_(1, 2), x)[1],
    "an in-place view": lambda m, x: (m.kept.unsqueeze_(0), x)[1],
    "the default type": lambda _, x: in_double(x),
}


@pytest.mark.parametrize("name", WRITES)
def test_no_operation_writes_to_the_callers_tensors(name: str) -> None:
    """Whatever an operation writes to, buffers, weights and torch's settings are as they were."""
    model: Any = Calls(WRITES[name])
    for buffer, shape in (("kept", (8, 8)), ("mean", (8,)), ("var", (8,)), ("out", (2, 8))):
        model.register_buffer(buffer, torch.ones(shape))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    costlab.analyze(model, "f32[2,8]")
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert torch.get_default_dtype() is torch.float32


RESHAPES: dict[str, Callable[[torch.Tensor], Any]] = {
    "squeeze_": torch.Tensor.squeeze_,
    "unsqueeze_": lambda b: b.unsqueeze_(0),
    "transposed twice": lambda b: b.t_().t_().t_(),
    "as_strided_": lambda b: b.as_strided_((2, 2), (1, 1)),
    "resize_": lambda b: b.resize_(2, 2),
    "resize_as_": lambda b: b.resize_as_(torch.zeros(2, 2, device=b.device)),
    "requires_grad_": lambda b: b.requires_grad_(),
    "an output": lambda b: torch.add(torch.zeros(1, 6, device=b.device), 1, out=b),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("name", RESHAPES)
def test_no_shape_of_the_callers_changes(name: str, device: str) -> None:
    """Also that of a model on meta, whose own tensors a kernel on shapes could be given."""
    model: Any = Calls(lambda m, x: (RESHAPES[name](m.kept), x + 1)[1])
    model.register_buffer("kept", torch.zeros(1, 6, device=device))
    kept = model.kept
    costlab.analyze(model.to(device), torch.zeros(2, 8, device=device))
    assert model.kept is kept
    assert (kept.shape, kept.stride(), kept.requires_grad) == ((1, 6), (6, 1), False)


@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.spectral_norm, spectral_norm], ids=["new", "old"]
)
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.spectral_norm` is deprecated")
@pytest.mark.filterwarnings("ignore:.*torch.nn.utils.*spectral_norm:FutureWarning")
def test_power_iterations_do_not_reach_the_model(norm: Callable[..., nn.Module]) -> None:
    """A spectral norm in train mode iterates on its buffers; an analysis leaves them alone."""
    layer = norm(nn.Linear(32, 16))
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    report = costlab.analyze(layer, "f32[2,32]", mode="train")
    assert report.total.macs == 2 * 32 * 16 + 3 * 32 * 16 + 16
    after = layer.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_snapshot_restores_every_kind_of_container() -> None:
    """Lists, dicts, sets and removed, added or replaced attributes come back."""
    module: Any = nn.Module()
    module.items, module.names, module.flags = [1], {"a": 1}, {1}
    module.old = "old"
    with untouched([module]):
        module.items.append(2)
        module.names["b"] = 2
        module.flags.clear()
        module.old = "new"
        module.added = True
    assert (module.items, module.names, module.flags, module.old) == ([1], {"a": 1}, {1}, "old")
    assert not hasattr(module, "added")


def test_children_and_parameters_keep_their_order() -> None:
    """Optimizers know parameters by place: one that is taken out and put in again has its own."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        first, m.flag = m.first, 1
        del m.first
        m.first = first
        weight = m.weight
        del m.weight
        m.register_parameter("weight", weight)
        return m.second(m.first(x)) @ m.weight

    model: Any = Calls(forward)
    model.bias = nn.Parameter(torch.ones(8))
    model.first, model.second, model.flag = nn.Linear(8, 8), nn.Linear(8, 8), True
    model.items, model.none = OrderedDict(a=1, b=2), None
    names = [name for name, _ in model.named_parameters()]
    costlab.analyze(model, "f32[2,8]")
    assert [name for name, _ in model.named_parameters()] == names
    assert list(model._modules) == ["first", "second"]
    assert model.flag is True


def test_what_is_replaced_by_an_equal_one_comes_back() -> None:
    """Tensors, containers and what they hold are compared by identity, an ordered dict in order."""
    module: Any = nn.Module()
    kept, cache = torch.ones(1), dict[str, Any](a=True)
    module.kept, module.cache, module.names = kept, cache, OrderedDict(a=1, b=2)
    with untouched([module]):
        module.kept, module.cache = torch.ones(1), {"a": True}
        cache["a"] = 1
        module.names.move_to_end("a")
    assert module.kept is kept
    assert module.cache is cache
    assert cache["a"] is True
    assert list(module.names) == ["a", "b"]


def test_dicts_of_other_kinds_are_as_they_were() -> None:
    """Counters and dicts with defaults, empty or not."""
    model: Any = Calls(lambda m, x: (m.fill(x), x @ m.weight)[1])
    model.lists, model.counts, model.none = defaultdict(list), Counter(a=2), Counter()

    def fill(x: torch.Tensor) -> None:
        model.lists["x"].append(x)
        model.counts.update("ab")
        model.none.update("a")

    model.fill = fill
    costlab.analyze(model, "f32[2,8]")
    assert (model.lists, model.counts, model.none) == ({}, {"a": 2}, {})
    assert model.lists["new"] == []


def test_a_snapshot_restores_what_torch_keeps_of_a_module() -> None:
    """A buffer that a forward registers is forgotten, and that it was not to be saved with it."""
    module = nn.Module()
    with untouched([module]):
        module.register_buffer("cache", torch.ones(1), persistent=False)
        module.register_forward_hook(lambda *_: None)
    assert not module._buffers
    assert not module._non_persistent_buffers_set
    assert not module._forward_hooks


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
