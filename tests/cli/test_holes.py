"""The holes that gates of other tools have, each shown to be shut by the real command.

The first words of each test's name say which: a gate passes unmeasured, unit bugs, limits become
chores, results vanish, ratchets, noise, fork PRs.
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
from tests.cli.repository import ROOT, change, commit, environment, git

NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width=100):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 1)

    def forward(self, x):
        return self.stem(x)
"""
HEAD = """\
[models.net]
model = "net.py:Net"
inputs = ["f32[1,3,4,4]"]
"""
MACS = 100 * 3 * 4 * 4
"""Multiply-adds of a 1×1 convolution from 3 to 100 channels on 4×4."""
FORMATS = ("json", "junit", "sarif", "github", "gitlab", "markdown", "html", "csv", "text")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model of one convolution."""
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def held(folder: Path, costlab: Costlab) -> Callable[..., Run]:
    """A function that checks budgets of the model, against the baseline if there is one."""

    def run(budgets: str, *arguments: str) -> Run:
        based = 'baseline = "file:base"\n' if "_increase" in budgets else ""
        (folder / "costlab.toml").write_text(f"{based}{HEAD}{budgets}", encoding="utf-8")
        return costlab("check", "--format", "json", *arguments)

    return run


def budget(limits: str, name: str = "b") -> str:
    """A budget's table."""
    return f'[[budgets]]\nid = "{name}"\n{limits}\n'


def width(folder: Path, channels: int) -> None:
    """Gives the model another number of channels."""
    text = (folder / "net.py").read_text(encoding="utf-8")
    text = re.sub(r"width=\d+", f"width={channels}", text)
    (folder / "net.py").write_text(text, encoding="utf-8")


def based(costlab: Costlab, folder: Path, channels: int, budgets: str) -> None:
    """Writes the baseline of the model with so many channels."""
    width(folder, channels)
    text = f'baseline = "file:base"\n{HEAD}{budgets}'
    (folder / "costlab.toml").write_text(text, encoding="utf-8")
    assert costlab("baseline", "update").code == 0


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


# Unit bugs.


