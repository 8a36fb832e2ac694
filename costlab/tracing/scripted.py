"""Calls of scripted code: no function mode sees inside, so they are run under another one.

Does not know how such a call is priced; whoever traces says so.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Enter = Callable[[], AbstractContextManager[Any]]

COMPILED: tuple[Any, ...] = (torch._C.ScriptFunction, torch._C.ScriptMethod)  # noqa: SLF001 - torch has no public name for them

_lock = threading.Lock()
_traces: dict[int, Enter] = {}
_calls: dict[Any, Any] = {}


@contextmanager
def watched(enter: Enter) -> Iterator[None]:
    """Until the block ends, runs what this thread calls of scripted code within `enter()`.

    The call of the compiled classes is replaced while any thread is in such a block, and put back
    when the last one leaves; other threads' calls go straight through.
    """
    thread = threading.get_ident()
    with _lock:
        if not _traces:
            for compiled in COMPILED:
                _calls[compiled] = compiled.__call__
                compiled.__call__ = _wrapped(compiled.__call__)
        outer = _traces.get(thread)
        _traces[thread] = enter
    try:
        yield
    finally:
        with _lock:
            if outer is None:
                del _traces[thread]
            else:
                _traces[thread] = outer
            if not _traces:
                for compiled, call in _calls.items():
                    compiled.__call__ = call


def _wrapped(call: Callable[..., Any]) -> Callable[..., Any]:
    def within(self: Any, *args: Any, **kwargs: Any) -> Any:
        enter = _traces.get(threading.get_ident())
        if enter is None:
            return call(self, *args, **kwargs)
        with enter(), torch._C.DisableTorchFunction():  # noqa: SLF001 - kernels written in Python are not the model's calls
            return call(self, *args, **kwargs)

    return within
