"""`costlab check` on a user's models: its options, its exit codes, what it imports and when."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE
from tests.cli.repository import ROOT, environment

MACS = 8 * 8 * 8 * 3 * 9 + 8 * 64 * 10
BUDGETS = f"""\
[models.net]
model = "net.py:Net"
inputs = ["{IMAGE}"]

[models.wide]
model = "net.py:Net"
kwargs = {{ width = 16 }}
inputs = ["{IMAGE}"]

[[budgets]]
id = "total"
macs = {{ warn = "{MACS}", max = "{3 * MACS}" }}

[[budgets]]
id = "fc"
models = ["net"]
modules = ["fc"]
macs = {{ max = "5120" }}
"""


@pytest.fixture
def budgets(desk: Path) -> Path:
    """The current folder, with the budgets of two models."""
    (desk / "costlab.toml").write_text(BUDGETS, encoding="utf-8")
    return desk


def outcomes(costlab: Costlab, *arguments: str) -> dict[tuple[str, str], str]:
    """The outcome of each check, by budget and model."""
    document = json.loads(costlab("check", *arguments, "--format", "json").out)
    return {(one["budget"], one["model"]): one["outcome"] for one in document["checks"]}


@pytest.mark.usefixtures("budgets")
def test_every_budget_is_checked(costlab: Costlab) -> None:
    """Without arguments: each model, each budget; a warning is no failure."""
    assert outcomes(costlab) == {
        ("total", "net"): "pass",
        ("total", "wide"): "warn",
        ("fc", "net"): "pass",
    }
    assert costlab("check").code == 0


@pytest.mark.usefixtures("budgets")
def test_strict_promotes_warnings(costlab: Costlab) -> None:
    """With --strict a warning fails, in the exit code and in what is written."""
    assert costlab("check", "--strict").code == 1
    assert outcomes(costlab, "--strict")["total", "wide"] == "fail"
    assert costlab("check", "--strict", "--exit-zero").code == 0


@pytest.mark.usefixtures("budgets")
def test_some_models(costlab: Costlab) -> None:
    """A model of the file by its name, with the budgets that speak of it."""
    assert outcomes(costlab, "wide") == {("total", "wide"): "warn"}


@pytest.mark.usefixtures("budgets")
def test_a_limit_more(costlab: Costlab) -> None:
    """An option's limit stands beside those of the file."""
    found = outcomes(costlab, "net", "--max", "depth=1")
    assert found["command line", "net"] == "fail"
    assert found["total", "net"] == "pass"


def test_without_a_file(costlab: Costlab, desk: Path) -> None:
    """A model and a limit are enough; the limit is inclusive."""
    assert not (desk / "costlab.toml").exists()
    given = ("check", "net.py:Net", "-i", IMAGE)
    assert costlab(*given, "--max", f"macs={MACS}").code == 0
    found = costlab(*given, "--max", f"macs={MACS - 1}")
    assert found.code == 1
    assert f"{MACS:,}  {MACS - 1:,}" in found.out, "what looks the same is told in full"


@pytest.mark.usefixtures("budgets")
def test_explain(costlab: Costlab) -> None:
    """--explain shows the file and the line of each limit, on stderr if stdout is a program's."""
    line = BUDGETS.splitlines().index('id = "fc"') + 4
    assert f"costlab.toml:{line}" in costlab("check", "--explain").out
    found = costlab("check", "--explain", "--format", "json")
    assert f"costlab.toml:{line}" in found.err
    json.loads(found.out)


@pytest.mark.usefixtures("budgets")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nett",), "costlab.toml has no model 'nett'. Did you mean net?"),
        (("net", "net.py:Net", "--max", "macs=1"), "has no model 'net.py:Net'"),
        (("net", "--input", IMAGE), "--input is for a MODEL that costlab.toml does not name"),
        (("--max", "mcas=5G"), "there is no metric 'mcas'. Did you mean macs?"),
        (("--max", "macs=5 GFLOPs"), "limit flops"),
        (("--max", "macs"), "write a metric and its limit"),
        (("--max", "macs=-5"), "nothing costs less than nothing"),
        (("--max-increase", "macs=5"), "is no percentage"),
        (("--max-increase", "macs=5%"), "is relative to the baseline, and there is none"),
        (("--max-increase", "macs=5%", "--baseline", "main"), "names no baseline"),
        (("--max-increase", "macs=5%", "--baseline", "file:no"), "cannot read the baseline"),
        (("--max-increase", "macs=5%", "--baseline", "git:main"), "no git repository"),
        (("--module", "fc"), "--module needs a limit"),
        (("net", "--module", "gone", "--max", "macs=1G"), "no module of net matches 'gone'"),
        (("--config", "gone.toml"), "cannot read gone.toml"),
        (("--config", "net.py"), "this is no TOML"),
        (("--max", f"macs={MACS}"), "set different max"),
    ],
)
def test_what_cannot_be_said(costlab: Costlab, arguments: tuple[str, ...], told: str) -> None:
    """Exit 2, with what is wrong; never a pass, nor with --exit-zero."""
    for more in ((), ("--exit-zero",)):
        found = costlab("check", *arguments, *more)
        assert found.code == 2
        assert told in found.out
        assert "Traceback" not in found.err


@pytest.mark.parametrize("model", ["Broken", "Raises", "Exits", "none", "typo", "gone", "Sorted"])
def test_one_failing_model_hides_no_other(costlab: Costlab, budgets: Path, model: str) -> None:
    """What is wrong with one model is told, and the others are checked all the same."""
    more = f'\n[models.bad]\nmodel = "net.py:{model}"\ninputs = ["{IMAGE}"]\n'
    with (budgets / "costlab.toml").open("a", encoding="utf-8") as file:
        file.write(more)
    found = costlab("check", "--format", "json")
    document = json.loads(found.out)
    assert found.code == document["exit_code"] == 2
    assert "bad" in {problem["model"] for problem in document["problems"]}
    assert {check["model"] for check in document["checks"]} >= {"net", "wide"}


