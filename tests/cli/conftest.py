"""The command line in this process, and a folder with a user's models in it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from costlab.cli import main
from tests.cli import holes
from tests.cli.models import NET


class Run(NamedTuple):
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str


Costlab = Callable[..., Run]


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the variables that say how wide or coloured a terminal is to be."""
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def costlab(capsys: pytest.CaptureFixture[str]) -> Costlab:
    """A function that runs the command line in this process."""

    def run(*arguments: str) -> Run:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert isinstance(end.value.code, int)
        return Run(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder but for net.py; what is imported from it is forgotten afterwards."""
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model of one convolution."""
    (tmp_path / "net.py").write_text(holes.NET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def held(folder: Path, costlab: Costlab) -> Callable[..., Run]:
    """A function that checks budgets of the model, against the baseline if there is one."""

    def run(budgets: str, *arguments: str) -> Run:
        based = 'baseline = "file:base"\n' if "_increase" in budgets else ""
        (folder / "costlab.toml").write_text(f"{based}{holes.HEAD}{budgets}", encoding="utf-8")
        return costlab("check", "--format", "json", *arguments)

    return run
