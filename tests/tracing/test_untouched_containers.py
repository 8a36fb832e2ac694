"""Attributes and containers of a model, of whatever kind, come back and in their order."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest
import torch
from torch import nn

import costlab
from costlab.tracing.untouched import untouched
from tests.tracing.networks import Calls


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


class Holder:
    """An object that holds one."""

    def __init__(self, held: Any) -> None:
        self.held = held


@pytest.mark.parametrize("on", ["meta", "real"])
@pytest.mark.parametrize("depth", [1, 4, 10, 40])
def test_what_is_far_down_comes_back_or_is_named(depth: int, on: Any) -> None:
    """A cache in objects in objects is as it was; one that is too far down, a warning tells of."""
    innermost = held = Holder(torch.zeros(1, 2, 8))
    for _ in range(depth):
        held = Holder([held])

    def forward(m: Any, x: torch.Tensor, cache: Any) -> torch.Tensor:
        for _ in range(depth):
            cache = cache.held[0]
        cache.held = torch.cat([cache.held, x @ m.weight], 1)
        made: torch.Tensor = cache.held
        return made

    model, before = Calls(forward), innermost.held
    inputs = {"x": torch.zeros(1, 1, 8), "cache": held}
    told = [costlab.analyze(model, inputs, on=on).warnings for _ in range(2)]
    reached = innermost.held is before
    assert reached == (depth < 40)
    named = [any("levels deep" in warning for warning in warnings) for warnings in told]
    assert named == [not reached] * 2


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


def test_an_attribute_of_a_class_that_is_renamed_has_its_name_again() -> None:
    """The last one, whose value stays in its place."""

    class Renames(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """The input; what the class has is called otherwise from then on."""
            kind: Any = type(self)
            held = kind.cache
            del kind.cache
            kind.other = held
            return x + 1

    kind: Any = Renames
    kind.cache = cache = {"a": 1}
    costlab.analyze(Renames(), "f32[2]")
    assert kind.cache is cache
    assert not hasattr(kind, "other")
