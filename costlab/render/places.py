"""Where a finding is shown in a repository: a file in it, relative to its root, and a line.

Services refuse a finding without a place, and one outside of the repository; nothing is read here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from costlab.budgets.budget import Place

if TYPE_CHECKING:
    from costlab.budgets.checks import Check, Problem


@dataclass(frozen=True, slots=True)
class Tree:
    """A repository: its `root`, the folder that paths are relative to, and its budget file.

    Findings without a place of their own are shown in the budget file, where a limit would stand.
    """

    root: str = "."
    here: str = "."
    budgets: str = "pyproject.toml"

    def of(self, finding: Check | Problem) -> Place:
        """Where a finding is shown: the class of the module, else the limit, else the file."""
        for place in (getattr(finding, "source", None), finding.place):
            found = self.inside(place)
            if found is not None:
                return found
        return self.inside(Place(self.budgets, 1)) or Place("pyproject.toml", 1)

    def inside(self, place: Place | None) -> Place | None:
        """The place from the root of the repository; None if it is outside or has no line.

        >>> Tree("/repo", "/repo/sub").inside(Place("net.py", 3))
        Place(file='sub/net.py', line=3)
        >>> Tree("/repo", "/repo").inside(Place("/usr/lib/x.py", 3)) is None
        True
        """
        if place is None or place.line < 1 or "\x00" in place.file:
            return None
        try:
            # By the text alone: a link in the repository is a place in the repository.
            found = os.path.relpath(Path(self.here, place.file), self.root)
        except ValueError:  # another drive
            return None
        parts = PurePosixPath(found.replace(os.sep, "/"))
        if not found or found == os.curdir or parts.parts[0] == os.pardir:
            return None
        return Place(str(parts), place.line)
