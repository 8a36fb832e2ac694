"""docs/models.md: each form of a model and of an input that it lists works as it is written."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from costlab.cli import main
from costlab.inputspec import DTYPES, read
from costlab.sources import FILES, LIBRARIES
from docs import generate
from tests.docs.blocks import blocks
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (generate.DOCS / "models.md").read_text(encoding="utf-8")
COMMANDS = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with the page's `net.py` in it, and the program that it writes."""
    folder = tmp_path_factory.mktemp("models")
    (code,) = blocks(PAGE, "python")
    (folder / "net.py").write_text(code, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(code, "net.py", "exec"), {"__name__": "net"})  # noqa: S102 - our own page
        yield folder
    sys.modules.pop("net", None)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_works(desk: Path, command: str) -> None:
    """It prints a table, and ends with 0."""
    assert (desk / "net.pt2").exists()
    if "torchvision:" in command or "timm:" in command or "hf:" in command:
        torchvision()
    if "hf:" in command:
        pytest.importorskip("transformers")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as end:
        main(shlex.split(command)[1:])
    assert end.value.code == 0
    assert "MACs" in out.getvalue()


def rows(title: str) -> list[str]:
    """What stands in the first column of a table."""
    part = PAGE.partition(f"## {title}")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
    return [text for cell in cells for text in re.findall(r"`([^`]+)`", cell)]


def test_every_form_has_its_row_and_a_command() -> None:
    """No form of a model is without a row, nor a command."""
    listed = rows("Where a model comes from")
    for prefix in LIBRARIES:
        assert [row for row in listed if row.startswith(f"{prefix}:")], prefix
        assert [command for command in COMMANDS if f"{prefix}:" in command], prefix
    for suffix in FILES:
        assert [row for row in listed if row.endswith(suffix)], suffix
        assert [command for command in COMMANDS if suffix in command], suffix


def test_every_spec_is_one() -> None:
    """Each spec of the table is read, and each element type is named."""
    specs = rows("What goes in")
    assert len(specs) > 8
    for text in specs:
        assert read(text)
    line = next(line for line in PAGE.splitlines() if line.startswith("Element types are"))
    assert set(re.findall(r"\b[a-z]+[0-9][a-z0-9]*\b|\bbool\b", line)) == set(DTYPES)
