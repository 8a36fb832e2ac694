"""How the inputs of an exported program are held together, in tuples, lists and dicts by names.

Does not know what an input is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.sources.exported_values import BrokenError, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from costlab.inputspec import Value

DEEPEST = 32


class Tree(NamedTuple):
    """How inputs are held together: `kind` is "" for one by itself, else tuple, list or dict."""

    kind: str
    keys: tuple[str, ...] = ()
    below: tuple[Tree, ...] = ()


KINDS = {
    "builtins.tuple": "tuple",
    "builtins.list": "list",
    "builtins.dict": "dict",
    "collections.OrderedDict": "dict",
}


def tree_of(text: Any) -> Tree:
    """The tree that a text of torch's pytrees says.

    Raises:
        BrokenError: it is none, or of classes that are not Python's own.
    """
    try:
        _, told = json.loads(text)
        return _tree(told, 0)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BrokenError(f"its inputs are held together as {short(text)}") from error


def _tree(told: Any, depth: int) -> Tree:
    if told["type"] is None:
        return Tree("")
    if depth > DEEPEST or told["type"] not in KINDS:
        raise BrokenError(f"an input is a {short(told['type'])}, which has no spec")
    below = tuple(_tree(each, depth + 1) for each in told["children_spec"])
    kind = KINDS[told["type"]]
    keys = tuple(map(str, json.loads(told["context"]))) if kind == "dict" else ()
    if kind == "dict" and len(keys) != len(below):
        raise BrokenError(f"an input has the keys {short(keys)}")
    return Tree(kind, keys, below)


def grown(tree: Tree, leaves: Iterator[Value]) -> Value:
    """The tree with these leaves."""
    if not tree.kind:
        return next(leaves)
    below = [grown(each, leaves) for each in tree.below]
    if tree.kind == "dict":
        return dict(zip(tree.keys, below, strict=True))
    return below if tree.kind == "list" else tuple(below)


def named(tree: Tree | None, names: Sequence[str], plain: Sequence[str]) -> tuple[str, ...]:
    """The name of each input as Python would write it, `scale['by']`; `plain` without a tree."""
    if tree is None:
        return tuple(name or f"input {place}" for place, name in enumerate(plain))
    positional, by_name = tree.below
    first = [*names[: len(positional.below)], *map(str, range(len(positional.below)))]
    found: list[str] = []
    for name, each in zip(first, positional.below, strict=False):
        found += _below(name, each)
    for name, each in zip(by_name.keys, by_name.below, strict=True):
        found += _below(name, each)
    return tuple(found)


def _below(name: str, tree: Tree) -> Iterator[str]:
    if not tree.kind:
        yield name
        return
    keys: Sequence[Any] = tree.keys if tree.kind == "dict" else range(len(tree.below))
    for key, each in zip(keys, tree.below, strict=True):
        yield from _below(f"{name}[{key!r}]", each)


def ordered(value: Any, tree: Tree) -> Any:
    """A value with the items of its dicts in the order of the tree's keys.

    Raises:
        TypeError: a dict has other keys.
    """
    if isinstance(value, dict) and tree.kind == "dict":
        items = {str(key): each for key, each in value.items()}
        if set(items) != set(tree.keys):
            message = f"the program takes a dict of {', '.join(tree.keys)}, not {', '.join(items)}"
            raise TypeError(message)
        pairs = zip(tree.keys, tree.below, strict=True)
        return {key: ordered(items[key], each) for key, each in pairs}
    if isinstance(value, tuple | list) and len(value) == len(tree.below):
        return [ordered(one, each) for one, each in zip(value, tree.below, strict=True)]
    return value


def flat(value: Any) -> list[Any]:
    """The leaves of tuples, lists and dicts, in their order."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in flat(each)]
    if isinstance(value, tuple | list):
        return [leaf for each in value for leaf in flat(each)]
    return [value]
