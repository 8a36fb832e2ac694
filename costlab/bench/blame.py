"""Where in the user's own code an error began, whatever has caught and wrapped it on its way here.

Knows neither a device nor what ran.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from costlab.errors import CostlabError, words_of
from costlab.sources.importing import is_users, user_line
from costlab.units import scale_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 300
"""Characters of an error that are kept: a compiler may print pages."""
NO_ROOM = ("can't allocate memory", "not enough memory", "out of memory")
ASKED = re.compile(r"tried to allocate (\d+) bytes")
LESS = "a smaller --batch takes less"
FRAME = re.compile(r'^\s*File "(?P<file>.+)", line (?P<line>\d+)', re.MULTILINE)
"""A frame as Python prints one: what was raised in another thread has its traceback in its text."""


def no_room(error: BaseException) -> str:
    """What to say of an error for want of memory, and what takes less; empty of any other.

    >>> no_room(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    ...                      "263882790912 bytes."))
    'it does not fit in memory: 246 GiB were asked for at once; a smaller --batch takes less'
    >>> no_room(RuntimeError("shapes do not fit"))
    ''
    """
    text = words_of(error)
    # torch's own error of a GPU's memory says so in its text.
    if not isinstance(error, MemoryError) and not any(sign in text.lower() for sign in NO_ROOM):
        return ""
    asked = ASKED.search(text)
    first = next(iter(text.strip().splitlines()), "").strip().rstrip(".:")[:LONGEST]
    why = f"{scale_bytes(int(asked[1]))} were asked for at once" if asked else first
    return f"{': '.join(filter(None, ('it does not fit in memory', why)))}; {LESS}"


def in_words(error: BaseException) -> str:
    r"""What went wrong, in one line: of ours the message, of others its kind and place as well.

    >>> in_words(KeyError()), in_words(RuntimeError("no room\nfor it"))
    ('KeyError', 'RuntimeError: no room')
    """
    told = next(iter(str(error).strip().splitlines()), "").strip()
    if isinstance(error, CostlabError):
        return told.rstrip(".:")[:LONGEST] or type(error).__name__
    if room := no_room(error):
        return room
    kind = f"{type(error).__name__}{line_of(error)}"
    return f"{kind}: {told}".rstrip(".: ")[:LONGEST]


def line_of(error: BaseException) -> str:
    r"""The user's file and line, in brackets and with a space before; empty if none is known.

    >>> line_of(RuntimeError('in a thread:\n  File "net.py", line 7, in forward\nboom'))
    ' [net.py:7]'
    >>> line_of(RuntimeError("no room"))
    ''
    """
    return next(filter(None, (found for one in _chain(error) for found in _lines(one))), "")


@contextmanager
def threads_heard() -> Iterator[list[BaseException]]:
    """Within it what ends a thread is kept: nobody else would say why its result is missing.

    The first is printed as well, as Python has it; a model that is called a thousand times may end
    as many.
    """
    heard: list[BaseException] = []
    before = threading.excepthook

    def keep(ended: threading.ExceptHookArgs) -> None:
        if not heard:
            before(ended)
        if ended.exc_value is not None:
            heard.append(ended.exc_value)

    threading.excepthook = keep
    try:
        yield heard
    finally:
        threading.excepthook = before


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, then what it was raised from, each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _lines(error: BaseException) -> Iterator[str]:
    """What an error tells of its place, what is nearest to it first.

    The frames of code that was compiled, or ran in another thread, are none of its own: those end
    where it was waited for.
    """
    compiled = getattr(error, "real_stack", None) or ()  # of the code that torch's compiler read
    told = [(frame.filename, frame.lineno) for frame in compiled]
    told += [(found["file"], found["line"]) for found in FRAME.finditer(str(error))]
    own = [f" [{file}:{line}]" for file, line in told if is_users(file)]
    yield own[-1] if own else ""
    yield user_line(error)
