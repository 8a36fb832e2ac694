"""How much memory a process had at most.

`ru_maxrss` of a process that was started includes what its parent had, up to where it was started.
"""

from __future__ import annotations

from pathlib import Path


def peak() -> int:
    """The most memory that this process had resident, in KiB (proc(5), VmHWM)."""
    told = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in told if line.startswith("VmHWM")).split()[1])
