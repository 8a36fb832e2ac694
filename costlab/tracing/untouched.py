"""A model is the same after tracing as before, also if its forward raised.

Tensors need no care here: the recorder never runs an operation on them. What a forward can change
is the modules' attributes, their containers, and the state of the random number generators.
"""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from contextlib import contextmanager
from itertools import chain, compress
from operator import is_
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

DICTS = frozenset({dict, OrderedDict})
SEQUENCES = frozenset({list, set, deque})


class Snapshot:
    """The attributes of modules and their containers, as they were.

    Attributes are compared by identity, and the containers that hold them (parameters, buffers,
    children, hooks, and the user's own lists, dicts, sets and deques) one level deep. What is
    compared is laid out flat: one comparison of two long lists is quicker than many of short ones.
    """

    def __init__(self, modules: list[torch.nn.Module]) -> None:
        """Takes the snapshot of some modules, each named once."""
        self.attributes = _Dicts([vars(module) for module in modules])
        values = self.attributes.values
        kinds = list(map(type, values))
        dicts: list[dict[Any, Any]] = list(compress(values, map(DICTS.__contains__, kinds)))
        # Most dicts of a module are empty (hooks): those are only to be empty again.
        self.filled = _Dicts([held for held in dicts if held])
        self.empty = [held for held in dicts if not held]
        sequences = compress(values, map(SEQUENCES.__contains__, kinds))
        self.sequences = [(held, list(held)) for held in sequences]
        self.training = [module.training for module in modules]

    def restore(self) -> None:
        """Puts everything back that has changed."""
        for own, training in zip(self.attributes.dicts, self.training, strict=True):
            own["training"] = training
        self.attributes.restore()
        self.filled.restore()
        for held in self.empty:
            if held:
                held.clear()
        for live, saved in self.sequences:
            if not _same(list(live), saved):
                live.clear()
                (live.update if isinstance(live, set) else live.extend)(saved)

    def attribute_tensors(self) -> Iterator[torch.Tensor]:
        """The tensors that modules held as plain attributes."""
        return (value for value in self.attributes.values if isinstance(value, torch.Tensor))


class _Dicts:
    """Some dicts, with all their keys and all their values one after the other."""

    def __init__(self, dicts: list[dict[Any, Any]]) -> None:
        self.dicts = dicts
        self.sizes = list(map(len, dicts))
        self.keys, self.values = self._flat()

    def _flat(self) -> tuple[list[Any], list[Any]]:
        values = chain.from_iterable(map(dict.values, self.dicts))
        return list(chain.from_iterable(self.dicts)), list(values)

    def restore(self) -> None:
        keys, values = self._flat()
        if _same(self.keys, keys) and _same(self.values, values):
            return
        start = 0
        for live, size in zip(self.dicts, self.sizes, strict=True):
            end = start + size
            saved_keys, saved_values = self.keys[start:end], self.values[start:end]
            if not (_same(list(live), saved_keys) and _same([*live.values()], saved_values)):
                live.clear()
                live.update(zip(saved_keys, saved_values, strict=True))
            start = end


def _same(before: list[Any], after: list[Any]) -> bool:
    """Whether two lists hold the same objects in the same order."""
    return len(before) == len(after) and all(map(is_, before, after))


@contextmanager
def untouched(modules: list[torch.nn.Module]) -> Iterator[Snapshot]:
    """Restores on exit the modules, the gradient mode and the states of the random generators."""
    snapshot = Snapshot(modules)
    torch_rng, python_rng = torch.get_rng_state(), random.getstate()
    numpy: Any = sys.modules.get("numpy")
    numpy_rng = numpy.random.get_state() if numpy is not None else None
    grad = torch.is_grad_enabled()
    try:
        yield snapshot
    finally:
        torch.set_grad_enabled(grad)
        snapshot.restore()
        torch.set_rng_state(torch_rng)
        random.setstate(python_rng)
        if numpy_rng is not None:
            numpy.random.set_state(numpy_rng)