@pytest.mark.parametrize(
    ("unit", "size"), [("B", 1), ("kB", 1000), ("KiB", 1024), ("MB", 10**6), ("MiB", 2**20)]
)
def test_units_kilobytes_are_bytes(
    held: Callable[..., Run], folder: Path, unit: str, size: int
) -> None:
    """The input and the output of the model, in whole units: one byte more than fits fails."""
    channels = -(-10 * size // 64)  # 4 bytes at 16 places each
    width(folder, channels)
    taken = 4 * 16 * (3 + channels)
    units, rest = divmod(taken, size)
    limit = "peak_activation_bytes = {{ max = '{} {}' }}"
    assert held(budget(limit.format(units + bool(rest), unit))).code == 0
    assert held(budget(limit.format(units - (not rest), unit))).code == 1


@pytest.mark.parametrize("unit", ["KB", "K", "M", "mb", "bytes"])
def test_units_that_mean_two_things_are_refused(held: Callable[..., Run], unit: str) -> None:
    """KB is written for 1000 and for 1024; nobody guesses."""
    assert held(budget(f"bytes = {{ max = '1 {unit}' }}")).code == 2


def test_units_a_ratio_is_no_percentage(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """0.05 and 5 are refused where 5 % is meant; "5%" fires at six, and not at five."""
    limits = budget('macs = { max_increase = "5%" }')
    based(costlab, folder, 100, limits)
    for wrong in ("0.05", "5", '"0.05"', '"5"'):
        assert held(limits.replace('"5%"', wrong)).code == 2
    for channels, code in ((105, 0), (106, 1)):
        width(folder, channels)
        assert held(limits).code == code


def test_units_the_base_divides(held: Callable[..., Run], costlab: Costlab, folder: Path) -> None:
    """From 100 to 104 is 4 %, and not the 3.8 % that it is of 104."""
    limits = budget('macs = { max_increase = "4%" }')
    based(costlab, folder, 100, limits)
    width(folder, 104)
    assert held(limits).code == 0
    assert held(limits.replace("4%", "3.9%")).code == 1


def test_units_a_base_of_nothing_is_new(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """From 0 there is no percentage: what is there now is over any, and is called new."""
    limits = budget('macs = { max_increase = "500%" }\nparams = { max = "1G" }')
    change(folder / "net.py", ("return self.stem(x)", "return x"))
    based(costlab, folder, 100, limits)
    change(folder / "net.py", ("return x", "return self.stem(x)"))
    assert held(limits).code == 1
    (broken,) = (line for line in costlab("check").out.splitlines() if line.startswith("fail"))
    assert " new " in broken
    assert "+" not in broken


# Limits become chores.


def test_chores_no_limit_is_bumped(folder: Path, costlab: Costlab) -> None:
    """Relative to where a branch began, what was once agreed to needs no edit of any limit."""
    limits = budget('macs = { max_increase = "2%" }')
    text = f'baseline = "merge-base:main"\n{HEAD}{limits}'
    (folder / "costlab.toml").write_text(text, encoding="utf-8")
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "100 channels")
    git(folder, "switch", "--quiet", "--create", "wider")
    width(folder, 120)
    assert costlab("check").code == 1
    commit(folder, "120 channels")
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "wider")
    git(folder, "switch", "--quiet", "--create", "next")
    width(folder, 121)
    assert costlab("check").code == 0
    assert (folder / "costlab.toml").read_text(encoding="utf-8") == text


def test_chores_a_baseline_has_slack(costlab: Costlab, folder: Path) -> None:
    """A file of values is not rewritten for what moved a little."""
    based(costlab, folder, 100, budget('macs = { max_increase = "9%" }'))
    before = (folder / "base").read_text(encoding="utf-8").splitlines()
    width(folder, 101)
    assert costlab("baseline", "update", "--slack", "2%").code == 0
    after = (folder / "base").read_text(encoding="utf-8").splitlines()
    values = [[line for line in lines if line.startswith("value")] for lines in (before, after)]
    assert values[0] == values[1]


def test_chores_percent_only_lets_no_drift_through(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """One per cent at a time passes each time, and the anchor fails at the sixth."""
    limits = budget('macs = { max_increase = "1%", anchor_increase = "5%" }')
    based(costlab, folder, 100, limits)
    anchor = (folder / "base").read_text(encoding="utf-8")
    (folder / "anchor").write_text(anchor, encoding="utf-8")
    outcomes = []
    for channels in range(101, 107):
        width(folder, channels)
        document = json.loads(held(limits, "--anchor", "file:anchor").out)
        outcomes.append([check["outcome"] for check in document["checks"]])
        assert costlab("baseline", "update").code == 0
    assert outcomes == [["pass", "pass"]] * 5 + [["pass", "fail"]]


def test_chores_a_tiny_base_has_a_floor(
    held: Callable[..., Run], costlab: Costlab, folder: Path
) -> None:
    """From one channel to two is 100 %, and 48 multiply-adds: both must be exceeded."""
    limits = budget('macs = { max_increase = "2%", and_over = 48 }')
    based(costlab, folder, 1, limits)
    for channels, code in ((2, 0), (3, 1)):
        width(folder, channels)
        assert held(limits).code == code
    width(folder, 2)
    assert held(limits.replace(", and_over = 48", "")).code == 1


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


# Ratchets.


def test_ratchets_two_branches_never_merge_into_a_red_main(costlab: Costlab, folder: Path) -> None:
    """Two branches lower one value: git does not merge them in silence, and measuring does."""
    based(costlab, folder, 100, budget('macs = { max_increase = "0%" }'))
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    change(folder / "net.py", ("(3, width, 1)", "(3, width, 1, bias=True)"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "both")
    for name, edit in (
        ("narrow", ("width=100", "width=90")),
        ("plain", ("bias=True", "bias=False")),
    ):
        git(folder, "switch", "--quiet", "--create", name, "main")
        change(folder / "net.py", edit)
        assert costlab("baseline", "update").code == 0
        commit(folder, name)
    merged = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "merge", "narrow"],  # noqa: S607
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert merged.returncode, "git merged a baseline that is true of neither"
    assert "CONFLICT" in merged.stdout
    (folder / "net.py").write_text(
        NET.replace("width=100", "width=90").replace("width, 1)", "width, 1, bias=False)"), "utf-8"
    )
    found = costlab("check")
    assert (found.code, "`costlab baseline merge` resolves it" in found.out) == (2, True)
    assert costlab("baseline", "merge").code == 0
    assert costlab("check").code == 0
    assert costlab("baseline", "update", "--check").code == 0


# Noise.


def test_noise_there_is_none(folder: Path) -> None:
    """Processes with other hashes and threads write the same verdict; 0 % holds."""
    limits = budget('macs = { max_increase = "0%" }\nbytes = { max_increase = "0%" }')
    text = f'baseline = "file:base"\n{HEAD}{limits}'
    (folder / "costlab.toml").write_text(text, encoding="utf-8")

    def run(seed: str, threads: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "costlab", *arguments],
            cwd=folder,
            env=environment(PYTHONHASHSEED=seed, OMP_NUM_THREADS=threads),
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("0", "1", "baseline", "update").returncode == 0
    first, second = (run(*one, "check", "--format=json") for one in (("1", "1"), ("2", "2")))
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
