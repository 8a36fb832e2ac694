"""The memory checker of a GPU study, with a stand-in that says what it is told to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchmarks import _gpu_sanitizer
from benchmarks._gpu_sanitizer import TOOLS, run_sanitizer, unwatched
from tests.bench.kernels.touching import CALLS, RIGHT
from tests.bench.plain import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NAMED = 'shift 7\nfor name in "$@"; do echo "$name: right"; done\n'
"""Says of each kernel, which stand behind the tool, its options and Python's, that it is right."""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in, on the path, and time for it however little there is."""
    file = tmp_path / "compute-sanitizer"
    file.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(_gpu_sanitizer, "LEAST_S", 0.0)
    return file


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "clean"), (86, "it found: memcheck"), (1, "it could not watch (exit code 1): memcheck")],
)
def test_what_the_sanitizer_says(code: int, said: str, tool: Path) -> None:
    """What it finds, and that it cannot run here, are two things; each tool is asked once."""
    tool.write_text(f'#!/bin/sh\necho "$2"\nexit {code}\n', encoding="utf-8")
    found = run_sanitizer(ROOT, 60.0)
    assert list(found["cases"]) == list(TOOLS) == ["memcheck", "racecheck"]
    assert found["cases"]["memcheck"].strip() == said
    assert not unwatched(found)


def test_kernels_for_which_no_time_was_left_are_named(tool: Path) -> None:
    """Ended at its limit, a tool has watched what it said; another call begins with the rest."""
    first, second, *rest = CALLS
    slow = f'#!/bin/sh\necho "{first}{RIGHT}"; echo "{second}{RIGHT}"; exec sleep 60\n'
    tool.write_text(slow, encoding="utf-8")
    found = run_sanitizer(ROOT, 0.7)
    assert found["seen"]["memcheck"] == [first, second]
    assert found["cases"]["memcheck"] == (
        f"clean in 2 of {len(CALLS)} kernels; no time was left for {'; '.join(rest)}"
    )
    assert found["cases"]["racecheck"].startswith(f"no time was left for {first}; ")
    assert unwatched(found)

    asked = tool.parent / "asked"
    tool.write_text(f'#!/bin/sh\necho "$2" "$8" >>{asked}\n{NAMED}', encoding="utf-8")
    again = run_sanitizer(ROOT, 60.0, found)
    assert again["cases"] == dict.fromkeys(TOOLS, "clean")
    assert not unwatched(again)
    assert asked.read_text(encoding="utf-8").splitlines() == [
        f"memcheck {rest[0]}",
        f"racecheck {first}",
    ]
    assert run_sanitizer(ROOT, 60.0, again) == again
    assert len(asked.read_text(encoding="utf-8").splitlines()) == 2


def test_what_was_found_before_the_limit_is_told(tool: Path) -> None:
    """A tool that is ended after it found something did not find the kernel clean."""
    lines = "echo '========= COMPUTE-SANITIZER'; echo '========= Invalid __global__ write'"
    tool.write_text(f"#!/bin/sh\n{lines}; exec sleep 60\n", encoding="utf-8")
    found = run_sanitizer(ROOT, 0.7)
    assert found["cases"]["memcheck"].startswith("it found: =")
    assert "Invalid __global__ write" in found["cases"]["memcheck"]


def test_a_tool_that_never_ends_is_given_up(tool: Path) -> None:
    """After three calls that it took all the time of, no other call waits for it."""
    tool.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    found = None
    for call in range(3):
        assert unwatched(found), call
        found = run_sanitizer(ROOT, 0.2, found)
        found["tries"]["racecheck"] = found["tries"]["memcheck"]  # had there been time for it
    assert not unwatched(found)


def test_every_type_and_form_is_watched() -> None:
    """In three types: one convolution, parts of a sum, pairs and reductions; halos and siblings."""
    for kernel in ("conv_bn_relu", "partial_sums", "between_in_cache", "between_in_shared"):
        assert {kernel, f"{kernel}, float16", f"{kernel}, float32"} <= set(CALLS)
    for form in ("siblings", "dependent launch", "3x3 3x3", "2x2 2x2"):
        assert any(name.endswith(f", {form}") for name in CALLS)
