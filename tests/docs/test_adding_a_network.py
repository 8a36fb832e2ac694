"""The page on adding a network does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import blocks

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-network.md"
CODE = blocks(PAGE.read_text(encoding="utf-8"), "python")


def test_the_page_runs_as_it_stands() -> None:
    """Every block of the page runs, one after the other, and its assertions hold."""
    names: dict[str, object] = {"__name__": "page"}
    for code in CODE:
        exec(code, names)  # noqa: S102 - the page is ours
    assert {"report", "SMALL"} <= set(names)


def test_a_false_statement_on_the_page_would_be_found() -> None:
    """The guard can fail: with other filters in a branch, the page's own assertions fail."""
    source = "\n".join(CODE).replace('"1x1 8 → 3x3 16 → 3x3 16"', '"1x1 8 → 3x3 16 → 3x3 24"')
    with pytest.raises(AssertionError):
        exec(source, {"__name__": "page"})  # noqa: S102 - as above
