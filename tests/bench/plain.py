"""An environment that has torch, triton, rich, typer and numpy, and nothing else."""

from __future__ import annotations

import os
import re
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    packages_distributions,
    requires,
)
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAIN = ("torch", "triton", "rich", "typer", "numpy", "costlab", "pip", "setuptools")
NAME = re.compile(r"[\w.-]+")
SITE = """
import sys
from importlib.machinery import PathFinder

BLOCKED = frozenset({blocked!r})


class Plain:
    def __getattr__(self, name):
        return getattr(PathFinder, name)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            return None
        return PathFinder.find_spec(name, path, target)


sys.meta_path = [Plain() if one is PathFinder else one for one in sys.meta_path]
"""


def needed(names: tuple[str, ...] = PLAIN) -> set[str]:
    """The distributions of a plain environment: these, and what they require without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonical(waiting.pop())
        try:
            distribution(name)
        except PackageNotFoundError:
            continue
        if name in found:
            continue
        found.add(name)
        # What costlab itself asks for is what is to be shown as not needed.
        asked = [] if name == "costlab" else requires(name) or []
        waiting += [
            match[0] for one in asked if "extra ==" not in one and (match := NAME.match(one))
        ]
    return found


def canonical(name: str) -> str:
    """The name of a distribution as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def blocked(besides: tuple[str, ...] = ()) -> list[str]:
    """The importable names that only other distributions have; some more may be there `besides`."""
    kept = needed((*PLAIN, *besides))
    return sorted(
        name
        for name, of in packages_distributions().items()
        if not kept.intersection(map(canonical, of))
    )


def environment(folder: Path, besides: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment of a process in which only a plain environment's packages can be imported."""
    names = blocked(besides)
    (folder / "sitecustomize.py").write_text(SITE.format(blocked=names), encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
