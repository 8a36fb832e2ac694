"""What a model holds beyond its modules' attributes: containers and objects of any class.

A cache may be an `OrderedDict` of a class of the user's, a list in a dict, or an object. What they
hold is read, and put back as it was, by the methods of Python's own classes, so that no code of the
user's runs. Does not know modules.
"""

from __future__ import annotations

import sys
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from itertools import chain
from operator import is_
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.tracing.states import State, States, state_of
from costlab.tracing.tensors import ATOMS, TENSOR_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LEVELS = 32
"""How deep is looked; an object, its dict and a list in it are three levels."""
MOST = 5_000
"""Things that are looked at; a model that holds more of them holds more than its own state."""
BEYOND = (
    f"the model or an input holds more than {MOST:,} objects, or some more than {LEVELS} levels "
    "deep: what the forward changes in those beyond is not put back"
)
LEAVES: frozenset[Any] = ATOMS | TENSOR_TYPES | {
    FunctionType, BuiltinFunctionType, MethodType, ModuleType, GetSetDescriptorType,
    MemberDescriptorType, staticmethod, classmethod, property, type, bytes,
}  # fmt: skip
"""Classes of which nothing changes by a forward, or is none of the model's."""
NOT_FOLLOWED = (torch.nn.Module, torch.Tensor, torch.Generator, type, ModuleType)
FOLLOWED = (UserDict, UserList, ChainMap, SimpleNamespace)
"""Classes of Python's library that hold what they are given."""
REMEMBERING = ("torch.optim.", "torch.distributions.")
"""Where torch has classes whose objects keep what they learn or find out, for who holds them."""
FOREIGN = frozenset(sys.stdlib_module_names) | {"torch", "numpy"}
"""Whose objects are left alone: a logger or a thread has ties to the rest of the process."""


class Way(NamedTuple):
    """How the content of a class's objects is read, as a list, and written."""

    read: Callable[[Any], list[Any]]
    write: Callable[[Any, list[Any]], None]


