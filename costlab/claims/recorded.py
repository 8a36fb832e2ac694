"""The verdicts on record in the project, so that a change of one is noticed.

They are written by `make docs` and judge nothing: each run judges anew and compares.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.claims.document import Word

NAME = "recorded.json"


def recorded() -> Mapping[str, Word]:
    """The verdict on record for each claim, by its id."""
    words: dict[str, Word] = json.loads(
        files("costlab.claims").joinpath(NAME).read_text(encoding="utf-8")
    )
    return words
