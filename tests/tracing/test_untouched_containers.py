"""Attributes and containers of a model, of whatever kind, come back and in their order."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

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
