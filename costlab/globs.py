"""Globs of module paths: `*` and `?` stop at dots, `**` crosses them.

Knows neither blocks nor what a match is for.
"""

from __future__ import annotations

import re
from functools import lru_cache

from costlab.errors import UsageError


@lru_cache(maxsize=256)
def pattern(glob: str) -> re.Pattern[str]:
    """A module glob as a regular expression: `*` and `?` stop at dots, `**` crosses them.

    >>> bool(pattern("Mixed_7?").fullmatch("Mixed_7a")), bool(pattern("*").fullmatch("a.b"))
    (True, False)
    >>> bool(pattern("**.conv").fullmatch("a.b.conv")), bool(pattern("M_[56]?").fullmatch("M_5b"))
    (True, True)

    Raises:
        UsageError: the glob has a range that runs backwards.

    """
    parts = re.split(r"(\*\*\.?|\*|\?|\[!?[^\]]+\])", glob)
    regex = ""
    for part in parts:
        if part == "**.":
            regex += r"(?:.*\.)?"
        elif part == "**":
            regex += ".*"
        elif part == "*":
            regex += r"[^.]*"
        elif part == "?":
            regex += r"[^.]"
        elif part.startswith("[") and part.endswith("]") and part != "[]":
            regex += _one_of(part[1:-1])
        else:
            regex += re.escape(part)
    try:
        return re.compile(regex, re.DOTALL)
    except re.error as error:
        message = f"cannot read the module glob {glob!r}: {error.msg}"
        raise UsageError(message) from error


def _one_of(listed: str) -> str:
    r"""The regular expression of a class: characters and ranges; `!` in front means any other.

    >>> _one_of("a-c-"), _one_of("!5")
    ('[a-c\\-]', '[^.5]')
    """
    negated = listed.startswith("!") and listed != "!"
    parts = re.findall(r".-.|.", listed[negated:], re.DOTALL)
    escaped = ("-".join(map(re.escape, (p[0], p[2]))) if p[2:] else re.escape(p) for p in parts)
    return f"[{'^.' if negated else ''}{''.join(escaped)}]"


def matches(glob: str, path: str) -> bool:
    """Whether a glob matches a path; each path matches itself, whatever characters it has."""
    return glob == path or pattern(glob).fullmatch(path) is not None
