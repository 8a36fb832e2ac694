"""Everything about the machine that a number depends on, as plain data.

It knows nothing of what is measured; a value that cannot be read is left out or None.
"""

from __future__ import annotations

import contextlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from costlab.bench.precision import recorded
from costlab.release import release

if TYPE_CHECKING:
    from costlab.bench.gauge import NvmlGauge

PACKAGES = ("numpy", "triton")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
# What is free where the system does not tell.
USUAL_MEMORY = 1 << 30
# What a last-level cache holds where the system does not tell.
USUAL_CACHE = 32 << 20
CLOCKS = "fixed-power"
SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def common() -> dict[str, Any]:
    """What there is on every machine: versions, the CPU, threads, torch's flags as they were found.

    Each case sets its own, and has them in its `flags`.
    """
    found: dict[str, Any] = {
        "costlab": release(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "flags_before": dict(recorded()),
    }
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def of_cuda(device: torch.device, gauge: NvmlGauge) -> dict[str, Any]:
    """What there is of a GPU besides.

    `clocks` is the policy: "fixed-power" says that nobody holds the clocks, and the board gives
    what its power and its temperature allow.
    """
    properties = torch.cuda.get_device_properties(device)
    return {
        "device": "cuda",
        "gpu": properties.name,
        "uuid": str(getattr(properties, "uuid", "")) or None,
        "capability": f"{properties.major}.{properties.minor}",
        "processors": properties.multi_processor_count,
        "memory_bytes": properties.total_memory,
        "cache_bytes": properties.L2_cache_size,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]  # torch leaves it untyped
        "driver": gauge.driver(),
        "power_limit_w": gauge.power_limit_w(),
        "base_mhz": gauge.base_mhz(),
        "clocks": CLOCKS,
    }


def of_cpu() -> dict[str, Any]:
    """What there is of a CPU besides."""
    return {"device": "cpu", "cache_bytes": cache_bytes(), "clocks": CLOCKS}


def free_bytes(device: torch.device, file: Path = MEMINFO) -> int:
    """The memory of a device that is not in use."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return USUAL_MEMORY


def cpu_name(file: Path = CPUINFO) -> str:
    """The CPU's model, as the system tells it."""
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cache_bytes(folder: Path = CACHES) -> int:
    """The bytes of the last-level cache that the first core reads through."""
    sizes = {}
    for index in folder.glob("index*"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            size = (index / "size").read_text().strip()
            number = int(size[:-1]) * SUFFIXES[size[-1]]
            sizes[int((index / "level").read_text())] = number
    return sizes[max(sizes)] if sizes else USUAL_CACHE
