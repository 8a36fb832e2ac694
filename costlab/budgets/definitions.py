"""Where the classes of a model's modules are defined, for annotations on a line of somebody's code.

Knows only what stands in files below one folder: a note on a line of torch's own helps nobody.
"""

from __future__ import annotations

import ast
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from costlab.budgets.budget import Place

if TYPE_CHECKING:
    from collections.abc import Mapping


def definition(classes: Mapping[str, type], path: str, folder: Path) -> Place | None:
    """Where the class of a module is defined, or of the nearest module around it that is in reach.

    `classes` are those of all modules of a model, by path.
    """
    while True:
        kind = classes.get(path)
        found = None if kind is None else _line(kind)
        if found is not None:
            file, line = found
            # A module of torch stands in somebody else's folder; what holds it may be the user's.
            if file.is_relative_to(folder) and "site-packages" not in file.parts:
                return Place(os.path.relpath(file), line)
        if not path:
            return None
        path = path.rpartition(".")[0]


@cache
def _line(kind: type) -> tuple[Path, int] | None:
    """The file and the line of a class, by one of its own functions; None if it has none."""
    codes = [
        code
        for function in vars(kind).values()
        if (code := getattr(function, "__code__", None)) is not None
    ]
    # A function that was put into the class from elsewhere stands in no class of this name.
    for code in codes:
        try:
            file = Path(code.co_filename).resolve()
            spans = _classes(file)
        except (OSError, ValueError):
            continue
        around = [
            begin
            for name, begin, end in spans
            if name == kind.__name__ and begin <= code.co_firstlineno <= end
        ]
        if around:
            return file, max(around)
    return None


@cache
def _classes(file: Path) -> tuple[tuple[str, int, int], ...]:
    """The classes in a file: name, first and last line; none if it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(
        (node.name, node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