def _pairs(items: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(items[::2], items[1::2], strict=True)


def _write_dict(held: Any, items: list[Any]) -> None:
    dict.clear(held)
    dict.update(held, _pairs(items))


def _write_ordered(held: Any, items: list[Any]) -> None:
    OrderedDict.clear(held)
    for key, value in _pairs(items):
        OrderedDict.__setitem__(held, key, value)


def _write_list(held: Any, items: list[Any]) -> None:
    list.__setitem__(held, slice(None), items)


def _write_set(held: Any, items: list[Any]) -> None:
    set.clear(held)
    set.update(held, items)


def _write_deque(held: Any, items: list[Any]) -> None:
    deque.clear(held)
    deque.extend(held, items)


WAYS: tuple[tuple[type, Way], ...] = (
    # The first that fits: an ordered dict is a dict, and keeps its order beside.
    (
        OrderedDict,
        Way(lambda held: [*chain.from_iterable(OrderedDict.items(held))], _write_ordered),
    ),
    (dict, Way(lambda held: [*chain.from_iterable(dict.items(held))], _write_dict)),
    (list, Way(lambda held: [*list.__iter__(held)], _write_list)),
    (set, Way(lambda held: [*set.__iter__(held)], _write_set)),
    (deque, Way(lambda held: [*deque.__iter__(held)], _write_deque)),
)


def way_of(kind: type) -> Way | None:
    """How the content of a class's objects is read and written; None if it is no container."""
    return next((way for home, way in WAYS if issubclass(kind, home)), None)


def slots_of(kind: type) -> list[MemberDescriptorType]:
    """The slots of a class and of those that it is made of."""
    return [
        slot
        for home in kind.__mro__
        if "__slots__" in vars(home)  # else it is written in C, and not for all to set
        for slot in vars(home).values()
        if isinstance(slot, MemberDescriptorType)
    ]


_NOTHING: Any = object()
"""What is in a slot that is empty."""


def _of_slots(slots: list[MemberDescriptorType]) -> Way:
    def read(held: Any) -> list[Any]:
        return [_in_slot(slot, held) for slot in slots]

    def write(held: Any, items: list[Any]) -> None:
        for slot, item, now in zip(slots, items, read(held), strict=True):
            if item is now:
                continue
            if item is _NOTHING:
                slot.__delete__(held)
            else:
                slot.__set__(held, item)

    return Way(read, write)


def _in_slot(slot: MemberDescriptorType, held: Any) -> Any:
    try:
        return slot.__get__(held)
    except AttributeError:
        return _NOTHING


def is_foreign(kind: type) -> bool:
    """Whether a class is torch's or of Python's library."""
    return _home(kind).partition(".")[0] in FOREIGN


def _home(kind: type) -> str:
    # As it stands there: a metaclass may have code of its own, and a class may set what it likes.
    home: Any = type.__getattribute__(kind, "__module__")
    return home if isinstance(home, str) else ""


def is_followed(kind: type) -> bool:
    """Whether objects of a class may hold state of the model's: those of the user's classes."""
    known = kind in FOLLOWED or _home(kind).startswith(REMEMBERING)
    return not issubclass(kind, NOT_FOLLOWED) and (known or not is_foreign(kind))


class Kind(NamedTuple):
    """How objects of a class are looked into: as a container, by its slots, by their own dict."""

    ways: list[Way]
    has_dict: bool
    state: State | None
    """How what changes within them is kept."""


def kind_of(kind: type[Any]) -> Kind | None:
    """How objects of a class are looked into; None if they are not."""
    if kind in LEAVES:
        return None
    way, state = way_of(kind), state_of(kind)
    followed = state is not None or is_followed(kind)
    ways = [] if way is None else [way]
    if followed and (slots := slots_of(kind)):
        ways.append(_of_slots(slots))
    dicts = [vars(home)["__dict__"] for home in kind.__mro__ if "__dict__" in vars(home)]
    # Python's own; a property of that name is code of the user's.
    has_dict = followed and isinstance(
        next(iter(dicts), None), GetSetDescriptorType | MemberDescriptorType
    )
    known = ways or has_dict or state is not None or issubclass(kind, tuple)
    return Kind(ways, has_dict, state) if known else None


class Contents:
    """What some values hold, and what those hold, as it was."""

    def __init__(self, values: Iterable[Any], remarks: dict[str, None] | None = None) -> None:
        """Looks into values, the nearest first; to the remarks it adds what cannot come back."""
        self.saved: list[tuple[Any, Way, list[Any]]] = []
        told = {} if remarks is None else remarks
        self.states = States(told)
        kinds: dict[type, Kind | None] = {}
        seen: set[int] = set()
        level = list(values)
        for _ in range(LEVELS):
            below: list[Any] = []
            for new in set(map(type, level)).difference(kinds):
                kinds[new] = kind_of(new)
            for value in level:
                kind = kinds[type(value)]
                if kind is None or id(value) in seen:
                    continue
                if len(seen) >= MOST:
                    told[BEYOND] = None
                    return
                seen.add(id(value))
                below += self._keep(value, kind)
            level = below
            if not level:
                return
        if any(id(value) not in seen and kind_of(type(value)) is not None for value in level):
            told[BEYOND] = None

    def _keep(self, value: Any, kind: Kind) -> list[Any]:
        """What a value holds, which is kept."""
        below: list[Any] = []
        if kind.state is not None:
            self.states.keep(value, kind.state)
        if isinstance(value, tuple):
            below += tuple.__iter__(value)  # holds what it was made with
        for way in kind.ways:
            items = way.read(value)
            self.saved.append((value, way, items))
            below += items
        if kind.has_dict and (own := attributes_of(value)) is not None:
            below.append(own)
        return below

    def restore(self) -> None:
        """Puts back what has changed."""
        for held, way, items in self.saved:
            now = way.read(held)
            if len(now) != len(items) or not all(map(is_, now, items)):
                way.write(held, items)
        self.states.restore()


def attributes_of(value: Any) -> dict[str, Any] | None:
    """The dict of an object's own attributes; None if it has none."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None
