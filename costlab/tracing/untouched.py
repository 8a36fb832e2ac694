"""A model is the same after tracing as before, also if its forward raised.

Tensors need no care here: the recorder never runs an operation on them. What a forward can change
is the modules' attributes, their containers, and the state of the random number generators.
"""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from contextlib import contextmanager, suppress
from itertools import chain, filterfalse
from operator import eq, is_
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

DICTS = frozenset({dict, OrderedDict})
CONTAINERS = DICTS | frozenset({list, set, deque})


class Snapshot:
    """The attributes of modules and their containers, as they were.

    Attributes are compared by identity and then by value, and so are the containers that hold them
    (parameters, buffers, children, hooks, and the user's own lists, dicts, sets and deques), one
    level deep. A network has hundreds of modules: what can be, is done by dict's own methods.
    """

    def __init__(self, modules: list[torch.nn.Module]) -> None:
        """Takes the snapshot of some modules, each named once."""
        self.attributes = list(map(vars, modules))
        self.saved = list(map(dict.copy, self.attributes))
        self.training = [getattr(module, "training", None) for module in modules]
        values = chain.from_iterable(map(dict.values, self.attributes))
        containers = [value for value in values if type(value) in CONTAINERS]
        # Most are empty (a module has a dozen for hooks): those are only to be empty again.
        self.empty = list(filterfalse(None, containers))
        filled = list(filter(None, containers))
        self.dicts = [held for held in filled if type(held) in DICTS]
        self.saved_dicts = list(map(dict, self.dicts))
        self.sequences = [held for held in filled if type(held) not in DICTS]
        self.saved_sequences = list(map(list, self.sequences))

    def restore(self) -> None:
        """Puts everything back that has changed."""
        for own, training in zip(self.attributes, self.training, strict=True):
            own["training"] = training
        _put_back(self.attributes, self.saved)
        _put_back(self.dicts, self.saved_dicts)
        for held in filter(None, self.empty):
            held.clear()
        for live, saved in zip(self.sequences, self.saved_sequences, strict=True):
            if len(live) != len(saved) or not all(map(is_, live, saved)):
                live.clear()
                (live.update if isinstance(live, set) else live.extend)(saved)

    def attribute_tensors(self) -> Iterator[torch.Tensor]:
        """The tensors that modules held as plain attributes."""
        values = chain.from_iterable(map(dict.values, self.saved))
        return (value for value in values if isinstance(value, torch.Tensor))


def _put_back(dicts: list[dict[Any, Any]], saved: list[dict[Any, Any]]) -> None:
    # Comparing values runs their own code, which may fail: then they are not those of before.
    with suppress(Exception):
        if all(map(eq, dicts, saved)):
            return
    for live, before in zip(dicts, saved, strict=True):
        if not all(map(is_, live.values(), before.values())) or list(live) != list(before):
            live.clear()
            live.update(before)


@contextmanager
def untouched(modules: list[torch.nn.Module]) -> Iterator[Snapshot]:
    """Restores on exit the modules, the gradient mode and the states of the random generators."""
    try:
        snapshot = Snapshot(modules)
    except Exception as error:  # whatever a module's own attribute access raises
        message = f"the attributes of a module cannot be read ({type(error).__name__}: {error})"
        raise UsageError(message) from error
    torch_rng, python_rng = torch.get_rng_state(), random.getstate()
    numpy: Any = sys.modules.get("numpy")
    numpy_rng = numpy.random.get_state() if numpy is not None else None
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    try:
        yield snapshot
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        snapshot.restore()
        torch.set_rng_state(torch_rng)
        random.setstate(python_rng)
        if numpy_rng is not None:
            numpy.random.set_state(numpy_rng)
