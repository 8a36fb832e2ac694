"""The renderers are tested apart from the terminal that the tests run in."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def _no_terminal() -> Iterator[None]:
    """None of the variables that say how wide or coloured a terminal is to be."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
            patch.delenv(name, raising=False)
        yield
