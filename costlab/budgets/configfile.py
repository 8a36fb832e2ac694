"""The budget file: `[tool.costlab]` of pyproject.toml or costlab.toml, found and read.

Knows where such files are and that they are TOML; `costlab.budgets.reading` knows what is in them.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from costlab.budgets import reading
from costlab.budgets.budget import Config, Place
from costlab.budgets.tables import Origin, Table
from costlab.budgets.tomllines import lines
from costlab.errors import UsageError

SHARED = "pyproject.toml"
OWN = "costlab.toml"
_AT = re.compile(r" \(at line (\d+), column (\d+)\)$")


def find(start: Path | None = None) -> Path | None:
    """The nearest budget file, from a folder up to the root of its repository; None if none is.

    Outside of a repository only the folder itself is looked at.

    Raises:
        UsageError: a folder has both files, or a pyproject.toml cannot be read.
    """
    folder = (start or Path.cwd()).resolve()
    upwards = [folder, *folder.parents]
    root = next((above for above in upwards if (above / ".git").exists()), folder)
    for above in upwards[: upwards.index(root) + 1]:
        own, shared = above / OWN, above / SHARED
        in_shared = shared.is_file() and _has_ours(shared)
        if own.is_file() and in_shared:
            message = (
                f"{_shown(above)} has {OWN} and [tool.costlab] in {SHARED}; keep one of the two, "
                "so that nobody edits the one that is not read"
            )
            raise UsageError(message)
        if own.is_file() or in_shared:
            return own if own.is_file() else shared
    return None


def load(path: str | Path | None = None, *, begun: bool = False) -> Config:
    """What a budget file says: the one that is named, or the nearest.

    One that is only `begun` may have no budgets yet.

    Raises:
        UsageError: there is none, or it cannot be used; the message says where and why.
    """
    found = Path(path) if path is not None else find()
    if found is None:
        message = (
            f"there are no budgets: neither {OWN} nor [tool.costlab] in {SHARED}, from here up to "
            "the root of the repository; `costlab init` writes them"
        )
        raise UsageError(message)
    return parsed(_text(found), _shown(found), begun=begun)


def parsed(text: str, file: str = OWN, *, begun: bool = False) -> Config:
    """What the text of a budget file says; that of a pyproject.toml under `[tool.costlab]`.

    Raises:
        UsageError: it is no TOML, or cannot be used; the message begins with file and line.
    """
    document = _toml(text, file)
    way = ("tool", "costlab") if Path(file).name == SHARED else ()
    origin = Origin(file, lines(text))
    table: Any = document
    for key in way:
        if not isinstance(table, dict) or key not in table:
            raise UsageError(f"{file} has no [tool.costlab]; `costlab init` writes it")
        table = table[key]
    if not isinstance(table, dict):
        raise UsageError(f"{origin.place(way)}: tool.costlab is no table; write [tool.costlab]")
    said = Table(table, way, origin, "[tool.costlab]" if way else "the file")
    return reading.config(said, begun=begun)


def _has_ours(path: Path) -> bool:
    tool = _toml(_text(path), _shown(path)).get("tool")
    return isinstance(tool, dict) and "costlab" in tool


def _text(path: Path) -> str:
    try:
        # Some editors begin a file with a byte-order mark, which is no TOML.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{_shown(path)}:{line}: this is no text in UTF-8") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {_shown(path)}: {reason}") from error


def _toml(text: str, file: str) -> dict[str, Any]:
    """The document that a text is; an error says the line and the column."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"{file}: this is nested too deep for TOML") from error
    except ValueError as error:
        at = _AT.search(str(error))
        what = _AT.sub("", str(error)).removesuffix(" (at end of document)")
        if at is None:
            last = text.split("\n")
            place = f"{Place(file, len(last))}:{len(last[-1]) + 1}"
            if not isinstance(error, tomllib.TOMLDecodeError):  # a number of thousands of digits
                place, what = file, "a number is too long"
        else:
            place = f"{Place(file, int(at[1]))}:{at[2]}"
        raise UsageError(f"{place}: this is no TOML: {what}") from error


def _shown(path: Path) -> str:
    """A path as it is told: from the current folder, if it is in reach of it."""
    try:
        return os.path.relpath(path)
    except (OSError, ValueError):  # another drive, or a folder that is gone
        return str(path)
