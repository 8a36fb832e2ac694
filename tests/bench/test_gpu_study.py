"""The study of a GPU, its whole path on a CPU, where only a plain environment's packages are."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks._gpu_checks import ALONE, marked, pytest_command
from benchmarks._gpu_files import Folder
from benchmarks._gpu_parts import parts
from benchmarks._gpu_plan import plan
from benchmarks._gpu_summary import MOST_LINES
from costlab.bench.document import Measurements
from costlab.store import load
from tests.bench.plain import ROOT, blocked, environment

if TYPE_CHECKING:
    from pathlib import Path

STUDY = [sys.executable, "benchmarks/gpu_study.py"]
TINY = [*STUDY, "--device", "cpu", "--tiny", "--minutes", "2"]
STUDIES = ("identical-arms", "factorizations", "grid-reduction", "blocks", "networks")


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has hardly more than torch."""
    folder = tmp_path / "site"
    folder.mkdir()
    return environment(folder)


def run(command: list[str], plain: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A process in the plain environment."""
    return subprocess.run(
        command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False, timeout=120
    )


def cases(folder: Path) -> dict[str, dict[str, Any]]:
    """Every case in a folder, by study and key."""
    found: dict[str, Any] = {}
    for study in STUDIES:
        file = folder / f"{study}.json"
        if file.exists():
            document = json.loads(file.read_text(encoding="utf-8"))
            found |= {f"{study}: {case['key']}": case for case in document["cases"]}
    return found


def test_the_plain_environment_is_plain(plain: dict[str, str]) -> None:
    """The guard works: in it torch and pytest can be imported, and fvcore and hypothesis cannot."""
    assert {"fvcore", "hypothesis", "jsonschema", "matplotlib", "torchvision"} <= set(blocked())
    code = (
        "import importlib.util as u; "
        "print([u.find_spec(n) is not None for n in ('torch', 'pytest', 'fvcore', 'hypothesis')])"
    )
    found = run([sys.executable, "-c", code], plain)
    assert found.stdout.strip() == "[True, True, False, False]", found.stderr


def test_the_plan_is_shown(plain: dict[str, str], tmp_path: Path) -> None:
    """`--dry-run` names each part with its minutes, loads no torch, and writes nothing."""
    out = tmp_path / "none"
    found = run([*STUDY, "--dry-run", "--out", str(out)], plain)
    assert found.returncode == 0, found.stderr
    for number in range(1, 9):
        assert f"\n{number} " in found.stdout
    assert "about here 8 minutes are over" in found.stdout
    assert not out.exists()
    traced = [sys.executable, "-X", "importtime", *STUDY[1:], "--dry-run", "--out", str(out)]
    assert not [line for line in run(traced, plain).stderr.splitlines() if line.endswith("| torch")]


def test_the_whole_path_cut_off_and_resumed(plain: dict[str, str], tmp_path: Path) -> None:
    """Ended by SIGTERM, it keeps what it has; called again, it measures the rest and that only."""
    out = tmp_path / "gpu"
    first = subprocess.Popen(
        [*TINY, "--out", str(out)],
        cwd=ROOT,
        env=plain,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    said = []
    for line in first.stdout:
        said.append(line)
        if "part 3" in line:
            first.send_signal(signal.SIGTERM)
            break
    rest, errors = first.communicate(timeout=60)
    assert first.returncode == 128 + signal.SIGTERM, errors
    assert "what had been measured was kept" in rest
    before = cases(out)
    assert 2 <= len(before) < 6

    second = run([*TINY, "--out", str(out)], plain)
    assert second.returncode == 0, second.stderr
    after = cases(out)
    assert {key: after[key] for key in before} == before
    assert len(after) == 6
    assert [case["key"] for case in after.values() if not case["comparison"]] == []
    for study in STUDIES:
        found = load(out / f"{study}.json")
        assert isinstance(found, Measurements)
        assert found.complete
        assert found.ceilings is not None
        assert found.null is not None
    record = json.loads((out / "session.json").read_text(encoding="utf-8"))
    assert record["correctness"]["sound"]
    assert record["correctness"]["skipped"] > 0
    agreed = json.loads((out / "agreement.json").read_text(encoding="utf-8"))
    assert len(agreed["runs"]) == 3
    document = load(out / "factorizations.json")
    assert isinstance(document, Measurements)
    assert any("chose the same kernels in 1 of 1 sides" in note for note in document.notes)
    summary = second.stdout[second.stdout.index("GPU study") :]
    assert len(summary.splitlines()) <= MOST_LINES
    assert "part 4: 3 of 3 cases measured" in summary
    assert "kB a case" in summary

    # Of the tests as they were then: a file that somebody changes meanwhile is another matter.
    lines = plan(parts(tiny=True), Folder(out), record["correctness"]["of"])
    left = {line.title: line.left_s for line in lines}
    assert [title for title, left_s in left.items() if left_s and not title.startswith("5 ")] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "0"], "--minutes is 0; it must be a number above 0"),
        (["--minutes", "nan"], "--minutes is nan"),
        (["--parts", "2,10"], "--parts names '10'; the parts are 1, 2, 3, 4, 5, 6, 7, 8, 9"),
    ],
)
def test_nonsense_is_refused(options: list[str], message: str, plain: dict[str, str]) -> None:
    """No time, or a part that there is not: one line on stderr, exit code 2."""
    found = run([*STUDY, *options], plain)
    assert found.returncode == 2
    assert found.stderr.startswith(f"error: {message}")
    assert "Traceback" not in found.stderr


def test_no_gpu_is_refused(plain: dict[str, str], tmp_path: Path) -> None:
    """Without a device the measuring process says so, and the study ends with its exit code."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    found = run([*STUDY, "--parts", "2", "--out", str(tmp_path / "gpu")], plain)
    assert found.returncode == 2
    assert "error: --device cuda:" in found.stderr


def test_marked_tests_need_nothing_else(plain: dict[str, str]) -> None:
    """The files with tests for a GPU can be collected where hypothesis and the like are not."""
    files = marked(ROOT)
    assert files
    found = run([*pytest_command(files), "--collect-only"], {**plain, **ALONE})
    assert found.returncode == 0, found.stdout


def test_make_gpu() -> None:
    """`make gpu` runs the study with its minutes and folder, and `make bench` does not."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")

    def said(*arguments: str) -> str:
        return subprocess.run(
            [make, "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

    assert 'gpu_study.py --minutes 3 --out "results"' in said("gpu", "MINUTES=3", "OUT=results")
    assert "gpu_study.py" not in said("bench")
