"""The plan of a GPU study as it is shown, a GPU's folder, and the summary of what was found."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import _gpu_asked, _gpu_device
from benchmarks._gpu_asked import RESULTS, asked_of
from benchmarks._gpu_device import Device, folder_name
from benchmarks._gpu_files import Folder
from benchmarks._gpu_pace import SANITIZED_S
from benchmarks._gpu_parts import CHECKS, Part, Slice
from benchmarks._gpu_plan import plan, shown
from benchmarks._gpu_summary import summary
from costlab.bench.document import Comparison, Measured, Measurements, Timing
from costlab.bench.study import Side
from costlab.errors import UsageError
from tests.bench.pretended import AXES, STUDY

if TYPE_CHECKING:
    from pathlib import Path

    from costlab.bench.document import Verdict
    from costlab.bench.study import Arm, Case, Precision

PART = Part(3, "pairs", (Slice(STUDY, AXES),))
GPUS = {
    "NVIDIA H200": "h200",
    "NVIDIA A100-SXM4-80GB": "a100-sxm4-80gb",
    "NVIDIA GeForce RTX 4090": "geforce-rtx-4090",
    "Tesla T4": "tesla-t4",
    "H200/../x": "h200-x",
    "": "gpu",
}


def measured(case: Case, comparison: Comparison | None = None) -> Measured:
    """A case as if it were measured, of 10 and 4 multiply-adds."""
    return case.measured(
        Timing(case.baseline.subject.name, case.baseline.arm, 10, 1, 1, 1),
        Timing(case.variant.subject.name, case.variant.arm, 4, 1, 1, 1),
        comparison=comparison,
    )


@pytest.mark.parametrize("gpu", list(GPUS))
def test_a_folder_is_named_after_its_gpu(gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind has its own, whose page then bears its name; one that is named goes before."""
    assert folder_name(gpu) == GPUS[gpu]
    monkeypatch.setattr(_gpu_device, "found", lambda: Device(name=gpu or "NVIDIA"))
    asked, dry = asked_of([], "")
    assert (asked.folder.path.parent, dry) == (RESULTS, False)
    assert asked.folder.path.name == folder_name(gpu or "NVIDIA")
    assert asked_of(["--out", str(RESULTS / "named")], "")[0].folder.path == RESULTS / "named"


def test_a_plan_needs_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one the place of the results has a name for it; to measure is refused."""
    monkeypatch.setattr(_gpu_device, "found", lambda: Device(why="there is none"))
    asked, dry = asked_of(["--dry-run"], "")
    assert dry
    assert asked.folder.path == RESULTS / _gpu_asked.UNKNOWN
    for options in ([], ["--out", "anywhere"]):
        with pytest.raises(UsageError, match=r"^--device cuda: there is none\. "):
            asked_of(options, "")
    with pytest.raises(UsageError, match="--device cpu has no folder of its own"):
        asked_of(["--device", "cpu"], "")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exec sleep 60", "torch did not say within 0.3 s which device there is"),
        (
            "echo 'Traceback' >&2; echo 'ModuleNotFoundError: no torch' >&2; exit 1",
            "torch could not be asked for a device: ModuleNotFoundError: no torch",
        ),
        ("exit 3", "torch could not be asked for a device: exit code 3"),
    ],
)
def test_a_torch_that_says_nothing_is_told(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torch that is not there, fails or hangs, as it does where a driver is broken."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr("benchmarks._gpu_device.sys.executable", str(python))
    assert _gpu_device.found(0.3 if "sleep" in script else 30) == Device(why=why)


def test_what_is_measured_is_shown_as_skipped(tmp_path: Path) -> None:
    """It counts as measured, and the rest alone takes minutes; with all of it nothing is left."""
    folder, cases = Folder(tmp_path), list(STUDY.cases(AXES))
    for count in (0, 1, 2):
        folder.save(Measurements("pretended", {}, tuple(map(measured, cases[:count]))))
        text = shown([PART], folder, 8.0, 0)
        rows = [line for line in text.splitlines() if re.match(r"(3|  pretended) ?", line)]
        assert len(rows) == 2
        for row in rows:
            assert list(map(int, row.split()[-4:-1])) == [2, count, 2 - count]
            assert (float(row.split()[-1]) == 0.0) == (count == 2)


def test_what_the_sanitizer_lacks_is_planned(tmp_path: Path) -> None:
    """Tests that are sound are not run again; kernels that were not watched are watched."""
    folder, checks = Folder(tmp_path), Part(CHECKS, "correctness")
    left: dict[str, object] = {"left": {"memcheck": ["conv"]}, "tries": {"memcheck": 1}}
    for sanitizer, left_s in ((left, SANITIZED_S), ({"left": {}}, 0.0)):
        folder.note(correctness={"sound": True, "of": 7, "sanitizer": sanitizer})
        (line,) = plan([checks], folder, 7)
        assert (line.left_s, line.measured) == (left_s, int(not left_s))


def test_the_summary_has_each_arm(tmp_path: Path) -> None:
    """Eager, ours and TF32 have columns where they were measured, and no arm has an empty one."""
    base = next(iter(STUDY.cases(AXES)))
    told: list[tuple[Arm, Precision, float]] = [
        ("ours", "bf16", 0.5),
        ("eager", "bf16", 0.9),
        ("graph", "tf32", 1.2),
    ]
    found = []
    for arm, precision, ratio in told:
        side = Side(base.variant.subject, arm)
        case = replace(base, batch=256, precision=precision, baseline=side, variant=side)
        verdict: Verdict = "FASTER" if ratio < 1 else "SLOWER"
        comparison = Comparison(ratio, ratio - 0.01, ratio + 0.01, 30, 0, verdict, "precise")
        found.append(measured(case, comparison))
    Folder(tmp_path).save(Measurements("factorizations", {}, tuple(found)))
    part = Part(3, "pairs", (Slice(replace(STUDY, name="factorizations"), AXES),))
    lines = summary(Folder(tmp_path), [part], [], 60.0).splitlines()
    head = next(line for line in lines if line.split()[:1] == ["MAC"])
    assert re.split(r"\s{2,}", head.strip()) == [
        "MAC", "ours b256", "eager b256", "graph tf32 b256",
    ]  # fmt: skip
    row = next(line for line in lines if line.startswith(base.pair))
    assert row.split() == [base.pair, "60", "+50", "F", "+10", "F", "-20", "S"]
