"""Calls of modules and of scripted code, handed to whoever traces.

Does not know what is done with them. Torch's own symbolic tracer takes module calls in the same
way; global forward hooks would see them too, but could not answer in a forward's place.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Call = Callable[..., Any]
    Handler = Callable[[Call, Any, tuple[Any, ...], dict[str, Any]], Any]


class Interception:
    """A method by which some classes are called, replaced while a thread is in `handled_by`.

    Only the calls of that thread are handed over; those of other threads go straight through.
    """

    def __init__(self, method: str, *classes: Any) -> None:
        """For the method of that name of these classes; nothing is replaced yet."""
        self.method, self.classes = method, classes
        self._lock = threading.Lock()
        self._handlers: dict[int, Handler] = {}
        self._calls: dict[Any, Call] = {}

    @contextmanager
    def handled_by(self, handler: Handler) -> Iterator[None]:
        """Until the block ends, `handler(call, object, args, kwargs)` answers this thread's calls.

        What was replaced is put back when the last thread leaves.
        """
        thread = threading.get_ident()
        with self._lock:
            if not self._handlers:
                for kind in self.classes:
                    self._calls[kind] = call = getattr(kind, self.method)
                    setattr(kind, self.method, self._replacement(call))
            outer = self._handlers.get(thread)
            self._handlers[thread] = handler
        try:
            yield
        finally:
            with self._lock:
                if outer is None:
                    del self._handlers[thread]
                else:
                    self._handlers[thread] = outer
                if not self._handlers:
                    for kind, call in self._calls.items():
                        setattr(kind, self.method, call)

    def _replacement(self, call: Call) -> Call:
        handlers, thread = self._handlers, threading.get_ident

        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            handler = handlers.get(thread())
            if handler is None:
                return call(self, *args, **kwargs)
            return handler(call, self, args, kwargs)

        return replacement


MODULES = Interception("__call__", torch.nn.Module)
"""Every call of a module."""
PLAIN_MODULES = Interception("_call_impl", torch.nn.Module)
"""Every call of a module that is not compiled; replaced in a fraction of the time.

Python looks a method with underscores all round up anew in every subclass that is loaded, and of
`torch.nn.Module` there are many hundreds: that took as long as a tenth of an analysis.
"""
SCRIPTS = Interception("__call__", torch._C.ScriptFunction, torch._C.ScriptMethod)  # noqa: SLF001 - torch has no public name for them


def calls_of(modules: Iterable[torch.nn.Module]) -> Interception:
    """What intercepts the calls of these modules: all are plain, or some are compiled."""
    # Module.compile puts its call on the module itself, and only then `_call_impl` is not called.
    plain = all("_compiled_call_impl" not in vars(module) for module in modules)
    return PLAIN_MODULES if plain else MODULES
