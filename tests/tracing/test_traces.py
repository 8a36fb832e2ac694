"""Models that leave traces of every kind: each is the same after an analysis as before."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, UserDict, defaultdict, deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn.modules import module as of_torch
from torch.nn.utils import parametrize

import costlab
from costlab.tracing import contents
from costlab.tracing.untouched import untouched

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED: list[str] = []
"""What was done to containers by code of the user's."""


class Loud:
    """Tells of everything that is done to it by its own methods."""

    def __setitem__(self, key: Any, value: Any) -> None:
        ASKED.append("set")
        super().__setitem__(key, value)  # type: ignore[misc]  # of the class that it is mixed with

    def __iter__(self) -> Any:
        ASKED.append("read")
        return super().__iter__()  # type: ignore[misc]  # as above

    def clear(self) -> None:
        """Forgets all."""
        ASKED.append("cleared")
        super().clear()  # type: ignore[misc]  # as above

    def update(self, *args: Any) -> None:
        """Takes more."""
        ASKED.append("updated")
        super().update(*args)  # type: ignore[misc]  # as above


class LoudDict(Loud, dict[Any, Any]):  # type: ignore[misc]  # a dict is told of in other words
    """A dict of the user's."""


class LoudOrdered(Loud, OrderedDict[Any, Any]):  # type: ignore[misc]  # as above
    """An ordered dict of the user's."""


class LoudList(Loud, list[Any]):
    """A list of the user's."""


class LoudSet(Loud, set[Any]):
    """A set of the user's."""


class Cache:
    """An object that holds another one."""

    def __init__(self, inner: Any = None) -> None:
        self.count, self.layers, self.inner = 0, [[1], [2]], inner


class Slotted:
    """An object without a dict; one of its slots is empty."""

    __slots__ = ("count", "later")

    def __init__(self) -> None:
        self.count = 1


class Net(nn.Module):
    """A layer, and much that a forward may write to."""

    calls = 0
    shared: dict[str, Any] = {}  # noqa: RUF012 - that all share it is the point

    def __init__(self, write: Any) -> None:
        super().__init__()
        self.layer, self.write = nn.Linear(4, 4), write
        self.register_buffer("steps", torch.zeros(1))
        self.cache, self.slotted, self.space = Cache(Cache()), Slotted(), SimpleNamespace(a=1)
        self.loud, self.ordered = LoudDict(a=1, b=2), LoudOrdered(a=1, b=2)
        self.listed, self.chosen = LoudList([1, 2]), LoudSet({1})
        self.nested = {"a": [1, {"b": [2]}], "c": deque([[3]])}
        self.lists: Any = defaultdict(list, a=[1])
        self.user: Any = UserDict(a=[1])
        self.pair = ([1], 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's result, after the writing."""
        made: torch.Tensor = self.layer(x)
        self.write(self, made)
        return made


class Other(Net):
    """What a forward turns its module into."""


def forget(model: Any, x: torch.Tensor) -> None:
    """Deletes and replaces."""
    del model.ordered["a"]
    model.ordered["a"] = x


def parametrized(model: Any, _: torch.Tensor) -> None:
    """Gives the layer another class and a parametrization."""
    parametrize.register_parametrization(model.layer, "weight", nn.Identity())


WRITES: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "a dict of the user's": lambda m, x: m.loud.update({"c": x}),
    "an ordered dict of the user's": forget,
    "a list of the user's": lambda m, x: m.listed.append(x),
    "a set of the user's": lambda m, x: m.chosen.add(x),
    "a list in a dict in a list": lambda m, x: m.nested["a"][1]["b"].append(x),
    "a list in a deque in a dict": lambda m, x: m.nested["c"][0].append(x),
    "a list of a defaultdict": lambda m, x: (m.lists["a"].append(x), m.lists["new"].append(x)),
    "a UserDict": lambda m, x: m.user.update(b=x),
    "a list in a UserDict": lambda m, x: m.user["a"].append(x),
    "a list in a tuple": lambda m, x: m.pair[0].append(x),
    "an object": lambda m, x: setattr(m.cache, "last", x),
    "a number of an object's": lambda m, _: setattr(m.cache, "count", 9),
    "an object in an object": lambda m, x: m.cache.inner.layers[1].append(x),
    "a slot": lambda m, x: setattr(m.slotted, "count", x),
    "an empty slot": lambda m, x: setattr(m.slotted, "later", x),
    "a namespace": lambda m, x: setattr(m.space, "b", x),
    "the class": lambda m, _: setattr(type(m), "calls", type(m).calls + 1),
    "a new attribute of the class": lambda m, x: setattr(type(m), "last", x),
    "a dict of the class": lambda m, x: m.shared.update(x=x),
    "another class": lambda m, _: setattr(m, "__class__", Other),
    "a parametrization": parametrized,
    "its __dict__": lambda m, x: m.__dict__.update(cache=x),
    "a buffer anew": lambda m, x: m.register_buffer("steps", x),
    "a parameter anew": lambda m, _: setattr(m.layer, "bias", nn.Parameter(torch.ones(4))),
    "no bias": lambda m, _: m.layer.register_parameter("bias", None),
    "a new child": lambda m, _: m.add_module("more", nn.Linear(4, 4)),
    "no child": lambda m, _: delattr(m, "layer"),
    "its own forward": lambda m, _: setattr(m, "forward", lambda x: x),
    "training": lambda m, _: m.train(not m.training),
    "training of a layer": lambda m, _: setattr(m.layer, "training", "odd"),
    "a hook": lambda m, _: m.layer.register_forward_hook(lambda *_: None, with_kwargs=True),
    "a hook of all modules": lambda *_: of_torch.register_module_forward_pre_hook(lambda *_: None),
    "a hook of all gradients": lambda *_: of_torch.register_module_full_backward_hook(
        lambda *_: None
    ),
}
"""By what is written to: what a forward does to its model."""


