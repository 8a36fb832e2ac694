"""What processes of a sweep do in its tests; a process imports it by name."""

from __future__ import annotations

import os
import signal
from typing import Any


def at_once() -> None:
    """What a process needs before it works: nothing."""


def dies_of(name: str) -> tuple[str, dict[str, Any]]:
    """A name and its length; the process dies of what is called so."""
    if name.startswith("dead"):
        os.kill(os.getpid(), signal.SIGKILL)
    return name, {"length": len(name), "process": os.getpid()}
