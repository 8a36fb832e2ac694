"""A model is the same after tracing as before, also if its forward raised.

Tensors need no care here: the recorder never runs an operation on them. What a forward can change
is the modules' attributes, their containers, and the state of the random number generators.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import contextmanager, suppress
from itertools import chain, compress, filterfalse
from operator import is_
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import UsageError
from costlab.tracing.randomness import GENERATORS

if TYPE_CHECKING:
    from collections.abc import Iterator

DICTS = frozenset({dict, defaultdict, Counter})
CONTAINERS = DICTS | frozenset({OrderedDict, list, set, deque})
Dict = dict[Any, Any]


class Snapshot:
    """The attributes of modules and their containers, as they were.

    So are the containers that attributes hold (parameters, buffers, children, hooks, and the
    user's own lists, dicts, sets and deques, those of Python's own classes), one level deep. All is
    compared by identity and in its order, but for what torch's own layers hold, which is compared
    by value. A network has hundreds of modules: what can be, is done by dict's own methods.
    """

    def __init__(self, modules: list[torch.nn.Module]) -> None:
        """Takes the snapshot of some modules, each named once."""
        self.attributes: list[Dict] = list(map(vars, modules))
        self.saved = list(map(dict.copy, self.attributes))
        self.training = [getattr(module, "training", None) for module in modules]
        kinds = list(map(type, modules))
        torchs = {kind for kind in set(kinds) if _is_torchs(kind)}
        self.of_users = [kind not in torchs for kind in kinds]
        self.of_torch = [kind in torchs for kind in kinds]
        own, theirs = self._containers(self.of_users), self._containers(self.of_torch)
        # Most are empty (a module has a dozen for hooks): those are only to be empty again.
        self.empty = list(filterfalse(None, own + theirs))
        own, theirs = list(filter(None, own)), list(filter(None, theirs))
        self.dicts_of_users: list[Dict] = [held for held in own if type(held) in DICTS]
        self.dicts_of_torch: list[Dict] = [held for held in theirs if type(held) in DICTS]
        self.saved_of_users = list(map(dict.copy, self.dicts_of_users))
        self.saved_of_torch = list(map(dict.copy, self.dicts_of_torch))
        self.others = [held for held in own + theirs if type(held) not in DICTS]
        self.saved_others = list(map(_items, self.others))

    def _containers(self, chosen: list[bool]) -> list[Any]:
        """What the attributes of some of the modules hold that may be written to."""
        values = chain.from_iterable(map(dict.values, compress(self.attributes, chosen)))
        return [value for value in values if type(value) in CONTAINERS]

    def restore(self) -> None:
        """Puts everything back that has changed."""
        # First, as a mode changes it in every module: nothing else has changed in most models.
        for own, training in zip(self.attributes, self.training, strict=True):
            own["training"] = training
        users = list(compress(self.attributes, self.of_users))
        if not (
            _equal(self.attributes, self.saved)
            and _same(users, list(compress(self.saved, self.of_users)))
        ):
            _put_back(self.attributes, self.saved)
        if not (
            _equal(self.dicts_of_users, self.saved_of_users)
            and _same(self.dicts_of_users, self.saved_of_users)
        ):
            _put_back(self.dicts_of_users, self.saved_of_users)
        if not _equal(self.dicts_of_torch, self.saved_of_torch):
            _put_back(self.dicts_of_torch, self.saved_of_torch)
        for held in filter(None, self.empty):
            held.clear()
        for held, saved in zip(self.others, self.saved_others, strict=True):
            live = _items(held)
            if len(live) != len(saved) or not all(map(is_, live, saved)):
                _fill(held, saved)

    def attribute_tensors(self) -> Iterator[torch.Tensor]:
        """The tensors that modules held as plain attributes."""
        values = chain.from_iterable(map(dict.values, self.saved))
        return (value for value in values if isinstance(value, torch.Tensor))


def _equal(dicts: list[Dict], saved: list[Dict]) -> bool:
    """Whether all have the same keys, and values that are the same or equal."""
    # Comparing values runs their own code, which may fail: then they are not those of before.
    with suppress(Exception):
        return all(map(dict.__eq__, dicts, saved))
    return False


def _same(dicts: list[Dict], saved: list[Dict]) -> bool:
    """Whether dicts with the same keys hold the same objects, in the same order."""
    live, before = (chain.from_iterable(map(dict.values, each)) for each in (dicts, saved))
    return all(map(is_, live, before))


def _put_back(dicts: list[Dict], saved: list[Dict]) -> None:
    for live, before in zip(dicts, saved, strict=True):
        if list(live) != list(before) or not _same([live], [before]):
            dict.clear(live)
            dict.update(live, before)


def _items(held: Any) -> list[Any]:
    """What a list, set or deque holds; of an ordered dict each key and its value."""
    return list(chain.from_iterable(held.items()) if type(held) is OrderedDict else held)


def _fill(held: Any, items: list[Any]) -> None:
    """Has a container hold these items, as `_items` gave them."""
    held.clear()
    if type(held) is OrderedDict:
        held.update(zip(items[::2], items[1::2], strict=True))
    elif type(held) is set:
        held.update(items)
    else:
        held.extend(items)


def _is_torchs(kind: type[torch.nn.Module]) -> bool:
    """Whether a class of modules is one of torch's layers."""
    return kind.__module__.startswith("torch.nn.") and kind is not torch.nn.Module


@contextmanager
def untouched(modules: list[torch.nn.Module]) -> Iterator[Snapshot]:
    """Restores on exit the modules, the gradient mode and the states of the random generators."""
    try:
        snapshot = Snapshot(modules)
    except Exception as error:  # whatever a module's own attribute access raises
        message = f"the attributes of a module cannot be read ({type(error).__name__}: {error})"
        raise UsageError(message) from error
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    found = GENERATORS.begin()
    try:
        yield snapshot
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        try:
            snapshot.restore()
        finally:
            GENERATORS.end(found)
