"""The page on CI and what it shows: workflows that are sound, and steps whose shell runs."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from costlab.budgets import configfile
from costlab.cli.app import app
from tests.cli.repository import ROOT

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
FILES = dict(
    re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)
ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
CHECK, RENDER = "Check the budgets", "Validate the verdict and write the comment anew"
COMMENT = "Comment on the pull request"


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
        found = subprocess.run(["bash", "-n", "-c", step["run"]], check=False)  # noqa: S607 - any bash will do
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
