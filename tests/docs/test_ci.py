"""The page on CI and what it shows: workflows that are sound, and steps whose shell runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from costlab.budgets import configfile
from costlab.cli.app import app
from tests.cli.repository import NET, ROOT, WIDER, change, commit, environment, repository

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
FILES = dict(
    re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)
ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
CHECK, RENDER = "Check the budgets", "Validate the verdict and write the comment anew"
COMMENT = "Comment on the pull request"
GH = """\
#!/bin/bash
# gh by hand: what it was asked goes to a file, and canned JSON through its --jq to stdout.
printf '%s\\n' "$*" >> "$CALLS"
expression=
while [ $# -gt 0 ]; do
  if [ "$1" = --jq ]; then expression="$2"; fi
  case "$1" in */pulls) answer="$PULLS" ;; */comments) answer="$COMMENTS" ;; esac
  shift
done
if [ -n "$expression" ]; then jq -r "$expression" <<< "$answer"; fi
"""


def workflow(name: str) -> Any:
    """A workflow of the page; YAML 1.1 reads its key `on` as true."""
    return yaml.safe_load(FILES[f".github/workflows/{name}.yml"])


def test_every_file_of_the_page_is_yaml() -> None:
    """Two workflows, a GitLab pipeline and a pre-commit configuration, each with jobs or hooks."""
    assert set(FILES) == {
        ".github/workflows/costlab.yml",
        ".github/workflows/costlab-comment.yml",
        ".gitlab-ci.yml",
        ".pre-commit-config.yaml",
    }
    assert all(isinstance(yaml.safe_load(text), dict) for text in FILES.values())


def test_the_code_of_a_pull_request_runs_without_a_token() -> None:
    """The job that runs it can read and nothing else, and is handed no secret."""
    found = workflow("costlab")
    text = FILES[".github/workflows/costlab.yml"]
    assert found[True] == "pull_request"
    assert found["permissions"] == {"contents": "read"}
    assert "permissions" not in found["jobs"]["check"]
    assert "secrets." not in text
    assert "github.token" not in text
    checkout, *_, used = found["jobs"]["check"]["steps"]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    assert "job" not in used["with"], "job one checks, which is the default"


def test_the_job_with_a_token_runs_no_code_of_a_pull_request() -> None:
    """It follows the first, checks nothing out, and installs no model's code."""
    found = workflow("costlab-comment")
    assert found[True]["workflow_run"]["workflows"] == [workflow("costlab")["name"]]
    assert found["permissions"] == {"actions": "read", "pull-requests": "write"}
    steps = found["jobs"]["comment"]["steps"]
    assert not any("checkout" in step.get("uses", "") or "run" in step for step in steps)
    assert steps[-1]["with"]["job"] == "comment"


def test_the_inputs_that_the_page_gives_are_inputs() -> None:
    """No input is misspelt: GitHub ignores one that an action does not have."""
    for name in ("costlab", "costlab-comment"):
        for job in workflow(name)["jobs"].values():
            given = job["steps"][-1]["with"]
            assert set(given) <= set(ACTION["inputs"])


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_sound(name: str) -> None:
    """Its shell parses and is named; what comes from an event gets into it by variables only."""
    step = STEPS[name]
    assert ("uses" in step) != ("run" in step)
    assert "inputs.job" in step["if"]
    if "run" in step:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
        found = subprocess.run(["bash", "-n", "-c", step["run"]], check=False)  # noqa: S607
        assert found.returncode == 0


def test_tokens_are_for_the_second_job_only() -> None:
    """No step of job one is given a token."""
    for step in STEPS.values():
        if "token" in json.dumps({key: step.get(key, {}) for key in ("env", "with")}):
            assert "inputs.job == 'comment'" in step["if"]


