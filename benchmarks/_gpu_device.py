"""Which GPU torch finds, asked in a process of its own, and the folder that is named after it.

`python -m benchmarks._gpu_device` prints the answer as JSON. Imports no torch where it only asks.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 120.0
"""To import torch and begin with a device may take long on a machine that has just started."""
VENDOR = re.compile(r"^nvidia[\s-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Device:
    """The name of a GPU, or why there is none."""

    name: str = ""
    why: str = ""


def found(limit_s: float = LIMIT_S) -> Device:
    """The GPU that torch finds."""
    command = [sys.executable, "-m", "benchmarks._gpu_device"]
    try:
        told = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        return Device(why=f"torch did not say within {limit_s:g} s which device there is")
    try:
        return Device(**json.loads(told.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        last = (told.stderr.strip().splitlines() or [f"exit code {told.returncode}"])[-1]
        return Device(why=f"torch could not be asked for a device: {last}")


def folder_name(gpu: str) -> str:
    """What the folder of a GPU's results is called.

    >>> folder_name("NVIDIA H200"), folder_name("NVIDIA A100-SXM4-80GB")
    ('h200', 'a100-sxm4-80gb')
    """
    return re.sub(r"[^a-z0-9]+", "-", VENDOR.sub("", gpu).lower()).strip("-") or "gpu"


def asked() -> Device:
    """The GPU, by torch in this process."""
    from costlab.bench.backends import why_no_cuda

    why = why_no_cuda()
    if why:
        return Device(why=why)
    import torch

    return Device(name=torch.cuda.get_device_name())


if __name__ == "__main__":
    answer = asked()
    print(json.dumps({"name": answer.name, "why": answer.why}))
