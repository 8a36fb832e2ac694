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
    from collections.abc import Callable, Iterator

    Call = Callable[..., Any]
    Handler = Callable[[Call, Any, tuple[Any, ...], dict[str, Any]], Any]


class Interception:
    """The call of some classes, replaced while any thread is in a block of `handled_by`.

    Only the calls of that thread are handed over; those of other threads go straight through.
    """

    def __init__(self, *classes: Any) -> None:
        """For these classes; nothing is replaced yet."""
        self.classes = classes
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
                    self._calls[kind] = kind.__call__
                    kind.__call__ = self._replacement(kind.__call__)
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
                        kind.__call__ = call

    def _replacement(self, call: Call) -> Call:
        handlers, thread = self._handlers, threading.get_ident

        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            handler = handlers.get(thread())
            if handler is None:
                return call(self, *args, **kwargs)
            return handler(call, self, args, kwargs)

        return replacement


MODULES = Interception(torch.nn.Module)
SCRIPTS = Interception(torch._C.ScriptFunction, torch._C.ScriptMethod)  # noqa: SLF001 - torch has no public name for them
