"""What a GPU study keeps, in how much room, and what it reads of other tools."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import _gpu_checks, _gpu_counters, _gpu_files
from benchmarks._gpu_checks import marked, within
from benchmarks._gpu_files import Folder, floor_of, rounded, thinned
from costlab.bench.document import Comparison, Measured, Measurements, Timing
from tests.bench.plain import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def document(blocks: int) -> Measurements:
    """A document of one case with so many blocks of samples."""
    samples = tuple(0.001 + 1e-9 * at / 3 for at in range(2 * blocks))
    timing = Timing(
        "one", "eager", 1, 1, 1, 1, samples, tuple(float(at) for at in range(2 * blocks))
    )
    comparison = Comparison(1.0, 0.99, 1.01, 2 * blocks, 0, "SAME", "precise")
    case = Measured("a", "a", 1, "fp32", "nhwc", "bare", "cold", timing, timing, comparison)
    return Measurements("pretended", {}, (case,))


def test_samples_are_rounded_far_below_noise() -> None:
    """Six digits are kept, and everything that was computed stays as it is."""
    exact = document(10)
    found = rounded(exact)
    for before, after in zip(
        exact.cases[0].variant.samples_s, found.cases[0].variant.samples_s, strict=True
    ):
        assert after == pytest.approx(before, rel=1e-5)
    assert found.cases[0].comparison == exact.cases[0].comparison


def test_whole_blocks_are_kept_if_room_is_short() -> None:
    """Thinned, a side has evenly chosen blocks, each with both of its samples and their clocks."""
    found = thinned(document(10), 5, 3)
    assert list(found.cases[0].variant.clock_mhz or ()) == [0, 1, 4, 5, 8, 9, 12, 13, 16, 17]
    assert len(found.cases[0].variant.samples_s) == 10
    assert "at most 5 blocks" in found.notes[0]


def test_no_more_than_the_room_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less room fewer samples are kept, and what is kept can be read."""
    folder = Folder(tmp_path)
    folder.save(document(300))
    size = (tmp_path / "pretended.json").stat().st_size
    monkeypatch.setattr(_gpu_files, "MOST_BYTES", size // 2)
    folder.save(document(300))
    assert (tmp_path / "pretended.json").stat().st_size <= size // 2
    assert folder.sizes()["pretended"][1] == 1


def test_the_noise_floor_is_the_widest() -> None:
    """Of all comparisons of identical arms the one that reaches farthest from 1."""
    wide = Comparison(1.0, 0.95, 1.02, 30, 0, "AMBIGUOUS", "precise")
    found = replace(document(4), null=wide)
    assert floor_of(found) == wide
    assert floor_of(document(4)) == document(4).cases[0].comparison


NCU = """==PROF== Connected to process 7
"ID","Process ID","Kernel Name","gpu__time_duration.sum","dram__bytes_read.sum"
"","","","ns","byte"
"0","7","void conv<128, 64>(int)","20,512","1,048,576"
"1","7","relu","1000","n/a"
==PROF== Disconnected
"""


def test_counters_are_read() -> None:
    """Of what ncu prints, a kernel a row: names with commas, thousands, counters that it lacks."""
    first, second = _gpu_counters.parsed(NCU)
    assert first["name"] == "void conv<128, 64>(int)"
    assert first["time_s"] == pytest.approx(20512e-9)
    assert first["read_bytes"] == 1048576
    assert second["read_bytes"] is None
    assert second["occupancy"] is None
    assert _gpu_counters.parsed("==ERROR== no permission") == []


def test_counters_leave_the_clocks_alone() -> None:
    """Nsight Compute is told to leave the clocks, and to count nothing before the one call."""
    command = _gpu_counters.command()
    assert command[command.index("--clock-control") + 1] == "none"
    assert command[command.index("--profile-from-start") + 1] == "off"


def test_a_process_is_ended_at_its_limit(tmp_path: Path) -> None:
    """Whatever outlasts its limit has no exit code, and what it printed is kept."""
    code, output, _ = within(["sh", "-c", "echo begun; sleep 60"], tmp_path, 0.5)
    assert (code, output) == (None, "begun\n")
    assert within(["sh", "-c", "exit 3"], tmp_path, 10.0)[0] == 3


def test_the_files_with_gpu_tests_are_found() -> None:
    """At least the bench's own; this file names the mark nowhere and is none of them."""
    assert "tests/bench/test_gpu_files.py" not in marked(ROOT)
    assert marked(ROOT)


def test_tests_run_side_by_side_where_they_can() -> None:
    """Compiling takes a core each; what the sanitizer watches is not run twice."""
    command = _gpu_checks.pytest_command(["a.py"], 6)
    assert command[command.index("-n") + 1] == "6"
    assert command[command.index("-k") + 1] == "not no_stray_access"
    assert "-n" not in _gpu_checks.pytest_command(["a.py"])
    assert 1 <= _gpu_checks.processes() <= _gpu_checks.MOST_PROCESSES


def test_tests_that_were_run_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is kept when it is done; one that takes all of the time is tried twice, no more."""
    (tmp_path / "tests").mkdir()
    for name in ("a", "b"):
        one = tmp_path / "tests" / f"test_{name}.py"
        # In two parts, lest this file be taken for one of them.
        one.write_text("pytestmark = pytest.mark." + "gpu\n", encoding="utf-8")
    ran: list[str] = []

    def within(command: list[str], *_: object) -> tuple[int | None, str, float]:
        ran.append(command[-1][-4])
        return (0, "3 passed in 1 s", 1.0) if ran[-1] == "a" else (None, "", 9.0)

    monkeypatch.setattr(_gpu_checks, "within", within)
    known: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for expected in ("ab", "b", ""):
        ran.clear()
        found = _gpu_checks.run_tests(tmp_path, 100, has_gpu=True, known=known, keep=known.update)
        assert "".join(ran) == expected
    assert (found["finished"], found["sound"], found["passed"]) == (True, False, 3)


def test_a_counter_that_a_gpu_lacks_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For one metric that it does not know, ncu refuses all; it is asked again without that one."""
    metric = "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active"
    asked: list[str] = []

    def within(command: list[str], *_: object) -> tuple[int | None, str, float]:
        asked.append(command[command.index("--metrics") + 1])
        if metric in asked[-1]:
            return 1, f"==ERROR== Failed to find metric {metric}", 1.0
        return 0, '"ID","Kernel Name","gpu__time_duration.sum"\n"","","ns"\n"0","conv","2000"', 1.0

    monkeypatch.setattr(_gpu_counters, "within", within)
    monkeypatch.setattr("shutil.which", lambda _: "ncu")
    kept: list[dict[str, Any]] = []
    why = _gpu_counters.count(tmp_path, {}, time.monotonic() + 1000, kept.append)
    assert why == ""
    assert sum(metric in one for one in asked) == 1
    first = next(iter(kept[-1]["sides"].values()))["kernels"][0]
    assert (first["name"], first["tensor_pipe"]) == ("conv", None)
    assert abs(first["time_s"] - 2e-6) < 1e-12
