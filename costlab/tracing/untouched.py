"""A model is the same after tracing as before, also if its forward raised.

Tensors need no care here: the recorder never runs an operation on them. What a forward can change
is the modules' attributes and what these hold, the attributes of their classes, torch's settings,
and the state of the random number generators.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import contextmanager, suppress
from itertools import chain, compress, filterfalse
from operator import is_
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules import module as module_of_torch

from costlab.errors import UsageError
from costlab.tracing.classes import OfClass
from costlab.tracing.contents import LEAVES, MOST, Contents, is_foreign
from costlab.tracing.randomness import GENERATORS
from costlab.tracing.switches import PROCESS, of_the_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DICTS = frozenset({dict, defaultdict, Counter})
CONTAINERS: frozenset[Any] = DICTS | frozenset({OrderedDict, list, set, deque})
HOOKS = [held for name, held in vars(module_of_torch).items() if name.startswith("_global_")]
"""Where torch keeps the hooks of all modules."""
FULL = {"_global_is_full_backward_hook"} & vars(module_of_torch).keys()
"""Which kind of them those of gradients are."""
Dict = dict[Any, Any]


class Snapshot:
    """The attributes of modules and of their classes, and their containers, as they were.

    So are the containers that attributes hold (parameters, buffers, children, hooks, and the
    user's own lists, dicts, sets and deques), and what is within those or in objects
    (`costlab.tracing.contents`). All is compared by identity and in its order, but for what torch's
    own layers hold, which is compared by value. A network has hundreds of modules: what can be, is
    done by dict's own methods.
    """

    def __init__(
        self,
        modules: list[torch.nn.Module],
        given: Iterable[Any] = (),
        remarks: dict[str, None] | None = None,
    ) -> None:
        """Takes the snapshot of some modules, each named once, and of what inputs hold."""
        self.attributes: list[Dict] = list(map(vars, modules))
        self.saved = list(map(dict.copy, self.attributes))
        self.training = [getattr(module, "training", None) for module in modules]
        self.modules, self.kinds = modules, list(map(type, modules))
        self.of_all = {name: vars(module_of_torch)[name] for name in FULL}
        kinds = self.kinds
        torchs = {kind for kind in set(kinds) if _is_torchs(kind)}
        self.of_users = [kind not in torchs for kind in kinds]
        self.of_torch = [kind in torchs for kind in kinds]
        self.classes = [OfClass(home) for home in _classes(set(kinds) - torchs)]
        # Of a class's values only these: its functions are not looked into.
        shared = [value for home in self.classes for value in home.saved.values()]
        known = LEAVES | frozenset(kinds)
        own, unusual = _sorted((*self._values(self.of_users), *shared, *HOOKS), CONTAINERS | known)
        theirs = [value for value in self._values(self.of_torch) if type(value) in CONTAINERS]
        # Most are empty (a module has a dozen for hooks): those are only to be empty again.
        self.empty = list(filterfalse(None, own + theirs))
        own, theirs = list(filter(None, own)), list(filter(None, theirs))
        self.dicts_of_users: list[Dict] = [held for held in own if type(held) in DICTS]
        self.dicts_of_torch: list[Dict] = [held for held in theirs if type(held) in DICTS]
        self.saved_of_users = list(map(dict.copy, self.dicts_of_users))
        self.saved_of_torch = list(map(dict.copy, self.dicts_of_torch))
        self.others = [held for held in own + theirs if type(held) not in DICTS]
        self.saved_others = list(map(_items, self.others))
        # A container in a container is one that is not looked into yet; a vocabulary holds none.
        few = [held for held in own if len(held) <= MOST]
        _, within = _sorted(chain.from_iterable(map(_values, few)), known)
        inputs = [value for value in given if type(value) not in known]  # else a tensor
        looked_into = unusual + within + inputs
        self.contents = Contents(looked_into, remarks) if looked_into else None

    def _values(self, chosen: list[bool]) -> Iterable[Any]:
        """What the attributes of some of the modules hold."""
        return chain.from_iterable(map(dict.values, compress(self.attributes, chosen)))

    def restore(self) -> None:
        """Puts everything back that has changed."""
        if list(map(type, self.modules)) != self.kinds:  # as by a parametrization that is added
            for module, kind in zip(self.modules, self.kinds, strict=True):
                object.__setattr__(module, "__class__", kind)
        self._restore_attributes()
        self._restore_containers()
        if self.contents is not None:
            self.contents.restore()
        for home in self.classes:
            home.restore()
        vars(module_of_torch).update(self.of_all)

    def _restore_attributes(self) -> None:
        # First, as a mode changes it in every module: nothing else has changed in most models.
        for own, training in zip(self.attributes, self.training, strict=True):
            own["training"] = training
        users = list(compress(self.attributes, self.of_users))
        if not (
            _equal(self.attributes, self.saved)
            and _same(users, list(compress(self.saved, self.of_users)))
        ):
            _put_back(self.attributes, self.saved)

    def _restore_containers(self) -> None:
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


def _values(held: Any) -> Iterable[Any]:
    """What a container holds, of a dict without its keys."""
    values: Iterable[Any] = held.values() if isinstance(held, dict) else held
    return values


def _sorted(values: Iterable[Any], known: frozenset[Any]) -> tuple[list[Any], list[Any]]:
    """Of many values the containers of Python's own, and those of none of the known classes."""
    held = list(values)
    kinds = list(map(type, held))
    containers = list(compress(held, map(CONTAINERS.__contains__, kinds)))
    others = set(kinds) - known  # in nearly all models there are none
    return containers, [value for value in held if type(value) in others] if others else []


def _classes(kinds: set[type]) -> set[type]:
    """The user's classes that some classes of modules are made of, they themselves among them."""
    homes = {home for kind in kinds for home in kind.__mro__}
    return {home for home in homes if not is_foreign(home)}


def _is_torchs(kind: type[torch.nn.Module]) -> bool:
    """Whether a class of modules is one of torch's layers."""
    return kind.__module__.startswith("torch.nn.") and kind is not torch.nn.Module


@contextmanager
def untouched(
    modules: list[torch.nn.Module],
    given: Iterable[Any] = (),
    remarks: dict[str, None] | None = None,
) -> Iterator[Snapshot]:
    """Restores on exit the modules, the gradient mode and the states of the random generators.

    So it does with what the inputs that are `given` hold. What cannot be put back is added to the
    remarks.
    """
    try:
        snapshot = Snapshot(modules, given, remarks)
    except Exception as error:  # whatever a module's own attribute access raises
        message = f"the attributes of a module cannot be read ({type(error).__name__}: {error})"
        raise UsageError(message) from error
    grad, thread = torch.is_grad_enabled(), of_the_thread()
    process, positions = PROCESS.begin(), GENERATORS.begin()
    try:
        yield snapshot
    finally:
        torch.set_grad_enabled(grad)
        try:
            snapshot.restore()
            thread.put_back()
        finally:
            PROCESS.end(process)
            GENERATORS.end(positions)
