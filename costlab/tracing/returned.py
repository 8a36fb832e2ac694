"""The tensors that a forward returns, also within objects: distributions, caches, results.

Does not know a trace. No property is called: what an object holds is read, nothing computed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import (
    BuiltinFunctionType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

import torch

from costlab.tracing.tensors import ATOMS

LEVELS = 4
"""How many objects deep is looked: a distribution of a distribution in a result is the third."""
NO_RESULT = (
    torch.nn.Module, torch.nn.Parameter, type, ModuleType, FunctionType, BuiltinFunctionType,
    MethodType,
)  # fmt: skip
"""What is no result, though a result may hold it: its tensors are the model's, or nobody's."""


class Returned(NamedTuple):
    """The tensors in a result, and the types of what may hold more that nobody sees."""

    tensors: list[torch.Tensor]
    closed: dict[str, None]


def returned(value: Any) -> Returned:
    """What a forward returned: its tensors, those of its containers, those its objects hold.

    >>> normal = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    >>> [tensor.tolist() for tensor in returned((normal, torch.ones(1))).tensors]
    [[0.0, 0.0], [1.0, 1.0], [1.0]]
    >>> list(returned(iter([torch.ones(1)])).closed)
    ['list_iterator']
    """
    found = Returned([], {})
    if isinstance(value, torch.nn.Parameter):
        found.tensors.append(value)
    _look(value, LEVELS, {}, found)
    return found


def _look(value: Any, levels: int, seen: dict[int, Any], found: Returned) -> None:
    if type(value) in ATOMS or isinstance(value, NO_RESULT):
        return
    if isinstance(value, torch.Tensor):
        found.tensors.append(value)
        return
    if id(value) in seen:
        return
    seen[id(value)] = value  # held, so that no other object gets its identity
    if isinstance(value, Iterator):
        found.closed[type(value).__name__] = None
    elif isinstance(value, tuple | list | set | frozenset | deque):
        _look_at(value, levels, seen, found)
    elif isinstance(value, Mapping):
        _look_at(value.values(), levels, seen, found)
    elif levels:
        _look_at(_held(value), levels - 1, seen, found)
    elif any(type(held) not in ATOMS for held in _held(value)):
        found.closed[type(value).__name__] = None


def _look_at(values: Iterable[Any], levels: int, seen: dict[int, Any], found: Returned) -> None:
    for item in values:
        _look(item, levels, seen, found)


def _held(value: Any) -> list[Any]:
    """The values of an object's own attributes, in its dict and in slots."""
    own: dict[str, Any] = getattr(value, "__dict__", {})
    held = list(own.values())
    for kind in type(value).__mro__:
        held += [
            slot.__get__(value)
            for slot in vars(kind).values()
            if isinstance(slot, MemberDescriptorType) and _is_set(slot, value)
        ]
    return held


def _is_set(slot: MemberDescriptorType, value: Any) -> bool:
    try:
        slot.__get__(value)
    except AttributeError:
        return False
    return True
