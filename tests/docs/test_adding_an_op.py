"""The page on adding an operation does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-op.md"


def blocks() -> list[str]:
    """The Python blocks of the page."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_runs_as_it_stands() -> None:
    """Every block of the page runs, one after the other, and its assertions hold."""
    namespace: dict[str, object] = {}
    for block in blocks():
        exec(block, namespace)  # noqa: S102 - the page is ours
    assert "report" in namespace


def test_a_false_statement_on_the_page_would_be_found() -> None:
    """The guard can fail: with another cost in the rule, the page's own assertion fails."""
    source = "\n".join(blocks()).replace("macs=elements * inputs", "macs=elements")
    source = source.replace("dyadic::", "dyadic_false::").replace(
        "ops.dyadic.", "ops.dyadic_false."
    )
    with pytest.raises(AssertionError):
        exec(source, {})  # noqa: S102 - as above
