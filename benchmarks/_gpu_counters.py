"""Hardware counters of the showcase pairs, by Nsight Compute, a process a side.

What is counted is not timed: ncu runs each kernel several times, and flushes caches between. The
clocks stay as they are (`--clock-control none`). Knows no files.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_checks import TOLD, within
from benchmarks._gpu_pace import COUNTED_S
from benchmarks._gpu_parts import OURS, SHOWCASE
from benchmarks._gpu_subjects import looked_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from costlab.bench.study import Arm

TOOL = "ncu"
UNKNOWN = re.compile(r"Failed to find metric (?:regex:)?\^?([\w.]+)")
"""What ncu says of a metric that a GPU does not have; it then counts nothing at all."""
BATCH = 256
ARMS: tuple[Arm, ...] = ("cudnn-fused", *OURS, "eager")
METRICS = {
    "time_s": ("gpu__time_duration.sum", 1e-9),
    "read_bytes": ("dram__bytes_read.sum", 1),
    "written_bytes": ("dram__bytes_write.sum", 1),
    "memory": ("dram__throughput.avg.pct_of_peak_sustained_elapsed", 0.01),
    "tensor_pipe": ("sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active", 0.01),
    "occupancy": ("sm__warps_active.avg.pct_of_peak_sustained_active", 0.01),
}
"""What is counted of a kernel: seconds, bytes, and shares of what the hardware can sustain.

Source: Nsight Compute, "Metrics Reference"; in base units a time is in nanoseconds.
"""


def sides() -> Iterator[tuple[str, str]]:
    """What is to be counted, by a name, as `_gpu_side` reads it; the first pair first.

    Of ours the factorizations alone, and of eager the first pair, for what its passes move: there
    is time for no more. The input does not rotate: ncu flushes the caches before each kernel.
    """
    for arm in ARMS:
        for name in SHOWCASE if arm != "eager" else SHOWCASE[:1]:
            case = looked_at(name, arm, BATCH)
            if case is None:
                continue
            for side in (case.baseline, case.variant) if arm not in OURS else (case.variant,):
                asked = {"case": asdict(case), "side": asdict(side), "device": "cuda", "seed": 0}
                yield f"{side.subject.name} · {arm} · b{BATCH}", json.dumps(asked)


def missing(counted: Mapping[str, Any]) -> list[str]:
    """The sides that are not counted yet."""
    return [name for name, _ in sides() if name not in counted.get("sides", {})]


def command(unknown: Collection[str] = ()) -> list[str]:
    """Nsight Compute around one side, asked for the metrics that are not unknown to it."""
    wanted = ",".join(metric for metric, _ in METRICS.values() if metric not in unknown)
    watched = [sys.executable, "-m", "benchmarks._gpu_side"]
    return [
        *(TOOL, "--clock-control", "none", "--profile-from-start", "off"),
        *("--csv", "--page", "raw", "--print-units", "base", "--metrics", wanted),
        *watched,
    ]


def count(
    root: Path, counted: Mapping[str, Any], end_s: float, keep: Callable[[dict[str, Any]], None]
) -> str:
    """Counts the sides that are missing until the time is over; why not all of them, else "".

    `keep` is given everything after each side.
    """
    found: dict[str, Any] = {"sides": dict(counted.get("sides", {})), "batch": BATCH}
    unknown: set[str] = set()
    if shutil.which(TOOL) is None:
        return f"{TOOL} is not on the path"
    for name, asked in sides():
        if name in found["sides"]:
            continue
        left_s = end_s - time.monotonic()
        if left_s < COUNTED_S:
            return f"no time was left for {len(missing(found))} sides"
        code, output, _ = within(command(unknown), root, left_s, asked)
        if code is not None and not parsed(output):
            again = set(UNKNOWN.findall(output)) - unknown
            if again:  # this GPU has no such counter: the others are asked for without it
                unknown |= again
                left_s = end_s - time.monotonic()
                code, output, _ = within(command(unknown), root, left_s, asked)
        if code is None:
            return f"no time was left for {len(missing(found))} sides"
        kernels = parsed(output)
        found["sides"][name] = {"kernels": kernels} if kernels else {"error": output[-TOLD:]}
        keep(found)
    return ""


def parsed(output: str) -> list[dict[str, Any]]:
    """The kernels in what ncu printed, each with its counters; a counter it lacks is None.

    A line of names, one of units, then a line a kernel; whatever else stands there is skipped.
    """
    lines = output.splitlines()
    first = next((at for at, line in enumerate(lines) if line.startswith('"ID"')), None)
    if first is None:
        return []
    rows = csv.DictReader(line for line in lines[first:] if line.startswith('"'))
    return [
        {
            "name": row.get("Kernel Name", ""),
            **{name: _number(row.get(metric), unit) for name, (metric, unit) in METRICS.items()},
        }
        for row in rows
        if (row.get("ID") or "").isdigit()
    ]


def _number(text: str | None, unit: float) -> float | None:
    try:
        return float((text or "").replace(",", "")) * unit
    except ValueError:
        return None
