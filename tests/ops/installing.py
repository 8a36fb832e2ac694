"""A package as pip leaves it behind: its modules and what it says of itself, in a folder.

Knows no operation; what the package holds is the test's.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from costlab.ops import installed
from costlab.tracing.entries import default_entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


@contextmanager
def package(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, points: dict[str, str]
) -> Iterator[None]:
    """Until the block ends, a package of one module with these entry points is installed."""
    told = folder / f"{name}-1.2.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = "".join(f"{point} = {value}\n" for point, value in points.items())
    (told / "entry_points.txt").write_text(f"[costlab.ops]\n{lines}")
    (folder / f"{name}.py").write_text(source)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(folder)
        forget()
        try:
            yield
        finally:
            patched.undo()
            forget()


def forget() -> None:
    """Has packages looked for anew."""
    installed.cache_clear()
    default_entries.cache_clear()
