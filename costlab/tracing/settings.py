"""Settings of the whole process that an analysis changes, also where several run at once.

Does not know what runs under them. No lock is held meanwhile: a forward may wait for the analysis
of another thread.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

FRAMES = 4
"""How many times more frames a traced call may have than a plain one has."""
MOST_FRAMES = 2**31 - 1
"""The highest limit that Python takes, the largest int of C."""


class Setting:
    """A setting, changed while any thread is in the block: `with DEEPER:`.

    The first to enter changes it, the last to leave puts it back. If each put back what it found,
    of two analyses that overlap the later one would put back for good what the earlier one had set.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[Any]]) -> None:
        """For what `change()` sets when it is entered, and puts back when it is left."""
        self._change = change
        self._lock = threading.Lock()
        self._inside = 0
        self._changed: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._changed is None:
                changed = self._change()
                changed.__enter__()
                self._changed = changed
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._changed is not None:
                changed, self._changed = self._changed, None
                changed.__exit__(None, None, None)


@contextmanager
def _deeper() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(min(FRAMES * before, MOST_FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def _unchecked() -> Iterator[None]:
    from torch.distributions import Distribution

    kind: Any = Distribution
    before = kind._validate_args  # noqa: SLF001 - torch has no way to ask for it
    kind.set_default_validate_args(False)
    try:
        yield
    finally:
        kind.set_default_validate_args(before)


@contextmanager
def _without_onednn() -> Iterator[None]:
    # torch's public function sets precisions besides.
    before = torch._C._get_mkldnn_enabled()  # noqa: SLF001 - what torch's own function comes to
    torch._C._set_mkldnn_enabled(False)  # noqa: SLF001 - as above
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)  # noqa: SLF001 - as above


DEEPER = Setting(_deeper)
"""Lets calls nest as deep as without a trace, which puts a few frames around each module."""
UNCHECKED = Setting(_unchecked)
"""Has distributions take their parameters as they are: the checks read values.

They are no part of a network's cost either; `python -O` leaves them out.
"""
ATENS_OWN = Setting(_without_onednn)
"""Has layers run as ATen's own kernels, whose gradients are only those that are asked for.

oneDNN's LSTM is one kernel, whose gradient within a function transform runs the forward anew, and
makes the gradients of all weights.
"""
EAGER = Setting(lambda: torch.compiler.set_stance("force_eager"))
"""Has what is compiled run as it was written."""
