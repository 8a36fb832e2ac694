"""What a measurement depends on: versions, processor and cores; and the results that are kept.

Does not know what is measured.
"""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int]:
    """The processor's name and the cores that this process may use."""
    return {"cpu": _processor(), "cores": len(os.sched_getaffinity(0))}


def _processor() -> str:
    """The name of the processor, as Linux tells it; elsewhere the architecture."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def kept(name: str) -> dict[str, Any]:
    """The results that are kept under a name; nothing if there are none."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def keep(name: str, results: dict[str, Any]) -> None:
    """Writes results to their file; it is whole or as it was."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False)
    write_text(RESULTS / f"{name}.json", text + "\n")
