"""Which models a git ref says nothing of: those whose code is in no commit of the repository."""

from pathlib import Path

import pytest

from costlab.budgets.elsewhere import everywhere


@pytest.mark.parametrize(
    ("model", "owner"),
    [
        ("inception_v3(width=2)", "costlab's zoo"),
        ("torch.nn:Linear(3, 2)", "torch"),
        ("net.py:Net", None),
        ("/somewhere/net.py:Net", None),
        ("parts.net:Net", None),
        ("nowhere.net:Net", None),
        ("saved.pt2", None),
    ],
)
def test_what_is_the_same_at_every_ref(tmp_path: Path, model: str, owner: str | None) -> None:
    """A network of the zoo or of an installed package is; what may be of the repository is not."""
    (tmp_path / "parts").mkdir()
    told = list(everywhere([model, model], tmp_path, tmp_path))
    said = f"{model} is of {owner}: it is as it is installed, at every git ref"
    assert told == ([said] if owner else [])


def test_a_package_of_the_repository_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the import path has inside of the repository is of a commit; outside it is installed."""
    (tmp_path / "src" / "ours_somewhere").mkdir(parents=True)
    (tmp_path / "src" / "ours_somewhere" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "src")
    here = tmp_path / "work"
    assert list(everywhere(["ours_somewhere:Net"], here, tmp_path)) == []
    (told,) = everywhere(["ours_somewhere:Net"], here, here)
    assert "is of ours_somewhere" in told
