"""Git refs as a user writes them, and the commits that they name.

Knows git, not what is done with a commit. Nothing is fetched: what a clone does not have is an
error.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from costlab.budgets.git import git, run
from costlab.errors import UsageError

PREFIXES = ("git:", "merge-base:")
SHORT = 9
"""Digits of a commit that is named."""

# A colon in braces belongs to a date: main@{2026-01-31 12:00}.
_TEXT = re.compile(
    r"(?P<how>git|merge-base):(?P<ref>(?:\{[^}]*\}|[^:{])+)(?::(?P<model>.+))?", re.DOTALL
)


class Ref(NamedTuple):
    """A commit by a name that git knows, or by its merge base with HEAD; perhaps a model there."""

    text: str
    name: str
    merge_base: bool = False
    model: str = ""


class Commit(NamedTuple):
    """A commit of a repository, and the folder in it that models are named from."""

    ref: Ref
    sha: str
    top: Path
    below: str

    def __str__(self) -> str:
        """The ref as it was given, with its commit."""
        how = "merge-base" if self.ref.merge_base else "git"
        return f"{how}:{self.ref.name} ({self.sha[:SHORT]})"


def is_ref(text: str) -> bool:
    """Whether a text names a git ref.

    >>> is_ref("git:main"), is_ref("merge-base:origin/main:net.py:Net"), is_ref("net.py:Net")
    (True, True, False)
    """
    return text.startswith(PREFIXES)


def parse_ref(text: str) -> Ref:
    """The ref that a text names; git is not yet asked.

    Raises:
        UsageError: the text names none.

    >>> parse_ref("git:main:net.py:Net(width=2)")[1:]
    ('main', False, 'net.py:Net(width=2)')
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        message = (
            f"{text!r} names no git ref; write git:REF, git:REF:MODEL or merge-base:REF, such as "
            "git:main:net.py:Net"
        )
        raise UsageError(message)
    name = found["ref"]
    # git takes what begins with a dash for an option; no branch or tag may be called so.
    if name.startswith("-") or not name.isprintable() or name != name.strip():
        message = f"{name!r} is no name of a git ref"
        raise UsageError(message)
    return Ref(text, name, found["how"] == "merge-base", found["model"] or "")


def resolve(ref: Ref, folder: Path | None = None) -> Commit:
    """The commit of a ref in the repository around a folder, the current one if none is given.

    Raises:
        UsageError: there is no repository, or no such commit in it.
    """
    here = (folder or Path.cwd()).resolve()
    top = Path(git(here, "rev-parse", "--show-toplevel", why=f"{ref.text}: no git repository"))
    sha = _commit(top, ref, ref.name)
    if ref.merge_base:
        head = _commit(top, ref, "HEAD")
        found = run(top, "merge-base", head, sha)
        if found.returncode:
            message = (
                f"{ref.text}: HEAD and {ref.name} have no commit in common; in a shallow clone, "
                "fetch more of the history (git fetch --unshallow)"
            )
            raise UsageError(message)
        sha = found.stdout.split()[0]
    return Commit(ref, sha, top.resolve(), os.path.relpath(here, top.resolve()))


def _commit(top: Path, ref: Ref, name: str) -> str:
    found = run(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found.returncode:
        message = (
            f"{ref.text}: there is no commit {name!r} in {top}; `git branch -a` lists the "
            "branches, and `git fetch` gets those of a remote"
        )
        raise UsageError(message)
    return found.stdout.strip()
