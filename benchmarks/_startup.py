"""What starting costs: whole processes, run one after the other.

Knows no torch: this process must stay small, since a child's peak memory begins at its parent's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("costlab"))
PROCESSES = {
    "import torch": [sys.executable, "-c", "import torch"],
    "costlab report inception_v3": [COMMAND, "report", "inception_v3"],
    "costlab --help": [COMMAND, "--help"],
}
INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment of each process: there is bytecode of costlab, as there is where pip installs it.

A checkout has none where this variable is set, and each process compiles what it imports.
"""
TOLD_PEAK = "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
ANALYSIS = (
    "from costlab import analyze, sources; "
    "source = sources.find('inception_v3'); "
    "analyze(source.build(), source.inputs, mode='eval')"
)
PEAKS = {"import torch": "import torch", "analysis of inception_v3": ANALYSIS}
HELP = (
    "import contextlib, io, sys\n"
    "from costlab.cli import main\n"
    "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
    "    main(['--help'])\n"
    "print('torch' in sys.modules)"
)


def times_s(rounds: int) -> dict[str, list[float]]:
    """The wall time of each process, in every round once; a first round is not kept."""
    samples: dict[str, list[float]] = {name: [] for name in PROCESSES}
    for number in range(rounds + 1):
        for name, command in PROCESSES.items():
            start_s = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=INSTALLED)
            if number:
                samples[name].append(time.perf_counter() - start_s)
    return samples


def peaks_bytes(rounds: int) -> dict[str, list[int]]:
    """The peak resident memory of each process, in every round once."""
    samples: dict[str, list[int]] = {name: [] for name in PEAKS}
    for _ in range(rounds):
        for name, program in PEAKS.items():
            kibibytes = int(_printed(program + TOLD_PEAK))  # Linux tells them (getrusage(2))
            samples[name].append(kibibytes * 1024)
    return samples


def help_imports_torch() -> bool:
    """Whether torch is loaded once the help has been printed."""
    return _printed(HELP) == "True"


def _printed(program: str) -> str:
    """What a program prints."""
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env=INSTALLED)
    return ended.stdout.strip()
