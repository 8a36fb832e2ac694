"""The budget file: found, read in full, or refused with its line; nothing in it is left out."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from costlab.budgets.budget import Place
from costlab.budgets.configfile import find, load, parsed
from costlab.errors import UsageError
from tests.budgets.made import MODEL

FULL = """\
[tool.costlab]
schema = 1
baseline = "merge-base:origin/main"
anchor = "git:v1"

[tool.costlab.models.inception]
model  = "torchvision:inception_v3"
kwargs = { init_weights = false }
inputs = ["f32[1,3,299,299]"]
mode   = "eval"

[[tool.costlab.budgets]]
id = "total"
models = ["inception"]
macs   = { warn = "5.75G", max = "5.8G" }
message = "Ask #perf before raising"

[[tool.costlab.budgets]]
id = "growth"
modules = ["Mixed_7?"]
per = "sum"
macs = { max_increase = "2%", and_over = "1M", anchor_increase = "0" }

[[tool.costlab.waivers]]
budget = "growth"
up_to  = "5.8G"
reason = "wider stem, #123"
expires = 2027-01-31
"""
BUDGET = '[[budgets]]\nid = "a"\nmacs = { max = "5G" }\n'


def test_all_that_a_file_says() -> None:
    """Each key of the specification arrives, exact, with the place at which it stands."""
    found = parsed(FULL, "pyproject.toml")
    (model,), (total, growth), (waiver,) = found.models, found.budgets, found.waivers
    assert (model.name, model.kwargs, model.place.line) == ("inception", {"init_weights": False}, 6)
    assert (total.limits[0].warn, total.limits[0].max) == (5_750_000_000, 5_800_000_000)
    assert (total.message, total.models) == ("Ask #perf before raising", ("inception",))
    assert growth.place == Place("pyproject.toml", 18)
    assert (growth.per, growth.models, growth.modules) == ("sum", ("*",), ("Mixed_7?",))
    (limit,) = growth.limits
    assert (limit.max_increase, limit.and_over) == (Fraction(1, 50), 10**6)
    assert limit.anchor_increase == 0
    assert (waiver.up_to, waiver.metric) == (5_800_000_000, "macs")
    assert (waiver.expires, waiver.place.line) == (date(2027, 1, 31), 24)
    assert (found.baseline, found.anchor) == ("merge-base:origin/main", "git:v1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", r"costlab.toml:1:5: this is no TOML: Invalid value"),
        ("a = 1\nb = [1,\n", r"costlab.toml:3:1: this is no TOML"),
        ("a = " + "9" * 5000, "a number is too long"),
        ("a = " + "[" * 5000, "nested too deep|no TOML"),
        (BUDGET, "it names no model"),
        (MODEL, "it has no budget, and so would check nothing"),
        ("schema = 2\n" + MODEL + BUDGET, r"costlab.toml:1: the file: schema is 2"),
        ("schema = true\n" + MODEL + BUDGET, "schema is True"),
        ("budgets = 3\n" + MODEL, r":1: the file: budgets is a number"),
        ("bugets = 3\n" + MODEL + BUDGET, r":1: .*no key 'bugets'. Did you mean budgets"),
        (MODEL + "mod = 1\n" + BUDGET, r":3: model 'net': there is no key 'mod'"),
        ('baseline = "main"\n' + MODEL + BUDGET, r":1: .*write file:PATH, git:REF"),
        ('baseline = "file:"\n' + MODEL + BUDGET, r":1: .*write file:PATH, git:REF"),
        ('[models."a.b"]\nmodel = "x"\n' + BUDGET, "a model's name has no dots"),
        ("[models.net]\n" + BUDGET, r":1: model 'net': it has no model"),
        (MODEL + 'inputs = ["f32[1,x]"]\n' + BUDGET, r":3: model 'net': cannot read the input"),
        (MODEL + "inputs = []\n" + BUDGET, r":3: .*inputs is empty"),
        (MODEL + 'mode = "evl"\n' + BUDGET, r":3: .*Did you mean eval"),
        (MODEL + "kwargs = { a = 1979-05-27 }\n" + BUDGET, r":3: .*made of texts"),
        (MODEL + "kwargs = { lambda = 1 }\n" + BUDGET, r":3: .*name of an argument"),
        (MODEL + '[[budgets]]\nmacs = { max = "5G" }\n', r":3: budget: it has no id"),
        (MODEL + '[[budgets]]\nid = "a"\n', r":3: budget 'a': it limits nothing"),
        (MODEL + '[[budgets]]\nid = "a"\nmacs = {}\n', r":5: budget 'a': macs: it limits nothing"),
        (MODEL + '[[budgets]]\nid = "a"\nmacs = "5G"\n', r":5: .*macs is a text; it must be a ta"),
        (MODEL + BUDGET + BUDGET, r":6: there are two budgets 'a'; the other is at costlab.toml:3"),
        (MODEL + BUDGET + "models = []\n", r":6: .*models is empty, and so selects nothing"),
        (MODEL + BUDGET + 'models = "net"\n', r":6: .*must be a list of texts"),
        (MODEL + BUDGET + 'modules = ["[z-a]"]\n', r":6: .*cannot read the module glob"),
        (MODEL + BUDGET + f'modules = ["{"*a" * 9}"]\n', r":6: .*over 8 stars"),
        (MODEL + BUDGET + 'per = "match"\n', r":6: .*it has neither"),
        (MODEL + BUDGET + 'modules = ["a"]\nops = ["b"]\n', r":7: .*modules and ops"),
        (MODEL + BUDGET + 'modules = ["a"]\ndepth = { max = 3 }\n', r":7: .*depth is of a whole"),
        (MODEL + BUDGET + 'ops = ["a"]\nparams = { max = 3 }\n', r":7: .*not counted an operat"),
        (MODEL + BUDGET + 'flops = { max = "5 GMACs" }\n', r":6: .*in MACs, and flops are"),
        (MODEL + BUDGET + 'flops = { max_increase = "2" }\n', r":6: .*no percentage"),
        (MODEL + BUDGET + "flops = { max_increase = 0.02 }\n", r":6: .*has no unit"),
        (MODEL + BUDGET + "flops = { max = 1, and_over = 1 }\n", r":6: .*and there is none"),
        (MODEL + BUDGET + "flops = { max = 1, warn = 2 }\n", r":6: .*would never be seen"),
        (MODEL + BUDGET + "flops = { mx = 1 }\n", r":6: .*no key 'mx'. Did you mean max"),
        ("tool = 3\n", "it names no model|no key 'tool'"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    """Each thing that a file may not say is an error with its file and line."""
    with pytest.raises(UsageError, match=said):
        parsed(text)


WAIVER = '[[waivers]]\nbudget = "a"\nup_to = "6G"\nreason = "why"\nexpires = 2027-01-31\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('reason = "why"\n', "", r":6: waiver of 'a': it has no reason"),
        ('"why"', '" "', r":9: .*reason is empty"),
        ("expires = 2027-01-31\n", "", r":6: .*no expires"),
        ("2027-01-31", '"2027-01-31"', r":10: .*without quotes"),
        ("2027-01-31", "2027-01-31T00:00:00", r":10: .*without quotes or time"),
        ('up_to = "6G"\n', "", r":6: .*no up_to; a waiver has a ceiling"),
        ('"6G"', '"6 GFLOPs"', r":8: .*in FLOPs, and macs"),
        ('budget = "a"', 'budget = "b"', r":7: .*there is no such budget"),
        ("[[waivers]]", "[[waivers]]\nmetric = 'flops'", r":7: .*it must be macs"),
        ("[[waivers]]", "[[waivers]]\nuntil = 3", r":7: .*no key 'until'"),
        ("[[waivers]]", WAIVER + "[[waivers]]", r":11: a second waiver of 'a' for net"),
    ],
)
def test_a_malformed_waiver(old: str, new: str, said: str) -> None:
    """A waiver that lacks a reason, a ceiling or an end, or waives nothing, is an error."""
    assert parsed(MODEL + BUDGET + WAIVER).waivers
    with pytest.raises(UsageError, match=said):
        parsed(MODEL + BUDGET + WAIVER.replace(old, new, 1))


def test_a_waiver_of_one_of_several_metrics() -> None:
    """Where a budget limits several metrics, the waiver has to say which."""
    text = MODEL + BUDGET + "flops = { max = 1 }\n" + WAIVER
    with pytest.raises(UsageError, match="limits macs and flops; say which"):
        parsed(text)
    assert parsed(text + 'metric = "flops"\n'.replace("6G", "6")).waivers[0].metric == "flops"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ('macs = { max = "6G" }', "set different max"),
        ('models = ["n*"]\nmacs = { max = "6G" }', "set different max"),
        ("macs = { warn = 3 }", ""),
        ('macs = { max = "5000M" }', ""),
        ('models = ["other"]\nmacs = { max = "6G" }', ""),
    ],
)
def test_overlapping_budgets(other: str, said: str) -> None:
    """Two budgets that set one limit in two ways are an error that names both places."""
    more = '[models.other]\nmodel = "net.py:Net"\n'
    text = MODEL + more + BUDGET.replace("macs", 'models = ["net"]\nmacs')
    text += f'[[budgets]]\nid = "b"\n{other}\n'
    if said:
        with pytest.raises(UsageError, match=rf":9: budget 'b' and budget 'a' .*toml:5.*{said}"):
            parsed(text)
    else:
        assert len(parsed(text).budgets) == 2


def test_where_a_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest file up to the repository's root is taken; one beyond the root is not."""
    below = tmp_path / "repo" / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "costlab.toml").write_text("outside", encoding="utf-8")
    (tmp_path / "repo" / ".git").write_text("gitdir: elsewhere", encoding="utf-8")
    assert find(below) is None
    (below.parent / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / "repo" / "pyproject.toml").write_text(FULL, encoding="utf-8")
    assert find(below) == tmp_path / "repo" / "pyproject.toml"
    (below.parent / "costlab.toml").write_text("\ufeff" + MODEL + BUDGET, encoding="utf-8")
    assert find(below) == below.parent / "costlab.toml"
    monkeypatch.chdir(below)
    assert load().budgets[0].place == Place("../costlab.toml", 3)


