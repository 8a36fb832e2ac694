"""Calls that a function mode does not see, handed to whoever traces: of modules, scripts, torch.

Does not know what is done with them. Torch's own symbolic tracer takes module calls in the same
way; global forward hooks would see them too, but could not answer in a forward's place.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Call = Callable[..., Any]
    Handler = Callable[[Call, Any, tuple[Any, ...], dict[str, Any]], Any]


LOCK = threading.Lock()
"""Held while methods are replaced and put back; not while a forward runs."""


class Interception:
    """A method of some classes (or a function of a module), replaced while in `handled`.

    Only the calls of that thread are handed over; those of other threads go straight through.
    """

    def __init__(self, method: str, *classes: Any) -> None:
        """For what has that name in these classes or modules; nothing is replaced yet."""
        self.method, self.classes = method, classes
        self.handlers: dict[int, Handler] = {}
        """What answers the calls of each thread."""
        self._held: dict[Any, Any] = {}
        self._made: dict[Any, tuple[Any, Any]] = {}

    def replace(self) -> None:
        """Replaces the method, in each class by what was made for it before if it is the same."""
        method = self.method
        for kind in self.classes:
            self._held[kind] = held = vars(kind).get(method)
            call = getattr(kind, method) if held is None else held
            made = self._made.get(kind)
            if made is None or made[0] is not call:
                made = self._made[kind] = (call, self._replacement_in(kind, call))
            setattr(kind, method, made[1])

    def put_back(self) -> None:
        """Puts the method back; a class that inherited it does again."""
        for kind, held in self._held.items():
            if held is None:
                delattr(kind, self.method)
            else:
                setattr(kind, self.method, held)

    def _replacement_in(self, kind: Any, held: Any) -> Any:
        if isinstance(held, classmethod):
            return classmethod(self._replacement(held.__func__))
        call = getattr(kind, self.method)
        return self._of_a_method(call) if isinstance(kind, type) else self._replacement(call)

    def _of_a_method(self, call: Call) -> Call:
        """As `_replacement`, for what is called of an object: thousands of times in a trace."""
        handlers, thread = self.handlers, threading.get_ident

        def replacement(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            handler = handlers.get(thread())
            if handler is None:
                return call(self, *args, **kwargs)
            return handler(call, self, args, kwargs)

        return replacement

    def _replacement(self, call: Call) -> Call:
        handlers, thread = self.handlers, threading.get_ident

        def replacement(*args: Any, **kwargs: Any) -> Any:
            handler = handlers.get(thread())
            if handler is None:
                return call(*args, **kwargs)
            if not args:  # a function whose arguments are all given by name
                return handler(by_name, None, args, kwargs)
            return handler(call, args[0], args[1:], kwargs)

        def by_name(_: None, *args: Any, **kwargs: Any) -> Any:
            return call(*args, **kwargs)

        return replacement


@contextmanager
def handled(pairs: Iterable[tuple[Interception, Handler]]) -> Iterator[None]:
    """Until the block ends, each handler answers this thread's calls of its interception.

    All at once: a trace has a dozen, and in a small model they are a good part of its time.
    """
    thread = threading.get_ident()
    begun: list[tuple[Interception, Handler | None]] = []
    try:
        with LOCK:
            for interception, handler in pairs:
                handlers = interception.handlers
                if not handlers:
                    interception.replace()
                begun.append((interception, handlers.get(thread)))
                handlers[thread] = handler
        yield
    finally:
        with LOCK:
            for interception, outer in reversed(begun):
                handlers = interception.handlers
                if outer is not None:
                    handlers[thread] = outer
                    continue
                del handlers[thread]
                if not handlers:  # the last to leave
                    interception.put_back()


MODULES = Interception("__call__", torch.nn.Module)
"""Every call of a module."""
PLAIN_MODULES = Interception("_call_impl", torch.nn.Module)
"""Every call of a module that is not compiled; replaced in a fraction of the time.

Python looks a method with underscores all round up anew in every subclass that is loaded, and of
`torch.nn.Module` there are many hundreds: that took as long as a tenth of an analysis.
"""
SCRIPTS = Interception("__call__", torch._C.ScriptFunction, torch._C.ScriptMethod)  # noqa: SLF001 - torch has no public name for them


FUNCTIONALS = Interception("handle_torch_function", torch.nn.functional)
"""By which torch's functionals ask the modes, in several calls of Python's."""
SETS = Interception("set_", torch.Tensor)
"""`x.set_(other)`, which is torch's only method that no function mode is told of."""
CASTS = Interception("as_subclass", torch.Tensor)
"""`x.as_subclass(kind)`, of which no function mode is told either."""
ADDRESSES = Interception("data_ptr", torch.UntypedStorage)
"""Where the memory of a tensor begins, asked of the memory itself."""
SWAPS = Interception("_swap_tensor_impl", torch._C)  # noqa: SLF001 - torch has no public name for it
"""The last step of `torch.utils.swap_tensors`."""
JIT_TRACES = Interception("trace", torch.jit)
"""`torch.jit.trace` within a forward."""
AUTOCASTS = Interception("set_autocast_enabled", torch)
"""What `torch.autocast` calls when it is entered and left."""

ASKING = {"transformers.utils.import_utils": "is_fake_tensor"}
"""Functions of libraries that ask whether a tensor has no values, by the module that calls them."""


@cache
def asking(module: str) -> Interception | None:
    """What intercepts the question of a library that is loaded; None if it has none."""
    loaded, name = sys.modules[module], ASKING[module]
    return Interception(name, loaded) if hasattr(loaded, name) else None


OWN_CALLS: WeakKeyDictionary[type, dict[str, Interception]] = WeakKeyDictionary()
"""Of each class that has a call of its own, what intercepts it."""


def calls_of(modules: Iterable[torch.nn.Module]) -> list[Interception]:
    """What intercepts the calls of these modules: that of `torch.nn.Module`, and their own.

    A class with a `__call__` or `_call_impl` of its own need not come to that of its base.
    """
    found = list(modules)
    # Module.compile puts its call on the module itself, and only then `_call_impl` is not called.
    plain = not any(map(dict.__contains__, map(vars, found), repeat("_compiled_call_impl")))
    own: dict[Interception, None] = {}
    for kind in set(map(type, found)):
        for base in kind.__mro__:
            if base is torch.nn.Module:
                break
            for name in ("__call__", "_call_impl"):
                if name in vars(base):
                    kept = OWN_CALLS.setdefault(base, {})
                    own[kept.setdefault(name, Interception(name, base))] = None
    return [PLAIN_MODULES if plain else MODULES, *own]
