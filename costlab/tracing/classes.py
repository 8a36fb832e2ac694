"""The attributes of a class, put back as they were.

Does not know what they hold.
"""

from __future__ import annotations

from operator import is_
from typing import Any

NOTHING: Any = object()
"""What an attribute is that is not there."""


class OfClass:
    """The attributes of a class, as they were, but for those with underscores all round.

    Those are Python's, or intercepted for as long as any analysis runs.
    """

    def __init__(self, kind: type) -> None:
        """Takes note of them."""
        self.kind = kind
        self.saved = vars(kind).copy()

    def restore(self) -> None:
        """Puts back what has changed."""
        now = vars(self.kind)
        if [*now] == [*self.saved] and all(map(is_, now.values(), self.saved.values())):
            return
        # By `type` itself: a metaclass may have code of its own.
        for name in filter(_is_plain, now.keys() - self.saved.keys()):
            type.__delattr__(self.kind, name)
        for name, value in self.saved.items():
            if now.get(name, NOTHING) is not value and _is_plain(name):
                type.__setattr__(self.kind, name, value)


def _is_plain(name: str) -> bool:
    return not (name.startswith("__") and name.endswith("__")) and name != "_call_impl"
