"""A model is the same after tracing as before, also if its forward raised.

Tensors need no care here: the recorder never runs an operation on them. What a forward can change
is the modules' attributes, their containers, and the state of the random number generators.
"""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from contextlib import contextmanager
from itertools import chain
from operator import is_
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINERS = frozenset({list, dict, set, deque, OrderedDict})


@contextmanager
def untouched(modules: list[torch.nn.Module]) -> Iterator[None]:
    """Restores on exit the attributes of the modules, their containers and the RNG states.

    Attributes are compared by identity, and the containers that hold them (parameters, buffers,
    children, hooks, and the user's own lists, dicts, sets and deques) one level deep.
    """
    attributes = [vars(module) for module in modules]
    keys, values = _flat(attributes)
    training = [module.training for module in modules]
    held = [value for value in values if type(value) in CONTAINERS]
    # Most containers of a module are empty (hooks): those are only to be empty again.
    filled = [(value, _copy(value)) for value in held if value]
    empty = [value for value in held if not value]
    sizes = list(map(len, attributes))
    torch_rng, python_rng = torch.get_rng_state(), random.getstate()
    numpy: Any = sys.modules.get("numpy")
    numpy_rng = numpy.random.get_state() if numpy is not None else None
    grad = torch.is_grad_enabled()
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        for own, flag in zip(attributes, training, strict=True):
            own["training"] = flag
        now_keys, now_values = _flat(attributes)
        if not (_same(keys, now_keys) and _same(values, now_values)):
            _restore(attributes, sizes, keys, values)
        for live, saved in filled:
            if not _same(list(live), list(saved)) or (
                isinstance(live, dict) and not _same(list(live.values()), list(saved.values()))
            ):
                live.clear()
                (live.update if isinstance(live, dict | set) else live.extend)(saved)
        for live in empty:
            if live:
                live.clear()
        torch.set_rng_state(torch_rng)
        random.setstate(python_rng)
        if numpy_rng is not None:
            numpy.random.set_state(numpy_rng)


def _flat(dicts: list[dict[str, Any]]) -> tuple[list[str], list[Any]]:
    """All keys and all values, one after the other: two lists compare faster than many dicts."""
    values = map(dict.values, dicts)
    return list(chain.from_iterable(dicts)), list(chain.from_iterable(values))


def _same(before: list[Any], after: list[Any]) -> bool:
    """Whether two lists hold the same objects in the same order."""
    return len(before) == len(after) and all(map(is_, before, after))


def _copy(container: Any) -> Any:
    return dict(container) if isinstance(container, dict) else type(container)(container)


def _restore(
    dicts: list[dict[str, Any]], sizes: list[int], keys: list[str], values: list[Any]
) -> None:
    start = 0
    for live, size in zip(dicts, sizes, strict=True):
        saved = dict(zip(keys[start : start + size], values[start : start + size], strict=True))
        start += size
        if not (_same(list(live), list(saved)) and _same([*live.values()], [*saved.values()])):
            live.clear()
            live.update(saved)
