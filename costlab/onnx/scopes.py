"""Where a node stands in the model that was exported: the path of its block.

Exporters put the path into a node's name or its metadata; without either, a node stands where its
weights do. Does not know costs.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# Source: torch.onnx, which writes the modules that a node comes from so.
SCOPES = "pkg.torch.onnx.name_scopes"
KINDS = "pkg.torch.onnx.class_hierarchy"
LONGEST = 1_000
"""Characters of a name that are looked at."""
DEEPEST_BLOCK = 64
"""Levels of blocks in one another; no model that people write comes near."""
MOST_BLOCKS = 100_000
"""Blocks of a report, as many as operations; each takes two kilobytes."""


def scope_of(node: Any) -> str | None:
    """The path of the block that a node says it stands in; None if it does not say.

    A name of slashes names modules and last the node itself; torch repeats the name of a container
    before the number of what it contains, `/layer1/layer1.0/conv1/Conv`.
    """
    scopes = told_by_exporter(node, SCOPES)
    if scopes:
        return (scopes[-2] if len(scopes) > 1 else "").strip(".")
    return path_of(node.name)


def kind_of(node: Any) -> str | None:
    """The class of the module that a node stands in; None if the exporter did not write it."""
    kinds = told_by_exporter(node, KINDS)
    return kinds[-2].rpartition(".")[2] if len(kinds) > 1 else None


def told_by_exporter(node: Any, key: str) -> list[str]:
    """The list of texts that an exporter wrote beside a node under a key; empty if none."""
    for entry in node.metadata_props:
        if entry.key == key and len(entry.value) < LONGEST:
            try:
                told = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return []
            return [str(each) for each in told] if isinstance(told, list) else []
    return []


def path_of(name: str) -> str | None:
    """The path of the block that a node of this name stands in; None if the name has no path.

    >>> path_of("/layer1/layer1.0/conv1/Conv"), path_of("/encoder/layer.0/query/MatMul")
    ('layer1.0.conv1', 'encoder.layer.0.query')
    >>> path_of("stem.conv.Conv"), path_of("/Flatten"), path_of("Conv_0")
    ('stem.conv', '', None)
    """
    name = name[:LONGEST]
    if "/" in name:
        parts = [part for part in name.split("/") if part][:-1]
        path: list[str] = []
        for part in parts:
            words = [word for word in part.split(".") if word]
            if len(words) > 1 and path and path[-1] == words[0]:
                words = words[1:]
            path += words
        return ".".join(path)
    parts = name.split(".")
    if len(parts) > 1 and all(re.fullmatch(r"\w+", part) for part in parts):
        return ".".join(parts[:-1])
    return None


def owner_of(name: str) -> str:
    """The path of the module that a weight of this name belongs to; empty if the name has none.

    >>> owner_of("layer1.0.conv1.weight"), owner_of("onnx::Conv_193"), owner_of("W")
    ('layer1.0.conv1', '', '')
    """
    parts = name[:LONGEST].split(".")
    if not all(re.fullmatch(r"\w+", part) for part in parts):
        return ""
    return ".".join(parts[:-1])


def with_parents(paths: Iterable[str]) -> list[str]:
    """The paths and all that they stand in, each once, parents before children.

    >>> with_parents(["a.b", "c"])
    ['', 'a', 'a.b', 'c']
    """
    found: dict[str, None] = {"": None}
    for path in paths:
        parts = path.split(".") if path else []
        for count in range(1, len(parts) + 1):
            found.setdefault(".".join(parts[:count]))
    return list(found)


def cut(path: str, levels: int) -> str:
    """The first so many levels of a path.

    >>> cut("a.b.c", 2), cut("a", 2)
    ('a.b', 'a')
    """
    return ".".join(path.split(".", levels)[:levels])


def levels_of(paths: Collection[str]) -> int:
    """So many levels of these paths as blocks are made of, lest there be too many.

    >>> levels_of(["a.b.c"]), levels_of([f"a{at}" + ".b" * 60 for at in range(10_000)])
    (64, 8)
    """
    levels = DEEPEST_BLOCK
    while levels > 1 and _too_many(paths, levels):
        levels //= 2
    return levels


def _too_many(paths: Iterable[str], levels: int) -> bool:
    found: set[str] = set()
    for path in paths:
        found.update(with_parents([cut(path, levels)]))
        if len(found) > MOST_BLOCKS:
            return True
    return False
