"""A repository whose refs are evaluated: made once, and copied for each test."""

import shutil
from pathlib import Path

import pytest

from tests.budgets.refs import LAYERS, NET
from tests.cli.repository import commit, git


@pytest.fixture(scope="session")
def branches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with three branches: main, one that widens a block, one that renames one."""
    place = tmp_path_factory.mktemp("branches")
    (place / "parts").mkdir()
    (place / "net.py").write_text(NET, encoding="utf-8")
    (place / "parts" / "__init__.py").touch()
    (place / "parts" / "layers.py").write_text(LAYERS, encoding="utf-8")
    git(place, "init", "-q", "-b", "main")
    commit(place, "a network")
    for branch, old, new in (
        ("wide", "conv(8, 8)", "conv(8, 12)"),
        ("renamed", "body", "trunk"),
    ):
        git(place, "checkout", "-q", "-b", branch, "main")
        (place / "net.py").write_text(NET.replace(old, new), encoding="utf-8")
        git(place, "commit", "-qam", branch)
    return place


@pytest.fixture
def repository(branches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a copy of it that a test may change, its last branch checked out."""
    place = tmp_path / "a repository"
    shutil.copytree(branches, place)
    monkeypatch.chdir(place)
    return place
