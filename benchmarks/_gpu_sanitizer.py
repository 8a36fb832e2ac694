"""The memory checker on each kernel of our own: compute-sanitizer, a tool after the other.

Knows no study. What a tool has watched is not watched again by another call.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_checks import LEAST_S, TOLD, within
from benchmarks._gpu_parts import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SANITIZER, TOOLS = "compute-sanitizer", ("memcheck", "racecheck")
FOUND = 86
"""What the memory checker is told to exit with if it finds something."""
UNCACHED = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
"""Else a kernel that writes beyond a tensor writes into a block of torch's own, and is not seen."""
TRIES = 3
"""How many calls a tool is tried in that does not come to its end."""
CLEAN = "clean"
SAYS, BANNER = "=========", "COMPUTE-SANITIZER"
"""What its own lines begin with, and the one of them that says nothing of a kernel."""


def run_sanitizer(
    root: Path, limit_s: float, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What compute-sanitizer found in each kernel of our own, and why not if it was not run.

    Of each tool `cases` says what it found; `seen` names the kernels that it watched to their end,
    `left` those for which there was no time, which another call begins with.
    """
    if not OURS:
        return {"why": "there are no kernels of our own yet", "left": {}}
    sanitizer = shutil.which(SANITIZER)
    if sanitizer is None:
        return {"why": f"{SANITIZER} is not on the path", "left": {}}
    from tests.bench.kernels.touching import CALLS

    before = known or {}
    end_s = time.monotonic() + limit_s
    found: dict[str, dict[str, Any]] = {"cases": {}, "seen": {}, "left": {}, "tries": {}}
    for tool in TOOLS:
        seen = [name for name in before.get("seen", {}).get(tool, ()) if name in CALLS]
        left, said = [name for name in CALLS if name not in seen], CLEAN
        tries = before.get("tries", {}).get(tool, 0)
        if tool not in before.get("left", {}) or before["left"][tool]:
            command = [sanitizer, "--tool", tool, "--error-exitcode", str(FOUND)]
            left_s = end_s - time.monotonic()
            tries += left_s > LEAST_S
            said, here = _watched(command, root, left_s, left)
            seen += here
            left = [name for name in left if name not in here and said == CLEAN]
        else:
            said, left = before["cases"][tool], []
        if left:
            said = f"{CLEAN} in {len(seen)} of {len(CALLS)} kernels; " if seen else ""
            said += f"no time was left for {'; '.join(left)}"
        found["cases"][tool], found["seen"][tool] = said, seen
        found["left"][tool], found["tries"][tool] = left, tries
    return dict(found)


def unwatched(found: Mapping[str, Any] | None) -> bool:
    """Whether another call has anything to watch."""
    if found is None:
        return True
    return any(names and found["tries"][tool] < TRIES for tool, names in found["left"].items())


def _watched(
    command: Sequence[str], root: Path, limit_s: float, names: Sequence[str]
) -> tuple[str, list[str]]:
    """What the tool found, and the kernels that it watched."""
    from tests.bench.kernels.touching import RIGHT

    if limit_s <= LEAST_S:
        return CLEAN, []
    watched = [sys.executable, "-m", "tests.bench.kernels.touching", *names]
    code, output, _ = within([*command, *watched], root, limit_s, None, UNCACHED)
    if code == 0:
        return CLEAN, list(names)
    lines = output.splitlines()
    if code is None and not any(one.startswith(SAYS) and BANNER not in one for one in lines):
        return CLEAN, [name for name in names if any(one.startswith(name + RIGHT) for one in lines)]
    what = "it found" if code in {FOUND, None} else f"it could not watch (exit code {code})"
    return f"{what}: {output[-TOLD:]}", []
