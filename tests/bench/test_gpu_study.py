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
from benchmarks._gpu_parts import AGREEMENT, COUNTERS, parts
from benchmarks._gpu_plan import plan
from benchmarks._gpu_summary import MOST_LINES
from costlab.bench.document import Measurements
from costlab.store import load
from tests.bench.plain import ROOT, blocked, environment

if TYPE_CHECKING:
    from pathlib import Path

STUDY = [sys.executable, "benchmarks/gpu_study.py"]
TINY = [*STUDY, "--device", "cpu", "--tiny", "--minutes", "5"]
STUDIES = ("identical-arms", "factorizations", "grid-reduction", "blocks", "networks")


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has hardly more than torch."""
    folder = tmp_path / "site"
    folder.mkdir()
    return environment(folder)


@pytest.fixture
def testing(tmp_path: Path) -> dict[str, str]:
    """The same with pytest."""
    folder = tmp_path / "testing"
    folder.mkdir()
    return environment(folder, ("pytest",))


def run(command: list[str], plain: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A process in the plain environment."""
    return subprocess.run(
        command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False, timeout=320
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
    """The guard works: in it torch can be imported, and neither pytest nor hypothesis."""
    assert {"fvcore", "hypothesis", "jsonschema", "matplotlib", "pytest"} <= set(blocked())
    code = (
        "import importlib.util as u; "
        "print([u.find_spec(n) is not None for n in ('torch', 'pytest', 'fvcore', 'hypothesis')])"
    )
    found = run([sys.executable, "-c", code], plain)
    assert found.stdout.strip() == "[True, False, False, False]", found.stderr
    assert "pytest" not in blocked(("pytest",))


def test_the_plan_is_shown(plain: dict[str, str], tmp_path: Path) -> None:
    """`--dry-run` names each part with its minutes, loads no torch, and writes nothing."""
    out = tmp_path / "none"
    traced = [sys.executable, "-X", "importtime", *STUDY[1:], "--dry-run", "--out", str(out)]
    found = run(traced, plain)
    assert found.returncode == 0, found.stderr
    for part in parts():
        assert f"\n{part.number} {part.title} " in found.stdout
    assert "about here 8 minutes are over" in found.stdout
    assert not out.exists()
    assert not [line for line in found.stderr.splitlines() if line.endswith("| torch")]


def test_what_is_cut_off_is_resumed(plain: dict[str, str], tmp_path: Path) -> None:
    """Ended by SIGTERM, it keeps what it has; called again, it measures the rest and that only."""
    out = tmp_path / "gpu"
    command = [*TINY, "--parts", "2,3,4", "--out", str(out)]
    with subprocess.Popen(
        command, cwd=ROOT, env=plain, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert any("part 3" in line for line in first.stdout)
        first.send_signal(signal.SIGTERM)
        rest, errors = first.communicate(timeout=120)
    assert first.returncode == 128 + signal.SIGTERM, errors
    assert "what had been measured was kept" in rest
    before = cases(out)
    assert 2 <= len(before) < 6

    second = run(command, plain)
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
    summary = second.stdout[second.stdout.index("GPU study") :]
    assert len(summary.splitlines()) <= MOST_LINES
    assert "part 4: 3 of 3 cases measured" in summary
    assert "kB a case" in summary
    measured = [part for part in parts(tiny=True) if part.number in {2, 3, 4}]
    lines = list(plan(measured, Folder(out), 0, tiny=True))
    assert sum(line.cases for line in lines if line.is_sum) == 6
    assert [line.title for line in lines if line.left_s] == []


def test_fresh_processes_are_asked(plain: dict[str, str], tmp_path: Path) -> None:
    """What they chose is kept and told in the document, without anything else being measured."""
    out = Folder(tmp_path)
    out.save(Measurements("factorizations", {}, ()))
    found = run([*TINY, "--parts", "6", "--out", str(out.path)], plain)
    assert found.returncode == 0, found.stderr
    (part,) = (part for part in parts(tiny=True) if part.number == AGREEMENT)
    assert sum(line.left_s for line in plan([part], out, 0, tiny=True)) == 0
    document = out.document("factorizations")
    assert document is not None
    assert any("chose the same kernels in 1 of 1 sides" in note for note in document.notes)
    assert "the same kernels in 1 of 1 sides" in found.stdout


def test_tests_need_pytest_and_nothing_else(
    plain: dict[str, str], testing: dict[str, str], tmp_path: Path
) -> None:
    """Without pytest the summary says so, and the rest goes on; with it, the tests are run."""
    command = [*TINY, "--parts", "1,5", "--out", str(tmp_path / "gpu")]
    without = run(command, plain)
    assert without.returncode == 0, without.stderr
    assert "part 1: the tests were not run: pytest is not installed, NOT SOUND" in without.stdout
    assert f"part {COUNTERS} was left out" in without.stdout
    found = run(command, testing)
    assert found.returncode == 0, found.stderr
    record = Folder(tmp_path / "gpu").record()["correctness"]
    assert record["sound"], record
    assert record["skipped"] > 0
    assert "why" not in record


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "0"], "--minutes is 0; it must be a number above 0"),
        (["--minutes", "nan"], "--minutes is nan"),
        (["--parts", "2,11"], "--parts names '11'; the parts are 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
    ],
)
def test_nonsense_is_refused(options: list[str], message: str, plain: dict[str, str]) -> None:
    """No time, or a part that there is not: one line on stderr, exit code 2."""
    found = run([*STUDY, *options], plain)
    assert found.returncode == 2
    assert found.stderr.startswith(f"error: {message}")
    assert "Traceback" not in found.stderr


def test_no_gpu_is_refused_at_once(plain: dict[str, str], tmp_path: Path) -> None:
    """Without a device no test is run and no folder made: an error, and its exit code."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    out = tmp_path / "gpu"
    found = run([*STUDY, "--minutes", "1", "--out", str(out)], plain)
    assert found.returncode == 2
    assert (found.stdout, out.exists()) == ("", False)
    assert found.stderr.startswith("error: --device cuda: ")
    assert len(found.stderr.splitlines()) == 1


def test_marked_tests_need_nothing_else(testing: dict[str, str]) -> None:
    """The files with tests for a GPU can be collected where hypothesis and the like are not."""
    files = marked(ROOT)
    assert files
    found = run([*pytest_command(files), "--collect-only"], {**testing, **ALONE})
    assert found.returncode == 0, found.stdout


def test_make_gpu() -> None:
    """`make gpu` runs the study with its minutes, in a folder if one is named; no other does."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")

    def said(*arguments: str) -> str:
        return subprocess.run(
            [make, "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

    assert 'gpu_study.py --minutes 3 --out "results"' in said("gpu", "MINUTES=3", "OUT=results")
    assert "--out" not in said("gpu")
    assert "gpu_study.py" not in said("bench")
