"""The random generators of the process, put back where an analysis found them.

Does not know who drew: a generator tells only where it is, so that what other threads draw
meanwhile is drawn again afterwards.
"""

from __future__ import annotations

import random
import sys
import threading
from typing import Any, NamedTuple

import torch


class States(NamedTuple):
    """Where the generators of torch's CPU, of Python and, if it is loaded, of numpy are."""

    torch: torch.Tensor
    python: tuple[Any, ...]
    numpy: Any


def _states() -> States:
    numpy: Any = sys.modules.get("numpy")
    # As a dict: the tuple of old is of one kind of generator, and warns of any other.
    of_numpy = None if numpy is None else numpy.random.get_state(legacy=False)
    return States(torch.get_rng_state(), random.getstate(), of_numpy)


def _put_back(states: States) -> None:
    torch.set_rng_state(states.torch)
    random.setstate(states.python)
    if states.numpy is not None:
        sys.modules["numpy"].random.set_state(states.numpy)


class Rewinding:
    """Puts the generators back at the end of each analysis, and of the last of those that overlap.

    One that began while another was drawing found a state of that one's making: it is put back
    while others go on, and where the first began once all have ended.
    """

    def __init__(self) -> None:
        """None has begun yet."""
        self._lock = threading.Lock()
        self._inside = 0
        self._first: States | None = None

    def begin(self) -> States:
        """Where the generators are, which `end` is to be told."""
        found = _states()
        with self._lock:
            self._inside += 1
            if self._first is None:
                self._first = found
        return found

    def end(self, found: States) -> None:
        """Puts the generators of this process back."""
        with self._lock:
            self._inside -= 1
            if not self._inside and self._first is not None:
                found, self._first = self._first, None
            _put_back(found)


GENERATORS = Rewinding()
"""Those of this process."""
