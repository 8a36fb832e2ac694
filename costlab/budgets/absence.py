"""Whether a commit really lacks a model that was not found there, or only this way to it.

Knows git's tree of the commit and the worktree of it, and imports nothing. What is not proven to be
lacking is no new model: something else keeps it from being found, and nothing is said of its cost.
"""

from __future__ import annotations

import ast
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from costlab.budgets.git import run
from costlab.sources.text import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from costlab.budgets.refs import Commit
    from costlab.budgets.worktrees import Worktree

SUBMODULE = "160000"
"""The mode of a git link, by which a tree names a commit of another repository."""
FILES = (".py", ".onnx", ".pt2", ".json")
REMEDY = "keep the baseline in a file (costlab baseline update)"


def unproven(source: str, tree: Worktree) -> str:
    """Why a model that was not found at a commit may be there all the same; empty if it is not."""
    place = split(source).place
    home, colon, factory = place.rpartition(":")
    if not colon:
        home = place
    if home.endswith(FILES):
        return _file(Path(home), factory, tree)
    if colon and all(part.isidentifier() for part in home.split(".")):
        return _module(home, factory, tree)
    return f"it was not found there, and git cannot say why; {REMEDY}"


def below_submodule(source: str, tree: Worktree) -> str:
    """What to say of a model in a file of a submodule of the commit; empty for any other."""
    place = split(source).place
    home, colon, _ = place.rpartition(":")
    inside = from_top(Path(home if colon else place), tree.commit)
    return submodule(inside, tree) if inside else ""


def submodule(path: Path, tree: Worktree) -> str:
    """What to say of a file below a submodule of the commit; empty if it is below none.

    `path` is relative to the top of the repository.
    """
    for link in _links(tree.commit):
        if path.is_relative_to(link):
            return (
                f"{link} is a submodule, which is not checked out at a git ref, so that nothing is "
                f"said of {path}; {REMEDY}"
            )
    return ""


def from_top(path: Path, commit: Commit) -> Path | None:
    """A path as a model names it, from the top of the repository; None if it is outside."""
    found = Path(os.path.normpath(commit.top / commit.below / path))
    return found.relative_to(commit.top) if found.is_relative_to(commit.top) else None


def _file(path: Path, factory: str, tree: Worktree) -> str:
    """Why a file, or what it is to define, may be at the commit."""
    inside = from_top(path, tree.commit)
    if inside is None:
        return f"{path} is outside the repository, so that {tree.commit} says nothing of it"
    if (tree.folder / inside).is_file():
        return _bound(tree.folder / inside, str(inside), factory)
    return submodule(inside, tree) or _hidden(inside, tree)


def _hidden(inside: Path, tree: Worktree) -> str:
    """Why a file that is not in the worktree may be of the commit, or never can be."""
    for above in (inside, *inside.parents):
        if (tree.folder / above).is_symlink():
            return f"{above} is a link there, and {inside} is not behind it; {REMEDY}"
    if inside in _files(tree.commit):
        return f"{inside} is in the commit, and not in its worktree (a sparse checkout?); {REMEDY}"
    if not run(tree.commit.top, "check-ignore", "--quiet", "--", str(inside)).returncode:
        return f"git ignores {inside}, so that no commit will ever have it; {REMEDY}"
    return ""


def _bound(file: Path, shown: str, factory: str) -> str:
    """Why a file that is there may define a factory that was not found in it."""
    name = factory.partition(".")[0]
    try:
        text = file.read_bytes()
        names = set(_names(ast.parse(text).body)) if file.suffix == ".py" else {name}
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        return f"{shown} cannot be read there: {error}"
    if name in names or "__getattr__" in names:
        return f"{shown} is there, and may define {name}, which was not found in it; {REMEDY}"
    return ""


def _names(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that statements bind in a module, under whatever condition."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
                continue
            case ast.Import() | ast.ImportFrom():
                yield from (one.asname or one.name.partition(".")[0] for one in statement.names)
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
        for part in ("body", "orelse", "finalbody"):
            yield from _names(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from _names(handler.body)


def _module(home: str, factory: str, tree: Worktree) -> str:
    """Why a module, or what it is to define, may be at the commit.

    Where its package is now, the commit is looked at in that place; and by its name anywhere.
    """
    commit = tree.commit
    parts = home.split(".")
    files = _files(commit)
    ends = tuple("/" + "/".join(parts) + end for end in (".py", "/__init__.py", "/"))
    named = [
        path
        for path in files
        if f"/{path.as_posix()}".endswith(ends[:2]) or ends[2] in f"/{path.parent.as_posix()}/"
    ]
    for place in _places(parts[0], commit):
        inside = place.joinpath(*parts[1:])
        if told := submodule(inside, tree):
            return told
        named += [path for path in (inside.with_suffix(".py"), inside / "__init__.py")
                  if path in files]  # fmt: skip
    if any(parts[0] == link.name for link in _links(commit)):
        return f"{parts[0]} is a submodule, which is not checked out at a git ref; {REMEDY}"
    whys = [
        _bound(tree.folder / path, str(path), factory)
        for path in dict.fromkeys(named)
        if path.suffix == ".py" and path.name in {f"{parts[-1]}.py", "__init__.py"}
    ]
    if named and (not whys or any(whys)):
        return (
            f"the commit has {named[0]}, and {home} was not found there; put its folder on "
            f"PYTHONPATH, or {REMEDY}"
        )
    return ""


def _places(package: str, commit: Commit) -> Iterator[Path]:
    """Where a package or a module is imported from now, from the top of the repository."""
    sys.path.insert(0, str(commit.top / commit.below))
    try:
        found = find_spec(package)
    except (ImportError, ValueError):
        found = None
    finally:
        sys.path.remove(str(commit.top / commit.below))
    if found is None:
        return
    given = found.submodule_search_locations or [(found.origin or "").removesuffix(".py")]
    for place in given:
        path = Path(place).resolve()
        if path.is_relative_to(commit.top):
            yield path.relative_to(commit.top)


def _files(commit: Commit) -> frozenset[Path]:
    """All files of a commit, from the top of the repository."""
    return frozenset(path for mode, path in _entries(commit) if mode != SUBMODULE)


def _links(commit: Commit) -> list[Path]:
    """The submodules of a commit, from the top of the repository."""
    return [path for mode, path in _entries(commit) if mode == SUBMODULE]


def _entries(commit: Commit) -> Iterator[tuple[str, Path]]:
    """The mode and the path of everything in the tree of a commit."""
    listed = run(commit.top, "ls-tree", "-r", "-z", "--full-tree", commit.sha).stdout
    for entry in filter(None, listed.split("\0")):
        about, _, path = entry.partition("\t")
        yield about.partition(" ")[0], Path(path)