def test_no_budgets_at_all(costlab: Costlab, desk: Path) -> None:
    """Nothing to be held is nothing said, and the way to write it is told."""
    assert list(desk.glob("*.toml")) == []
    found = costlab("check")
    assert found.code == 2
    assert "`costlab init` writes them" in found.out


def test_formats_are_checked_first(costlab: Costlab) -> None:
    """A format that is none is refused with those there are, before anything runs."""
    found = costlab("check", "--format", "junti")
    assert found.code == 2
    assert "Did you mean junit?" in found.err
    assert costlab("report", "inception_v3", "--format", "junit").code == 2


@pytest.mark.usefixtures("budgets")
def test_only_checks_are_shown_as_annotations(costlab: Costlab, desk: Path) -> None:
    """`costlab show` writes saved checks as JUnit; a saved report has no such form."""
    costlab("check", "--format", "json:check.json")
    costlab("report", "net.py:Net", "-i", IMAGE, "--format", "json:report.json")
    assert "<testsuites" in costlab("show", str(desk / "check.json"), "--format", "junit").out
    assert costlab("show", "report.json", "--format", "junit").code == 2


WATCHED = """
import builtins, sys
from costlab.cli import main
began = []
real = builtins.__import__
def watch(name, *rest, **named):
    if name.partition(".")[0] == "torch" and "torch" not in sys.modules:
        began.append(name)
    return real(name, *rest, **named)
builtins.__import__ = watch
forks = []
sys.addaudithook(lambda event, args: forks.append(event) if event == "subprocess.Popen" else None)
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(len(began), len(forks), "torch" in sys.modules, end.code, file=sys.stderr)
"""


def watched(folder: Path, *arguments: str) -> list[str]:
    """How often torch began to be imported, processes started, whether torch is there, the code."""
    found = subprocess.run(
        [sys.executable, "-c", WATCHED, "check", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stderr.splitlines()[-1].split()


def test_ten_models_in_one_process(tmp_path: Path) -> None:
    """Ten models take one process and one import of torch, which the watch sees."""
    names = "abcdefghij"
    models = [f'[models.{name}]\nmodel = "net.py:{name.upper()}"\n' for name in names]
    inputs = 'inputs = ["f32[1,4]"]\n'
    budget = '[[budgets]]\nid = "all"\nmacs = { max = "16" }\n'
    text = "".join(f"{model}{inputs}\n" for model in models) + budget
    (tmp_path / "costlab.toml").write_text(text, encoding="utf-8")
    code = "".join(f"def {name.upper()}(): return nn.Linear(4, 4)\n" for name in names)
    (tmp_path / "net.py").write_text(f"from torch import nn\n{code}", encoding="utf-8")
    assert watched(tmp_path) == ["1", "0", "True", "0"]


@pytest.mark.parametrize("edit", [("max =", "mx ="), ('"5120"', '"5120 FLOPs"'), ("[[", "[")])
def test_nothing_heavy_before_the_file_is_sound(budgets: Path, edit: tuple[str, str]) -> None:
    """What is wrong in the budget file is told without an import of torch."""
    (budgets / "costlab.toml").write_text(BUDGETS.replace(*edit), encoding="utf-8")
    assert watched(budgets) == ["0", "0", "False", "2"]


def test_nor_before_an_option_is_sound(budgets: Path) -> None:
    """An option that is no limit is told so too."""
    assert watched(budgets, "--max", "macs=x")[:3] == ["0", "0", "False"]


def test_the_project_keeps_its_own_budgets(
    costlab: Costlab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zoo is held by this repository's pyproject.toml: Inception-v3 first."""
    monkeypatch.chdir(ROOT)
    found = costlab("check", "--format", "json")
    assert found.code == 0, found.err
    document = json.loads(found.out)
    limits = {
        (check["model"], check["metric"]): (check["value"], check["limit"])
        for check in document["checks"]
        if not check["subject"]
    }
    assert limits["inception_v3", "macs"] == (5_713_216_096, 5_750_000_000)
    assert limits["inception_v3", "params_executed"] == (23_834_568, 25 * 10**6 - 1)
    assert len({check["model"] for check in document["checks"]}) >= 5
    assert "$(BIN)/costlab check" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert os.fspath(document["checks"][0]["place"]["file"]) == "pyproject.toml"


PIECES = st.sampled_from(
    [
        *('"', "'", "[", "]", "{", "}", "=", "#", "\n", ".", "max", "macs", "models", "*", "**"),
        *("-1", "1e999", "2%", "nan", "\x00", "\ud800", "::error::x", "[[budgets]]", "\x1b[31m"),
    ]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, len(BUDGETS)), st.integers(0, 12), st.lists(PIECES, max_size=3).map("".join))
def test_no_budget_file_gives_a_traceback(
    costlab: Costlab, budgets: Path, start: int, length: int, put: str
) -> None:
    """Whatever stands in the file: a verdict, and it is 0 only if each budget of it was held."""
    text = BUDGETS[:start] + put + BUDGETS[start + length :]
    (budgets / "costlab.toml").write_text(text, encoding="utf-8", errors="surrogatepass")
    found = costlab("check", "--format", "json")
    assert "defect" not in found.out + found.err
    assert "Traceback" not in found.err
    document = json.loads(found.out)
    assert found.code == document["exit_code"]
    if found.code == 0:
        assert not document["problems"]
        held = {check["budget"] for check in document["checks"]}
        written = tomllib.loads(text)["budgets"]
        assert held == {budget["id"] for budget in written}
