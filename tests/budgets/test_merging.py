"""Baselines that two branches changed: what git merges, and what must be measured."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from costlab.budgets.baseline import Baseline, Key
from costlab.budgets.baselinefile import parse, text_of
from costlab.budgets.merging import merge, sides
from costlab.errors import UsageError
from tests.budgets.baselines import net, two


def git_merge(folder: Path, ours: Baseline, base: Baseline, theirs: Baseline) -> tuple[int, str]:
    """What git makes of three files: how many conflicts, and the text."""
    paths = [folder / name for name in ("ours", "base", "theirs")]
    for path, one in zip(paths, (ours, base, theirs), strict=True):
        path.write_text(text_of(one), encoding="utf-8")
    command = ["git", "merge-file", "-p", *map(str, paths)]  # as a repository's user merges
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_two_branches_that_lower_one_value_conflict(tmp_path: Path) -> None:
    """Hole: both write the same total, git merges in silence, and main goes red. Here git stops."""
    base, ours, theirs = net(), net(one=900), net(two=1_900)
    total = Key("net", "total", "", "macs")
    assert ours.values[total] == theirs.values[total] == 3_000
    conflicts, text = git_merge(tmp_path, ours, base, theirs)
    assert conflicts
    with pytest.raises(UsageError, match="git could not merge this"):
        parse(text)
    one, _, other = (parse(side) if side else None for side in sides(text))
    assert one is not None
    assert other is not None
    with pytest.raises(UsageError, match="how net was measured"):
        merge(one, other)
    both = net(one=900, two=1_900)
    assert merge(one, other, None, both) == both


def test_the_same_change_on_both_sides_merges(tmp_path: Path) -> None:
    """Where both branches did the very same to the model, there is nothing to resolve."""
    conflicts, text = git_merge(tmp_path, net(one=900), net(), net(one=900))
    assert (conflicts, parse(text)) == (0, net(one=900))


def test_changes_of_different_models_merge() -> None:
    """What only one side changed is taken from it: with the base, nothing has to be measured."""
    base = two(net(), net())
    ours, theirs = two(net(one=900), net()), two(net(), net(two=1))
    assert merge(ours, theirs, base) == two(net(one=900), net(two=1))
    with pytest.raises(UsageError, match=r"how net was measured, how other was|the macs of body"):
        merge(ours, theirs)
    assert merge(ours, ours) == ours


def test_a_merge_measures_only_what_conflicts() -> None:
    """A report of the model in question settles it; one of another model does not."""
    base = two(net(), net())
    ours, theirs = two(net(one=900), net()), two(net(one=800), net(two=1))
    settled = merge(ours, theirs, base, net(one=700))
    assert settled == two(net(one=700), net(two=1))
    only_other = two(net(), net())
    del only_other.models["net"]  # type: ignore[attr-defined]  # a dict, made here
    with pytest.raises(UsageError, match=r"both sides changed the macs of body.one in net"):
        merge(ours, theirs, base, only_other)


def test_a_model_that_is_gone() -> None:
    """One side removed a model, the other changed it: the names on the merged code tell."""
    base, ours, theirs = two(net(), net()), net(), two(net(), net(one=1))
    with pytest.raises(UsageError, match="other"):
        merge(ours, theirs, base, net())
    assert merge(ours, theirs, base, net(), ["net"]) == net()
    assert merge(net(), two(net(), net()), two(net(), net())) == net()


def test_two_conventions_do_not_merge() -> None:
    """Values that are counted differently are measured again, all of them."""
    ours, theirs = net(), replace(net(), convention="other")
    with pytest.raises(UsageError, match="only measuring tells"):
        merge(ours, theirs)
    assert merge(ours, theirs, None, net()) == net()
    with pytest.raises(UsageError, match="baseline update` instead"):
        merge(net(one=2), net(one=3), net(), replace(net(), convention="third"))


def test_conflict_markers() -> None:
    """Markers of both of git's styles are read; what is left open or out of place is told."""
    told = "a\n<<<<<<< x\nb\n||||||| base\nc\n=======\nd\n>>>>>>> y\ne\n"
    assert sides(told) == ("a\nb\ne\n", "a\nc\ne\n", "a\nd\ne\n")
    for wrong, said in [
        ("=======\n", "b:1: ======= stands where it cannot"),
        ("<<<<<<< x\n>>>>>>> y\n", "b:2: >>>>>>> stands where it cannot"),
        ("<<<<<<< x\n=======\n", "has no end"),
    ]:
        with pytest.raises(UsageError, match=said):
            sides(wrong, "b")
