"""The order of the layers is enforced, and each contract can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's verdict on the package in a folder."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of_the_package(folder: Path) -> Path:
    """The package and its configuration, to be broken."""
    shutil.copytree(ROOT / "costlab", folder / "costlab", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_contracts_are_kept() -> None:
    """The package as it stands keeps every contract."""
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout
    assert "4 kept, 0 broken" in found.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("graph.py", "import costlab.blocks", "A layer knows nothing of the layers above it"),
        ("ops/linear.py", "import torch", "What can be said without torch is said without it"),
        ("store.py", "import costlab.zoo.layers", "What can be said without torch"),
        ("analysis.py", "import rich", "Only render and cli know rich"),
        ("sources.py", "import typer", "Only cli knows typer"),
    ],
)
def test_each_contract_can_fail(tmp_path: Path, file: str, line: str, contract: str) -> None:
    """One import in the wrong place breaks the contract that forbids it."""
    broken = copy_of_the_package(tmp_path) / "costlab" / file
    if not broken.exists():  # a module that has grown into a folder
        broken = broken.with_suffix("") / "__init__.py"
    broken.write_text(f"{broken.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    found = lint(tmp_path)
    assert found.returncode != 0
    assert contract in found.stdout.split("Broken contracts")[1]


def test_a_new_module_must_be_given_its_place(tmp_path: Path) -> None:
    """A module that the layers do not list is refused."""
    copy = copy_of_the_package(tmp_path)
    (copy / "costlab" / "elsewhere.py").write_text('"""A module nobody placed."""\n')
    found = lint(tmp_path)
    assert found.returncode != 0
    assert "elsewhere" in found.stdout + found.stderr