def test_the_options_of_the_page_exist() -> None:
    """Each `--option` behind `costlab` on the page and in the action is one of its command."""
    import typer.main

    commands: Any = typer.main.get_command(app)
    text = PAGE + "".join(step.get("run", "") for step in STEPS.values())
    text = text.replace("\\\n", " ").replace("\n      --format", " --format")
    called = re.findall(r"costlab (check|show|schema|init|baseline)\b([^\n|#`]*)", text)
    assert {name for name, _ in called} >= {"check", "show", "schema", "init", "baseline"}
    for name, rest in called:
        known = {option for each in commands.commands[name].params for option in each.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= known, name


def test_the_budget_file_of_the_page_is_read() -> None:
    """The example is sound, and shows a limit of each kind."""
    (text,) = re.findall(r"```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    found = configfile.parsed(text)
    assert [budget.id for budget in found.budgets] == ["total", "late", "growth"]
    assert found.waivers[0].reason == "wider stem, #123"


def test_the_hook_is_as_the_page_says() -> None:
    """The hook runs before a push, in the user's environment, without file names."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (repository,) = yaml.safe_load(FILES[".pre-commit-config.yaml"])["repos"]
    assert repository["repo"] == "local", "which needs no account of anybody's"
    (asked,) = repository["hooks"]
    assert asked == {key: hook[key] for key in asked}
    assert {"id", "entry", "language", "pass_filenames", "stages"} <= set(asked)
    assert (hook["language"], hook["pass_filenames"]) == ("system", False)
    assert hook["stages"] == ["pre-push"]
    assert hook["entry"] == "costlab check"


def shell(step: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of a step's shell, as a runner runs it."""
    path = os.pathsep.join(
        [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", STEPS[step]["run"]],  # noqa: S607
        cwd=folder,
        env=environment(PATH=path, **variables),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two branches, the later of which widens a block and prints a command."""
    folder = repository(tmp_path_factory.mktemp("ci"))
    shim = folder / "bin" / "costlab"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m costlab "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    forged = 'print("::error::forged")\n'
    change(folder / "nets.py", WIDER, (NET[:10], forged + NET[:10]))
    commit(folder, "wider")
    return folder


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """A run of the first job's step, with what it writes beside the repository."""
    return shell(
        CHECK,
        folder,
        FOLDER=".",
        ARGUMENTS="--strict --baseline merge-base:main",
        OUT=str(folder / "out"),
        GITHUB_STEP_SUMMARY=str(folder / "summary.md"),
        GITHUB_WORKSPACE=str(folder),
    )


@pytest.fixture(scope="module")
def checked(checkout: Path) -> subprocess.CompletedProcess[str]:
    """The first job's step on the branch."""
    return check(checkout)


def test_the_first_job_fails_and_keeps_all(
    checkout: Path, checked: subprocess.CompletedProcess[str]
) -> None:
    """The step ends with 1, after it has written each file, the summary and the annotations."""
    assert checked.returncode == 1, checked.stderr
    assert {path.name for path in (checkout / "out").iterdir()} == {
        *("check.json", "check.xml", "check.sarif", "annotations.txt", "comment.md")
    }
    assert "second" in (checkout / "summary.md").read_text(encoding="utf-8")
    assert "::error file=nets.py,line=" in checked.stdout


def test_no_command_of_a_model_is_heard(checked: subprocess.CompletedProcess[str]) -> None:
    """Between the token's two lines the runner obeys nothing; ours come after."""
    (token,) = re.findall(r"^::stop-commands::(\w{32})$", checked.stdout, re.MULTILINE)
    before, after = checked.stdout.split(f"\n::{token}::\n")
    assert before.startswith("::stop-commands::")
    assert "::error file=" not in before
    assert "forged" not in after


def render(folder: Path, verdict: str | None = None) -> subprocess.CompletedProcess[str]:
    """A run of the second job's step on the verdict of the first, or on another text."""
    found = folder / "fetched"
    found.mkdir(exist_ok=True)
    if verdict is None:
        verdict = (folder / "out" / "check.json").read_text(encoding="utf-8")
    (found / "check.json").write_text(verdict, encoding="utf-8")
    (folder / "outputs").unlink(missing_ok=True)
    variables = {"FOUND": str(found), "MADE": str(folder / "made")}
    return shell(RENDER, folder, **variables, GITHUB_OUTPUT=str(folder / "outputs"))


def test_the_second_job_writes_the_comment_anew(
    checkout: Path, checked: subprocess.CompletedProcess[str]
) -> None:
    """From the JSON alone comes the very Markdown of the first job, and what came out."""
    assert checked.returncode == 1
    found = render(checkout)
    assert found.returncode == 0, found.stderr
    made = (checkout / "made" / "comment.md").read_text(encoding="utf-8")
    assert made == (checkout / "out" / "comment.md").read_text(encoding="utf-8")
    assert (checkout / "outputs").read_text(encoding="utf-8") == "failed=true\nchanged=true\n"


@pytest.mark.parametrize(
    "verdict", ["", "[]", '{"schema": "costlab.check/1"}', '{"exit_code": 0, "checks": "all"}']
)
def test_a_verdict_that_is_none_is_refused(checkout: Path, verdict: str) -> None:
    """What is not as the schema says makes no comment."""
    assert render(checkout, verdict).returncode != 0
    assert not (checkout / "outputs").exists()


OURS = {"id": 7, "user": {"login": "github-actions[bot]"}, "body": "<!-- costlab check -->\nold"}
FORGED = {"id": 8, "user": {"login": "mallory"}, "body": "<!-- costlab check -->\nmine"}
OTHER = {"id": 9, "user": {"login": "github-actions[bot]"}, "body": "of another tool"}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq, which gh brings along, is not here")
@pytest.mark.parametrize(
    ("wanted", "failed", "changed", "comments", "does"),
    [
        ("on-change", "false", "false", [], ""),
        ("on-change", "false", "true", [], "create"),
        ("on-change", "false", "false", [OURS], "update"),
        ("on-fail", "false", "true", [OTHER, FORGED], ""),
        ("on-fail", "true", "true", [OTHER, FORGED], "create"),
        ("on-fail", "true", "true", [OTHER, FORGED, OURS], "update"),
        ("always", "false", "false", [], "create"),
        ("sometimes", "true", "true", [], "refuse"),
    ],
)
@pytest.mark.parametrize("sha", ["abc", "moved on"])
def test_one_comment_is_kept(
    tmp_path: Path,
    wanted: str,
    failed: str,
    changed: str,
    comments: list[Any],
    does: str,
    sha: str,
) -> None:
    """Ours is updated, and nobody else's; a new one is made as wanted; none on a stale verdict."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "bin" / "gh").chmod(0o755)
    calls = tmp_path / "calls"
    found = shell(
        COMMENT,
        tmp_path,
        WANTED=wanted,
        FAILED=failed,
        CHANGED=changed,
        SHA=sha,
        BODY=str(tmp_path / "comment.md"),
        GH_TOKEN="",
        REPOSITORY="o/r",
        HEAD="fork:topic",
        CALLS=str(calls),
        PULLS=json.dumps([{"number": 5, "head": {"sha": "abc"}}]),
        COMMENTS=json.dumps(comments),
    )
    asked = [line for line in calls.read_text(encoding="utf-8").splitlines() if "body=@" in line]
    if sha != "abc":
        assert (found.returncode, asked) == (0, [])
        return
    expected = {
        "create": [f"api repos/o/r/issues/5/comments -F body=@{tmp_path}/comment.md --silent"],
        "update": [
            f"api -X PATCH repos/o/r/issues/comments/7 -F body=@{tmp_path}/comment.md --silent"
        ],
    }
    assert asked == expected.get(does, [])
    assert found.returncode == (2 if does == "refuse" else 0), found.stderr
