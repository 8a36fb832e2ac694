"""The holes that gates of other tools have, each shown to be shut by the real command.

The first words of each test's name say which: a gate passes unmeasured, results vanish, noise, fork
PRs. Those of what a limit says are in test_holes_limits.py.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Costlab, Run
from tests.cli.holes import HEAD, MACS, NET, budget
from tests.cli.repository import ROOT, change, environment

FORMATS = ("json", "junit", "sarif", "github", "gitlab", "markdown", "html", "csv", "text")


# A gate passes unmeasured.


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("class Net", "class Other", "has no 'Net'"),
        ("self.stem", "self.begin", "no module of net matches 'stem'"),
    ],
    ids=["model", "module"],
)
def test_gate_unmeasured_renamed_target(
    held: Callable[..., Run], folder: Path, old: str, new: str, said: str
) -> None:
    """What a budget names and nobody finds is no pass, although nothing is over a limit."""
    limits = budget('modules = ["stem"]\nmacs = { max = "1G" }')
    assert held(limits).code == 0
    change(folder / "net.py", (old, new))
    found = held(limits)
    assert found.code == 2
    assert said in found.out


def test_gate_unmeasured_is_not_slower(held: Callable[..., Run], folder: Path) -> None:
    """No environment is another exit code than over the limit: 2, and not 1."""
    assert held(budget(f"macs = {{ max = {MACS - 1} }}")).code == 1
    (folder / "net.py").write_text("import nowhere\n" + NET, encoding="utf-8")
    found = held(budget(f"macs = {{ max = {MACS - 1} }}"))
    assert found.code == 2
    assert "nowhere" in found.out


@pytest.mark.parametrize(
    "budgets",
    [
        "",
        '[[budgets]]\nid = "b"\n',
        budget('models = ["other"]\nmacs = { max = "1G" }'),
        budget("macs = {}"),
        budget('modules = ["gone.*"]\nmacs = { max = "1G" }'),
        budget('macs = { max_increase = "2%" }'),
    ],
    ids=["no budget", "no limit", "no model", "empty limit", "no module", "no baseline"],
)
def test_gate_unmeasured_measured_nothing(held: Callable[..., Run], budgets: str) -> None:
    """A gate that held nothing ends with 2; --exit-zero does not change that."""
    assert held(budgets).code == held(budgets, "--exit-zero").code == 2


def test_gate_unmeasured_what_does_not_run(held: Callable[..., Run], folder: Path) -> None:
    """A limit on a module that the forward no longer calls would hold for ever."""
    limits = budget('modules = ["stem"]\nmacs = { max = "1G" }')
    change(folder / "net.py", ("return self.stem(x)", "return x"))
    found = held(limits)
    assert found.code == 2
    assert "that there is nothing to limit but params" in found.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "limits.toml"),
        ("--baseline", "costlab.toml"),
        ("--rules", "costlab.toml"),
        ("costlab.toml",),
        ("--max", "costlab.toml"),
    ],
)
def test_gate_unmeasured_wrong_flag(
    held: Callable[..., Run], folder: Path, arguments: tuple[str, ...]
) -> None:
    """There are no built-in limits to fall back on: a file behind a wrong flag is an error."""
    based = budget('macs = { max_increase = "9%" }')
    (folder / "base").write_text("", encoding="utf-8")
    assert held(based, *arguments).code == 2


def test_gate_unmeasured_unknown_key(held: Callable[..., Run]) -> None:
    """A limit under a name that nobody reads would be no limit."""
    found = held(budget('macs = { max = "1G" }\nparam = { max = 1 }'))
    assert found.code == 2
    assert "Did you mean params?" in found.out


# Results vanish on failure, or exist only then.


@pytest.mark.parametrize(
    ("limits", "code"),
    [('macs = { max = "1G" }', 0), ("macs = { max = 1 }", 1), ("macs = { mx = 1 }", 2)],
    ids=["held", "broken", "unsaid"],
)
def test_results_vanish_never(
    held: Callable[..., Run], folder: Path, limits: str, code: int
) -> None:
    """Every format is written, whatever came out, before the command ends."""
    wanted = [f"--format={form}:out.{form}" for form in FORMATS]
    assert held(budget(limits), *wanted).code == code
    for form in FORMATS:
        assert (folder / f"out.{form}").stat().st_size, form
    assert json.loads((folder / "out.json").read_text(encoding="utf-8"))["exit_code"] == code


def test_results_vanish_never_where_one_cannot_be_written(
    held: Callable[..., Run], folder: Path
) -> None:
    """A file that cannot be written is an error, and takes no other with it."""
    found = held(
        budget('macs = { max = "1G" }'), "--format=junit:no/out.xml", "--format=sarif:out.sarif"
    )
    assert found.code == 2
    assert "no/out.xml" in found.err
    assert (folder / "out.sarif").exists()


# Noise.


def test_noise_there_is_none(folder: Path, costlab: Costlab) -> None:
    """Processes with other hashes and threads write the same verdict; 0 % holds."""
    limits = budget('macs = { max_increase = "0%" }\nbytes = { max_increase = "0%" }')
    text = f'baseline = "file:base"\n{HEAD}{limits}'
    (folder / "costlab.toml").write_text(text, encoding="utf-8")

    def check(seed: str, threads: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "costlab", "check", "--format=json"],
            cwd=folder,
            env=environment(PYTHONHASHSEED=seed, OMP_NUM_THREADS=threads),
            capture_output=True,
            text=True,
            check=False,
        )

    assert costlab("baseline", "update").code == 0
    first, second = (check(*one) for one in (("1", "1"), ("2", "2")))
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout


@pytest.mark.parametrize("metric", ["latency", "seconds", "time"])
def test_noise_no_budget_is_of_a_time(held: Callable[..., Run], metric: str) -> None:
    """What has noise is no budget here: a limit on a time is refused, and not held by luck."""
    assert held(budget(f'{metric} = {{ max = "1.2 ms" }}')).code == 2


# Fork PRs.


def test_fork_prs_run_without_a_token() -> None:
    """The workflow that runs a fork's code can only read; the one that writes runs none of it."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    for name, text in re.findall(
        r"<!-- file: (\S+) -->\n```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE
    ):
        found[Path(name).stem] = yaml.safe_load(text)
    checks, comments = found["costlab"], found["costlab-comment"]
    assert checks[True] == "pull_request", "pull_request_target would give a fork's code a token"
    assert checks["permissions"] == {"contents": "read"}
    assert set(comments[True]) == {"workflow_run"}
    (job,) = comments["jobs"].values()
    assert "actions/checkout" not in json.dumps(job)
    assert "pull_request_target" not in page


@pytest.mark.parametrize(
    "edit",
    [
        {"exit_code": 0},
        {"checks": []},
        {"checks": [{}]},
        {"problems": "<script>"},
        {"schema": "costlab.check/9"},
    ],
    ids=["pass", "empty", "no check", "script", "schema"],
)
def test_fork_prs_forge_no_verdict(
    held: Callable[..., Run], costlab: Costlab, folder: Path, edit: dict[str, Any]
) -> None:
    """What a fork's job uploads is read anew: a failure that calls itself a pass is refused."""
    document = json.loads(held(budget("macs = { max = 1 }")).out)
    assert document["exit_code"] == 1
    (folder / "forged.json").write_text(json.dumps({**document, **edit}), encoding="utf-8")
    found = costlab("show", "forged.json", "--format", "markdown")
    assert (found.code, found.out) == (2, "")