def told(value: Any, levels: int = 8) -> Any:
    """Whatever is within a value: its class, its identity, and what it holds, in its order."""
    if not levels or isinstance(value, int | str | None):
        return value
    found: list[Any] = [type(value), id(value)]
    if isinstance(value, torch.Tensor) or (callable(value) and not isinstance(value, nn.Module)):
        return found
    if isinstance(value, dict):
        found += [(key, told(dict.get(value, key), levels - 1)) for key in dict.keys(value)]
    elif isinstance(value, tuple | list | set | deque):
        home: Any = type(value).__mro__[-2]  # Python's own, under the user's class
        found += [told(item, levels - 1) for item in home.__iter__(value)]
    if hasattr(value, "__dict__"):
        found.append(told(vars(value), levels - 1))
    if isinstance(value, Slotted):
        found.append([told(getattr(value, name, None), levels - 1) for name in value.__slots__])
    return found


def everything(model: Net) -> Any:
    """The model, its class, and the hooks of all modules."""
    hooks = {name: value for name, value in vars(of_torch).items() if name.startswith("_global")}
    held = [told(value) for value in hooks.values()]
    return told(model), model.calls, hasattr(Net, "last"), told(Net.shared), held


@pytest.mark.parametrize("mode", [None, "train"])
@pytest.mark.parametrize("name", WRITES)
def test_what_a_model_holds_is_as_it_was(name: str, mode: str | None) -> None:
    """Down to the lists of its objects; nothing of the user's own is run for it."""

    def write(model: Net, x: torch.Tensor) -> None:
        WRITES[name](model, x)
        ASKED.clear()

    model = Net(write)
    before = everything(model)
    ASKED.clear()
    report = costlab.analyze(model, "f32[2,4]", mode=mode)
    assert ASKED == []
    assert everything(model) == before
    assert report.total.macs == 2 * 4 * 4
    assert not any("outside the model" in warning for warning in report.warnings)


@pytest.mark.parametrize("name", WRITES)
def test_each_way_does_write(name: str) -> None:
    """The guard can fail: without an analysis the model is another afterwards."""
    model = Net(WRITES[name])
    before = everything(model)
    with untouched([*model.modules()]):
        model(torch.zeros(2, 4))
        assert everything(model) != before
    assert everything(model) == before
    ASKED.clear()


def test_objects_of_pythons_library_are_left_alone() -> None:
    """A logger is tied to all others, and a lock to its thread: they stay as they are."""
    kinds: tuple[Any, ...]
    kinds = (logging.Logger, type(threading.Lock()), threading.Thread, nn.Linear, torch.Tensor)
    assert not any(contents.kind_of(kind) for kind in kinds)
    kinds = (Cache, Slotted, LoudDict, dict, UserDict, SimpleNamespace)
    assert all(contents.kind_of(kind) for kind in kinds)


def refusing() -> Any:
    """An object that lets itself neither be asked nor be set, compared or counted."""

    class Reticent(type):
        def __getattribute__(cls, name: str) -> Any:
            if name == "__module__":
                raise RuntimeError(name)
            return super().__getattribute__(name)

    class Refuses(metaclass=Reticent):
        @property
        def __dict__(self) -> dict[str, Any]:  # type: ignore[override]  # on purpose
            raise RuntimeError

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __eq__(self, _: object) -> bool:
            raise RuntimeError

        def __len__(self) -> int:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]  # as what compares itself has it

    return Refuses()


def test_what_does_not_let_itself_be_asked_is_left_alone() -> None:
    """An analysis looks past it, and puts back what stands beside it."""
    model: Any = Net(lambda m, x: m.odd.append(x))
    model.odd = [refusing(), refusing()]
    assert costlab.analyze(model, "f32[2,4]").total.macs == 2 * 4 * 4
    assert len(model.odd) == 2


def test_what_is_too_much_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest are, up to a number: a model may hold a whole data set."""
    monkeypatch.setattr(contents, "MOST", 3)
    far, near = [[1]], [2]
    found = contents.Contents([near, [far]])
    near.append(3)
    far[0].append(3)
    found.restore()
    assert (near, far) == ([2], [[1, 3]])
