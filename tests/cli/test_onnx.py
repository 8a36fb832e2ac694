"""`model.onnx` on the command line: reported, compared, checked; what it cannot do is told."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.onnx.test_files import small

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Costlab

SPEC = "f32[2,3,6,6]"
MACS = 2 * 4 * 16 * 27


@pytest.fixture(autouse=True)
def _model(desk: Path) -> None:
    """A model in the folder."""
    (desk / "model.onnx").write_bytes(small().SerializeToString())


def test_a_report(costlab: Costlab, desk: Path) -> None:
    """Blocks are those of the nodes' names; the report holds the inputs."""
    found = costlab("report", "model.onnx", "-i", SPEC, "--format", "json:a.json")
    assert found.code == 0, found.err
    document = json.loads((desk / "a.json").read_text())
    assert document["total"]["macs"] == MACS
    assert document["inputs"] == [SPEC]
    assert set(document["versions"]) == {"costlab", "onnx", "python"}


def test_beside_itself_and_in_a_budget(costlab: Costlab, desk: Path) -> None:
    """It is compared like any model, and held to a limit."""
    costlab("report", "model.onnx", "-i", SPEC, "--format", "json:a.json")
    same = costlab("diff", "a.json", "model.onnx")
    assert same.code == 0, same.err
    (desk / "other.onnx").write_bytes((desk / "model.onnx").read_bytes())
    assert costlab("compare", "model.onnx", "other.onnx", "-i", SPEC).code == 0
    budget = (
        f'schema = 1\n[models.net]\nmodel = "model.onnx"\ninputs = ["{SPEC}"]\n'
        '[[budgets]]\nid = "net"\nmodels = ["net"]\nmacs = { max = "LIMIT" }\n'
    )
    for limit, code in ((str(MACS), 0), (str(MACS - 1), 1)):
        (desk / "costlab.toml").write_text(budget.replace("LIMIT", limit))
        found = costlab("check")
        assert found.code == code, found.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "model.onnx"), "leaves sizes of its inputs open: 'batch' of x"),
        (("report", "model.onnx", "-i", SPEC, "--cross-check"), "leave --cross-check out"),
        (("report", "model.onnx", "-i", SPEC, "--mode", "train"), "cannot be trained"),
        (("report", "model.onnx", "-i", SPEC, "--on", "real"), "leave --on out"),
        (("report", "model.onnx", "--inputs-from", "a.py:make"), "leave --inputs-from out"),
        (("report", "model.onnx(width=2)", "-i", SPEC), "leave its arguments out"),
        (("report", "other.onnx", "-i", SPEC), "no file other.onnx"),
        (("explain", "model.onnx", "-i", SPEC), "no module that other counters"),
    ],
)
def test_what_it_cannot_do(costlab: Costlab, arguments: tuple[str, ...], message: str) -> None:
    """An option that needs a module of torch is refused with the remedy."""
    found = costlab(*arguments)
    assert (found.code, found.out) == (2, "")
    assert message in " ".join(found.err.split())
    assert "Traceback" not in found.err


def test_torch_is_not_needed(desk: Path) -> None:
    """A report on a file of ONNX imports no torch."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from costlab.cli import main\n"
        f"sys.argv = ['costlab', 'report', 'model.onnx', '-i', '{SPEC}']\n"
        "main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=desk, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "model.onnx" in found.stdout
