"""What the whole process shares, put back after analyses, also where several run at once.

Does not know what that is.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

State = TypeVar("State")


class Rewinding(Generic[State]):
    """Puts a state back at the end of each analysis, and of the last of those that overlap.

    One that began while another was changing it found a state of that one's making: it is put back
    while others go on, and where the first began once all have ended.
    """

    def __init__(self, read: Callable[[], State], put_back: Callable[[State], None]) -> None:
        """For what `read` tells; `put_back` is given it again. None has begun yet."""
        self._read, self._put_back = read, put_back
        self._lock = threading.Lock()
        self._inside = 0
        self._first: State | None = None

    def begin(self) -> State:
        """How it is, which `end` is to be told."""
        found = self._read()
        with self._lock:
            self._inside += 1
            if self._first is None:
                self._first = found
        return found

    def end(self, found: State) -> None:
        """Puts it back."""
        with self._lock:
            self._inside -= 1
            if not self._inside and self._first is not None:
                found, self._first = self._first, None
            self._put_back(found)
