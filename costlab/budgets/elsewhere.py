"""Models whose code is in no commit of a repository: a git ref says nothing of them.

Knows where code would be imported from, and imports none of it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from costlab.sources.text import split
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def everywhere(models: Iterable[str], folder: Path, top: Path) -> Iterator[str]:
    """What to say of each model that is the same at every ref of the repository at `top`.

    `folder` is where the models are named from.

    >>> list(everywhere(["inception_v3", "net.py:Net"], Path(), Path()))
    ["inception_v3 is of costlab's zoo: it is as it is installed, at every git ref"]
    """
    for model in dict.fromkeys(models):
        owner = _owner(split(model).place, folder, top)
        if owner:
            yield f"{model} is of {owner}: it is as it is installed, at every git ref"


def _owner(place: str, folder: Path, top: Path) -> str:
    """What a model is installed with; empty if it may be of the repository."""
    home, colon, _ = place.rpartition(":")
    if not colon:
        return "costlab's zoo" if place in CATALOGUE else ""
    package = home.partition(".")[0]
    if not package.isidentifier() or home.endswith(".py"):
        return ""
    if any((folder / name).exists() for name in (package, f"{package}.py")):
        return ""
    try:
        found = find_spec(package)
    except (ImportError, ValueError):
        return ""
    if found is None:
        return ""
    places = [found.origin or "", *(found.submodule_search_locations or ())]
    paths = [Path(place).resolve() for place in places if place]
    own = any(path.is_relative_to(top) and not path.is_relative_to(sys.prefix) for path in paths)
    return "" if own or not paths else package
