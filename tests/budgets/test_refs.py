"""Git refs: each evaluated on its own code, in a worktree that is gone afterwards."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.budgets.diffing import difference
from costlab.budgets.refs import is_ref, parse_ref, resolve
from costlab.budgets.worktrees import worktree
from costlab.errors import CostlabError, SourceError, UsageError
from tests.budgets.refs import LAYERS, NET, PIXELS, at, left_behind
from tests.cli.repository import git


def test_each_ref_on_its_own_code(repository: Path) -> None:
    """The branch that widens a block is dearer, the one that renames one is not."""
    main, wide, renamed = (at(f"git:{branch}") for branch in ("main", "wide", "renamed"))
    assert main.total.macs == PIXELS * 9 * (3 * 8 + 8 * 8)
    found = difference(main, wide)
    assert [(c.path, [cause.text for cause in c.causes]) for c in found.blocks] == [
        ("body", ["out channels 8 → 12"])
    ]
    assert found.totals["macs"].amount == PIXELS * 9 * 8 * 4
    same = difference(main, renamed)
    assert same.is_same
    assert [(c.path, c.base_path, c.change) for c in same.blocks] == [("trunk", "body", "renamed")]
    assert left_behind(repository) == []


def test_what_is_imported_is_the_refs_too(repository: Path) -> None:
    """A change in another file than the model's own is seen, and what is uncommitted is not."""
    layers = repository / "parts" / "layers.py"
    layers.write_text(LAYERS.replace("3, padding=1", "1"), encoding="utf-8")
    before = git(repository, "rev-parse", "HEAD")
    assert at("git:HEAD").total.macs == PIXELS * 9 * (3 * 8 + 8 * 8)
    git(repository, "commit", "-qam", "narrow")
    assert at("git:HEAD").total.macs == PIXELS * (3 * 8 + 8 * 8)
    assert resolve(parse_ref("git:HEAD~1")).sha == before


def test_the_merge_base(repository: Path) -> None:
    """merge-base:REF is where HEAD and the ref parted."""
    git(repository, "checkout", "-q", "wide")
    assert resolve(parse_ref("merge-base:renamed")).sha == git(repository, "rev-parse", "main")
    assert str(resolve(parse_ref("merge-base:renamed"))).startswith("merge-base:renamed (")


def test_from_a_folder_below(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is named from the folder that one is in; an absolute path means the ref's file."""
    monkeypatch.chdir(repository / "parts")
    monkeypatch.setattr(sys, "path", [*sys.path, str(repository)])
    git(repository, "checkout", "-q", "main")
    assert at("git:wide", "../net.py:Net").total.macs == PIXELS * 9 * (3 * 8 + 8 * 12)
    with worktree(resolve(parse_ref("git:wide"))) as tree:
        assert tree._place(f"{repository / 'net.py'}:Net") == "../net.py:Net"


def test_a_package_that_is_installed_from_the_checkout(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the import path has of the checkout is turned to the ref's, as for an src/ folder."""
    (repository / "src").mkdir()
    (repository / "src" / "nets.py").write_text(NET.replace("8, 8", "8, 24"), encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "a source folder")
    (repository / "src" / "nets.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(repository / "src")])
    assert at("git:HEAD", "nets:Net").total.macs == PIXELS * 9 * (3 * 8 + 8 * 24)


def test_code_of_the_checkout_is_refused(repository: Path) -> None:
    """Code that comes from the checkout whatever the path says is not passed off as the ref's."""
    text = f"import sys\nsys.path.insert(0, {str(repository)!r})\n{NET}"
    (repository / "elsewhere.py").write_text(text, encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "an import path of its own")
    with pytest.raises(SourceError, match="imported from the checkout, not from the commit"):
        at("git:HEAD", "elsewhere.py:Net")
    assert left_behind(repository) == []


def test_a_folder_called_costlab_is_not_costlab(repository: Path) -> None:
    """The installed costlab is run, whatever the ref has under that name."""
    (repository / "costlab").mkdir()
    (repository / "costlab" / "__init__.py").write_text("raise SystemExit(7)\n", encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "a folder")
    assert at("git:HEAD").total.macs > 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("git:missing", "there is no commit 'missing'"),
        ("git:main^7", "there is no commit 'main^7'"),
        ("git:main:", "names no git ref"),
        ("git:", "names no git ref"),
        ("git:-d", "'-d' is no name of a git ref"),
        ("git:--upload-pack=touch x", "is no name of a git ref"),
        ("merge-base:-h", "is no name of a git ref"),
        ("git:a\nb", "is no name of a git ref"),
        ("git:a\0b", "is no name of a git ref"),
        ("git:$(touch x)", "there is no commit"),
        ("git:main; touch x", "there is no commit"),
        ("git:main^{tree}", "there is no commit"),
    ],
)
def test_refs_that_are_none(repository: Path, text: str, told: str) -> None:
    """A ref that does not exist, or that is none, is refused; nothing is run and nothing made."""
    with pytest.raises(UsageError) as refused:
        at(text)
    assert told in str(refused.value)
    assert left_behind(repository) == []


@given(st.text())
def test_no_text_is_obeyed(text: str) -> None:
    """Whatever stands behind git: is a name for git to look up, or refused."""
    try:
        found = parse_ref(f"git:{text}")
    except UsageError:
        return
    assert is_ref(found.text)
    assert not found.name.startswith("-")
    assert found.name.isprintable()
    assert found.name


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("gone.py:Net", "there is no file gone.py"),
        ("net.py:broken", "not today"),
        ("net.py:exits", "it exits"),
        ("/etc/hosts.py:Net", "is outside the repository"),
        ("../net.py:Net", "is outside the repository"),
    ],
)
def test_a_model_that_is_not_there(repository: Path, model: str, told: str) -> None:
    """A model that does not build at a ref is an error that names both, and no folder of ours."""
    with pytest.raises(CostlabError) as refused:
        at("git:main", model)
    assert told in str(refused.value)
    assert "git:main (" in str(refused.value)
    assert "costlab-" not in str(refused.value)
    assert left_behind(repository) == []


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository there are no refs, and without git neither."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="git:main: no git repository"):
        resolve(parse_ref("git:main"), tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git is not installed"):
        resolve(parse_ref("git:main"), tmp_path)


def test_a_worktree_that_cannot_be_made(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git cannot write, its own words are told."""
    commit = resolve(parse_ref("git:main"))
    (repository / ".git" / "worktrees").write_text("in the way", encoding="utf-8")
    with pytest.raises(UsageError, match="git cannot make a worktree: fatal:"), worktree(commit):
        pytest.fail("there is none")
    (repository / ".git" / "worktrees").unlink()
    monkeypatch.chdir(repository)
    assert left_behind(repository) == []


def test_no_hook_runs_and_nothing_asks(repository: Path) -> None:
    """Hooks of the repository are not run: a worktree is no checkout of the user's."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{repository}/ran'\n", encoding="utf-8")
    hook.chmod(0o755)
    with worktree(resolve(parse_ref("git:main"))) as tree:
        assert (tree.folder / "net.py").exists()
    assert not (repository / "ran").exists()


def test_in_a_hook(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What git sets for a hook names another repository, and is not followed."""
    monkeypatch.setenv("GIT_DIR", str(repository / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / "nowhere" / "index"))
    commit = resolve(parse_ref("git:main"))
    with worktree(commit) as tree:
        assert (tree.folder / "net.py").exists()
