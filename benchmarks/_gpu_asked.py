"""What the command line of a GPU study asks for. Imports no torch; measures nothing."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from benchmarks import _gpu_device
from benchmarks._gpu_files import Folder
from benchmarks._gpu_parts import Part, parts
from costlab.errors import UsageError

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
UNKNOWN = "GPU"
"""In the path of a plan: the folder's name as long as no GPU is there to name it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    minutes: float
    folder: Folder
    device: str
    tiny: bool
    force: bool
    parts: tuple[Part, ...]


def asked_of(arguments: list[str] | None, description: str) -> tuple[Asked, bool]:
    """What the command line asks for, and whether only the plan is to be shown.

    Raises:
        UsageError: there is no time, no such part, no GPU, or no folder for a CPU's results.
    """
    parser = argparse.ArgumentParser(prog="gpu_study.py", description=description)
    parser.add_argument("--minutes", type=float, default=8.0, help="the time for this call: 8")
    parser.add_argument("--out", type=Path, help=f"by default {RESULTS}/GPU, named after the GPU")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--parts", default="", help="only these, as in 2,4")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, measure nothing")
    parser.add_argument("--resume", action="store_true", help="the default: go on with --out")
    parser.add_argument("--tiny", action="store_true", help="the same path with tiny models")
    parser.add_argument("--force", action="store_true", help="also on a GPU that others use")
    given = parser.parse_args(arguments)
    if not (math.isfinite(given.minutes) and given.minutes > 0):
        raise UsageError(f"--minutes is {given.minutes:g}; it must be a number above 0, such as 8")
    known = {str(part.number): part for part in parts(tiny=given.tiny)}
    names = [name.strip() for name in given.parts.split(",") if name.strip()] or list(known)
    for name in names:
        if name not in known:
            raise UsageError(f"--parts names {name!r}; the parts are {', '.join(known)}")
    chosen = tuple(known[name] for name in known if name in names)
    folder = Folder(_where(given.out, given.device, dry=given.dry_run).resolve())
    asked = Asked(given.minutes, folder, given.device, given.tiny, given.force, chosen)
    return asked, given.dry_run


def _where(out: Path | None, device: str, *, dry: bool) -> Path:
    """The folder of the results; whoever is to measure is told first whether there is a device."""
    if device == "cpu":
        if out is None:
            raise UsageError("--device cpu has no folder of its own; name one by --out")
        return out
    if out is not None and dry:
        return out
    gpu = _gpu_device.found()
    if gpu.why and not dry:
        message = f"--device cuda: {gpu.why}. Measure on a machine with a GPU; --dry-run plans"
        raise UsageError(message)
    return out or RESULTS / (_gpu_device.folder_name(gpu.name) if gpu.name else UNKNOWN)
