"""The action's two jobs, run step by step as a runner runs them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.repository import NET, WIDER, change, commit, environment, repository
from tests.docs.test_ci import CHECK, COMMENT, RENDER, STEPS

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


def shell(step: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of a step's shell, as a runner runs it."""
    path = os.pathsep.join(
        [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", STEPS[step]["run"]],  # noqa: S607 - any bash will do
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
