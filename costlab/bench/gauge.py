"""The state of a device: clocks, power, energy and throttle reasons, where they can be read.

It knows nothing of what runs. A GPU is asked through NVML's own library, by ctypes, so that nothing
need be installed; a CPU through what Linux shows under /sys and /proc.

Source: NVML API reference (nvml.h) for names, units and bits.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import Any, NamedTuple

from costlab.bench.plan import POWER_CAP
from costlab.bench.seams import State

LIBRARY = "libnvidia-ml.so.1"
SM_CLOCK = 1  # NVML_CLOCK_SM
MILLI = 1e-3
KILO = 1e3
NANO = 1e9
NAME_BYTES = 96
PROCESSES = 64
# Bits of nvmlClocksEventReasons. Not among them: idleness (0x1), and clocks that somebody set (0x2,
# 0x100), which hold for the whole run and are part of the policy.
THROTTLE = {
    0x4: POWER_CAP,
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
}


class _Process(ctypes.Structure):
    """A running process, as NVML describes it (nvmlProcessInfo_t)."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("usedGpuMemory", ctypes.c_ulonglong),
        ("gpuInstanceId", ctypes.c_uint),
        ("computeInstanceId", ctypes.c_uint),
    )


class Process(NamedTuple):
    """Another process on the device, and the bytes that it holds there, None if not told."""

    pid: int
    bytes: int | None


class NvmlGauge:
    """Reads a GPU; each value is None where NVML is missing or does not know it.

    `uuid` is the GPU's, as torch tells it, with or without the prefix "GPU-"; `library` a stand-in
    for NVML.
    """

    def __init__(self, uuid: str, library: Any = None) -> None:
        self._library = library or _load()
        self._handle = ctypes.c_void_p()
        if self._library is None or not self._done("nvmlInit_v2"):
            self._library = None
            return
        name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
        handle = ctypes.byref(self._handle)
        if not self._done("nvmlDeviceGetHandleByUUID", name.encode(), handle):
            count = ctypes.c_uint()
            alone = self._done("nvmlDeviceGetCount_v2", ctypes.byref(count)) and count.value == 1
            if not (
                alone and self._done("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(0), handle)
            ):
                self._library = None

    def read(self) -> State:
        """The state now."""
        energy = self._asked("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong)
        power = self._asked("nvmlDeviceGetPowerUsage", ctypes.c_uint)
        return State(
            clock_mhz=self._asked("nvmlDeviceGetClockInfo", ctypes.c_uint, SM_CLOCK),
            base_mhz=self.base_mhz(),
            power_w=None if power is None else power * MILLI,
            energy_j=None if energy is None else energy * MILLI,
            throttle=self._throttle(),
        )

    def base_mhz(self) -> float | None:
        """The clock of the processors that applications get by default, else their highest."""
        default = self._asked("nvmlDeviceGetDefaultApplicationsClock", ctypes.c_uint, SM_CLOCK)
        return default or self._asked("nvmlDeviceGetMaxClockInfo", ctypes.c_uint, SM_CLOCK)

    def power_limit_w(self) -> float | None:
        """The power at which the GPU is held."""
        limit = self._asked("nvmlDeviceGetEnforcedPowerLimit", ctypes.c_uint)
        return None if limit is None else limit * MILLI

    def driver(self) -> str | None:
        """The driver's version."""
        if self._library is None:
            return None
        text = ctypes.create_string_buffer(NAME_BYTES)
        if not self._done("nvmlSystemGetDriverVersion", text, ctypes.c_uint(NAME_BYTES)):
            return None
        return text.value.decode()

    def others(self, *, own_context: bool) -> tuple[Process, ...] | None:
        """Other processes on the GPU; None if that cannot be told.

        In a container NVML numbers processes as the host does. `own_context` is whether this
        process is on the GPU: if so and its number is not listed, one of those listed is this one.
        """
        if self._library is None:
            return None
        listed = self._listed("nvmlDeviceGetComputeRunningProcesses_v3")
        drawing = self._listed("nvmlDeviceGetGraphicsRunningProcesses_v3")
        if listed is None:
            return None
        found = {process.pid: process for process in (*listed, *(drawing or ()))}
        if found.pop(os.getpid(), None) is None and own_context and listed:
            found.pop(listed[-1].pid, None)
        return tuple(found.values())

    def _listed(self, function: str) -> list[Process] | None:
        count = ctypes.c_uint(PROCESSES)
        array = (_Process * PROCESSES)()
        if not self._done(function, self._handle, ctypes.byref(count), array):
            return None
        unknown = ctypes.c_ulonglong(-1).value
        return [
            Process(entry.pid, None if entry.usedGpuMemory == unknown else entry.usedGpuMemory)
            for entry in array[: count.value]
        ]

    def _throttle(self) -> tuple[str, ...]:
        bits = self._asked("nvmlDeviceGetCurrentClocksEventReasons", ctypes.c_ulonglong)
        if bits is None:  # its name until driver 535
            bits = self._asked("nvmlDeviceGetCurrentClocksThrottleReasons", ctypes.c_ulonglong)
        return tuple(name for bit, name in THROTTLE.items() if (bits or 0) & bit)

    def _asked(self, function: str, kind: Any, *which: int) -> int | None:
        """A number that a function of the GPU writes, None if it does not."""
        if self._library is None:
            return None
        value = kind()
        asked = (ctypes.c_int(number) for number in which)
        if not self._done(function, self._handle, *asked, ctypes.byref(value)):
            return None
        return int(value.value)

    def _done(self, function: str, *args: Any) -> bool:
        """Whether a function exists and says that it succeeded (NVML_SUCCESS is 0)."""
        try:
            return bool(getattr(self._library, function)(*args) == 0)
        except AttributeError:
            return False


def _load() -> Any:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


class CpuGauge:
    """Reads the CPU's clock where the system shows it; `system` is the root of its files."""

    def __init__(self, system: Path = Path("/")) -> None:
        self._files = sorted(
            (system / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
        )
        self._base = system / "sys/devices/system/cpu/cpu0/cpufreq/base_frequency"
        self._info = system / "proc/cpuinfo"
        self._threads = system / "proc/self/task"

    def read(self) -> State:
        """The state now: the clock of the fastest core, which is one that works."""
        clocks = [_number(file) for file in self._files] or [self._told()]
        known = [clock for clock in clocks if clock is not None]
        return State(
            clock_mhz=max(known, default=None),
            base_mhz=_number(self._base),
            waited_s=self._waited_s(),
        )

    def _waited_s(self) -> float | None:
        """How long the threads that live now waited for a core, since each began.

        Source: Linux, Documentation/scheduler/sched-stats.rst: the second number of a schedstat is
            the nanoseconds that a thread spent waiting on a runqueue.
        """
        waited = []
        for file in self._threads.glob("*/schedstat"):
            with contextlib.suppress(OSError, ValueError, IndexError):  # a thread that just ended
                waited.append(int(file.read_text().split()[1]))
        return sum(waited) / NANO if waited else None

    def _told(self) -> float | None:
        with contextlib.suppress(OSError, ValueError):
            lines = self._info.read_text().splitlines()
            return max(
                (float(line.split(":")[1]) for line in lines if line.startswith("cpu MHz")),
                default=None,
            )
        return None


def _number(file: Path) -> float | None:
    """MHz from a file of kHz; None where there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text()) / KILO
    return None
