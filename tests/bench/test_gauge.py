"""The state of a device, read from a stand-in for NVML, and from files like Linux's."""

import ctypes
import os
from pathlib import Path
from typing import Any

import pytest

from costlab.bench import gauge
from costlab.bench.cuda import judged
from costlab.bench.gauge import CpuGauge, NvmlGauge, Process
from costlab.bench.seams import State
from costlab.errors import UsageError

VALUES = {
    "nvmlDeviceGetClockInfo": 1755,
    "nvmlDeviceGetDefaultApplicationsClock": 1980,
    "nvmlDeviceGetMaxClockInfo": 2010,
    "nvmlDeviceGetPowerUsage": 412_500,
    "nvmlDeviceGetTotalEnergyConsumption": 7_000_250,
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x4 | 0x20 | 0x1,
}


class Library:
    """NVML as far as it is asked; what is not in `values` does not exist."""

    def __init__(self, values: dict[str, int], pids: tuple[int, ...] = (), uuids: int = 0) -> None:
        self.values, self.pids, self.uuids = values, pids, uuids
        self.asked: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        if name in self.values:
            return lambda *args: self._write(self.values[name], args[-1])
        if name in {"nvmlInit_v2", "nvmlDeviceGetHandleByIndex_v2"}:
            return lambda *_args: 0
        if name in {"nvmlDeviceGetHandleByUUID", "nvmlDeviceGetComputeRunningProcesses_v3"}:
            return getattr(self, f"_{name}")
        raise AttributeError(name)

    @staticmethod
    def _write(value: int, pointer: Any) -> int:
        pointer._obj.value = value
        return 0

    def _nvmlDeviceGetHandleByUUID(self, uuid: bytes, _handle: Any) -> int:  # noqa: N802 - NVML's
        self.asked.append(uuid)
        return self.uuids

    def _nvmlDeviceGetComputeRunningProcesses_v3(  # noqa: N802 - NVML's
        self, _handle: Any, count: Any, array: Any
    ) -> int:
        count._obj.value = len(self.pids)
        for entry, pid in zip(array, self.pids, strict=False):
            entry.pid, entry.usedGpuMemory = pid, 1000
        return 0


def test_a_gpu_is_read_in_units_of_the_state() -> None:
    """Milliwatts and millijoules become watts and joules; idleness is no reason to throttle."""
    library = Library(VALUES)
    assert NvmlGauge("1234-ab", library).read() == State(
        1755, 1980, 412.5, 7000.25, ("software power cap", "software thermal slowdown")
    )
    assert library.asked == [b"GPU-1234-ab"]


def test_what_nvml_does_not_know_is_none() -> None:
    """Each value is missing for itself; the base clock is then the highest."""
    read = NvmlGauge("x", Library({"nvmlDeviceGetMaxClockInfo": 2010})).read()
    assert read == State(None, 2010, None, None, ())


def test_older_drivers_name_the_reasons_otherwise() -> None:
    """Throttle reasons are asked for by the name of before driver 535 as well."""
    library = Library({"nvmlDeviceGetCurrentClocksThrottleReasons": 0x40})
    assert NvmlGauge("x", library).read().throttle == ("hardware thermal slowdown",)


def test_another_gpu_than_asked_for_is_not_read() -> None:
    """A GPU that is not found by its name, beside others, gives no state at all."""
    assert (
        NvmlGauge("x", Library({**VALUES, "nvmlDeviceGetCount_v2": 2}, uuids=6)).read() == State()
    )
    only = NvmlGauge("x", Library({**VALUES, "nvmlDeviceGetCount_v2": 1}, uuids=6))
    assert only.read().clock_mhz == 1755


def test_without_nvml_there_is_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is missing, everything is None and nothing fails."""

    def missing(_name: str) -> ctypes.CDLL:
        raise OSError("no such library")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    found = NvmlGauge("x")
    assert found.read() == State()
    assert (found.driver(), found.power_limit_w(), found.others(own_context=True)) == (None,) * 3


def test_other_processes_are_all_but_this_one() -> None:
    """This process is not another, under its own number or, in a container, under the host's."""
    mine = os.getpid()
    others = NvmlGauge("x", Library({}, (mine, 77))).others(own_context=True)
    assert others == (Process(77, 1000),)
    assert NvmlGauge("x", Library({}, (990_001,))).others(own_context=True) == ()
    assert NvmlGauge("x", Library({}, (990_001,))).others(own_context=False) is not None
    assert len(NvmlGauge("x", Library({}, (990_001,))).others(own_context=False) or ()) == 1
    assert NvmlGauge("x", Library({}, ())).others(own_context=False) == ()


def test_a_busy_gpu_is_refused_unless_forced() -> None:
    """Another process is an error that names it, or a note that it was forced."""
    with pytest.raises(UsageError, match=r"1 other process uses the GPU \(77\).*--force"):
        judged((Process(77, None),), force=False)
    assert judged((Process(77, None), Process(78, 1)), force=True) == (
        "2 other processes use the GPU (77, 78); measured with --force",
    )
    assert judged((), force=False) == ()


def test_the_cpu_is_read_where_linux_shows_it(tmp_path: Path) -> None:
    """The clock is that of the fastest core, in MHz; the base clock stands beside it."""
    for core, khz in enumerate((800_000, 3_200_000)):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{khz}\n")
        (folder / "base_frequency").write_text("2600000\n")
    assert CpuGauge(tmp_path).read() == State(clock_mhz=3200, base_mhz=2600)


def test_the_cpu_is_else_read_from_what_the_kernel_tells(tmp_path: Path) -> None:
    """Without frequency files, /proc/cpuinfo is read; without that, nothing is known."""
    assert CpuGauge(tmp_path).read() == State()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("model name\t: X\ncpu MHz\t\t: 2596.1\ncpu MHz : 900\n")
    assert CpuGauge(tmp_path).read() == State(clock_mhz=2596.1)


def test_waiting_for_a_core_is_read_of_each_thread(tmp_path: Path) -> None:
    """The second number of each thread's schedstat, added up: nanoseconds on a run queue."""
    for thread, waited_ns in ((7, 250_000_000), (8, 500_000_000)):
        folder = tmp_path / f"proc/self/task/{thread}"
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text(f"123 {waited_ns} 9\n")
    (tmp_path / "proc/self/task/9").mkdir()
    assert CpuGauge(tmp_path).read().waited_s == 0.75


def test_every_throttle_reason_has_its_bit() -> None:
    """No reason is told for two bits."""
    assert len(set(gauge.THROTTLE.values())) == len(gauge.THROTTLE)
    assert all(bit.bit_count() == 1 for bit in gauge.THROTTLE)
