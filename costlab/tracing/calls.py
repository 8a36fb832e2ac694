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


class Interception:
    """A method of some classes (or a function of a module), replaced while in `handled`.

    Only the calls of that thread are handed over; those of other threads go straight through.
    """

    def __init__(self, method: str, *classes: Any) -> None:
        """For what has that name in these classes or modules; nothing is replaced yet."""
        self.method, self.classes = method, classes
        self._lock = threading.Lock()
        self._handlers: dict[int, Handler] = {}
        self._calls: dict[Any, Any] = {}
        self._replacements: dict[Any, Any] = {}
        self._inherited = frozenset(kind for kind in classes if method not in vars(kind))

    def begin(self, handler: Handler) -> Handler | None:
        """Has `handler(call, object, args, kwargs)` answer this thread's calls, until `end`.

        Returns what answered them before, which `end` is to be told.
        """
        thread = threading.get_ident()
        with self._lock:
            if not self._handlers:
                for kind in self.classes:
                    held = vars(kind).get(self.method)
                    call: Any = (
                        held if isinstance(held, classmethod) else getattr(kind, self.method)
                    )
                    if self._calls.get(kind) is not call:
                        self._calls[kind] = call
                        self._replacements[kind] = (
                            classmethod(self._replacement(held.__func__))
                            if isinstance(held, classmethod)
                            else self._of_a_method(call)
                            if isinstance(kind, type)
                            else self._replacement(call)
                        )
                    setattr(kind, self.method, self._replacements[kind])
            outer = self._handlers.get(thread)
            self._handlers[thread] = handler
        return outer

    def end(self, outer: Handler | None) -> None:
        """Has this thread's calls answered as before; the last to leave puts the method back."""
        thread = threading.get_ident()
        with self._lock:
            if outer is None:
                del self._handlers[thread]
            else:
                self._handlers[thread] = outer
            if not self._handlers:
                for kind, call in self._calls.items():
                    if kind in self._inherited:
                        delattr(kind, self.method)
                    else:
                        setattr(kind, self.method, call)

    def _of_a_method(self, call: Call) -> Call:
        """As `_replacement`, for what is called of an object: thousands of times in a trace."""
        handlers, thread = self._handlers, threading.get_ident

        def replacement(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            handler = handlers.get(thread())
            if handler is None:
                return call(self, *args, **kwargs)
            return handler(call, self, args, kwargs)

        return replacement

    def _replacement(self, call: Call) -> Call:
        handlers, thread = self._handlers, threading.get_ident

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
    begun: list[tuple[Interception, Handler | None]] = []
    try:
        for interception, handler in pairs:
            begun.append((interception, interception.begin(handler)))
        yield
    finally:
        for interception, outer in reversed(begun):
            interception.end(outer)


MODULES = Interception("__call__", torch.nn.Module)
"""Every call of a module."""
PLAIN_MODULES = Interception("_call_impl", torch.nn.Module)
"""Every call of a module that is not compiled; replaced in a fraction of the time.

Python looks a method with underscores all round up anew in every subclass that is loaded, and of
`torch.nn.Module` there are many hundreds: that took as long as a tenth of an analysis.
"""
SCRIPTS = Interception("__call__", torch._C.ScriptFunction, torch._C.ScriptMethod)  # noqa: SLF001 - torch has no public name for them


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
