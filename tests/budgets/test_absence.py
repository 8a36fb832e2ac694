"""What a commit is proven to lack is new; what is merely not found there is not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from costlab.budgets.absence import below_submodule, unproven
from costlab.budgets.refs import parse_ref, resolve
from costlab.budgets.worktrees import worktree
from tests.cli.repository import commit, git

MODULE = "class Net: ...\nif NEVER:\n    class Perhaps: ...\n"


def linked(folder: Path) -> None:
    """Puts another repository into one, as a submodule."""
    other = folder.parent / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    (other / "net.py").write_text(MODULE, encoding="utf-8")
    commit(other, "a model")
    allowed = ("-c", "protocol.file.allow=always")
    git(folder, *allowed, "submodule", "--quiet", "add", str(other), "models")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with models in a folder, in a submodule, behind a link, and in none of them."""
    top = tmp_path_factory.mktemp("made") / "top"
    (top / "src" / "pk").mkdir(parents=True)
    git(top, "init", "--quiet", "--initial-branch=main")
    (top / "nets.py").write_text(MODULE, encoding="utf-8")
    (top / "src" / "pk" / "net.py").write_text(MODULE, encoding="utf-8")
    (top / "src" / "pk" / "__init__.py").touch()
    (top / ".gitignore").write_text("made/\n", encoding="utf-8")
    (top / "away").symlink_to("../elsewhere")
    linked(top)
    commit(top, "models")
    (top / "fresh.py").write_text(MODULE, encoding="utf-8")
    return top


@pytest.fixture
def why(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A function that says why a model may be at the commit of the repository, all the same."""
    top = tmp_path / "top"
    shutil.copytree(made, top, symlinks=True)
    monkeypatch.chdir(top)

    def told(source: str) -> str:
        with worktree(resolve(parse_ref("git:main"), top)) as tree:
            return unproven(source, tree)

    return told


@pytest.mark.parametrize(
    "source",
    ["fresh.py:Net", "nets.py:Other", "nets.py:Other(width=2)", "pk.other:Net", "qk.net:Net",
     "pk.net:Other"],
)  # fmt: skip
def test_what_a_commit_lacks_is_proven(why: Callable[[str], str], source: str) -> None:
    """Neither the file or the module is in its tree, or nothing of that name is in the file."""
    assert not why(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("models/net.py:Net", "models is a submodule, which is not checked out at a git ref"),
        ("models.net:Net", "models is a submodule"),
        ("nets.py:Net", "nets.py is there, and may define Net"),
        ("nets.py:Perhaps", "nets.py is there, and may define Perhaps"),
        ("pk.net:Net", "the commit has src/pk/net.py, and pk.net was not found there"),
        ("made/net.py:Net", "git ignores made/net.py, so that no commit will ever have it"),
        ("away/net.py:Net", "away is a link there, and away/net.py is not behind it"),
        ("../far.py:Net", "outside the repository"),
    ],
)
def test_what_is_only_not_found_is_not_new(
    why: Callable[[str], str], source: str, reason: str
) -> None:
    """A submodule, an import path, a link, a condition: the commit may have it."""
    assert reason in why(source)


def test_a_sparse_checkout_is_no_proof(why: Callable[[str], str], tmp_path: Path) -> None:
    """A file that git keeps out of the worktree is in the commit nevertheless."""
    git(tmp_path / "top", "sparse-checkout", "set", "--no-cone", "/src/")
    assert "nets.py is in the commit, and not in its worktree" in why("nets.py:Net")


def test_a_diff_names_the_submodule(tmp_path: Path, why: Callable[[str], str]) -> None:
    """Whoever asks a ref for one model is told the same cause."""
    assert not why("fresh.py:Net")
    with worktree(resolve(parse_ref("git:main"), tmp_path / "top")) as tree:
        assert "models is a submodule" in below_submodule("models/net.py:Net", tree)
        assert not below_submodule("nets.py:Net", tree)
        assert not below_submodule("inception_v3", tree)