def test_two_files_in_one_folder(tmp_path: Path) -> None:
    """Nobody has to guess which of two files is read."""
    (tmp_path / "costlab.toml").write_text(MODEL + BUDGET, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n", encoding="utf-8")
    assert find(tmp_path) == tmp_path / "costlab.toml"
    (tmp_path / "pyproject.toml").write_text(FULL, encoding="utf-8")
    with pytest.raises(UsageError, match=r"keep one of the two"):
        find(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, a folder, bytes that are no text, another's pyproject: each says what it is."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there are no budgets: .*costlab init"):
        load()
    for path, said in [("none.toml", "No such file"), (".", "Is a dir"), ("a\0", "null|no such")]:
        with pytest.raises(UsageError, match=rf"cannot read .*{said}"):
            load(path)
    (tmp_path / "x.toml").write_bytes(b"a = 1\n\xff")
    with pytest.raises(UsageError, match=r"x.toml:2: this is no text in UTF-8"):
        load("x.toml")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pyproject.toml has no \[tool.costlab\]"):
        load("pyproject.toml")
    (tmp_path / "pyproject.toml").write_text("[tool]\ncostlab = 3", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pyproject.toml:2: tool.costlab is no table"):
        load()
    (tmp_path / "pyproject.toml").write_text("[project", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pyproject.toml:1:9: this is no TOML"):
        load()
