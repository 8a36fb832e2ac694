"""The CPU as a backend: oneDNN's kernels, in the arms eager and compile.

It knows no study.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from costlab.bench import ceilings, environment, profiler
from costlab.bench.arms import unavailable
from costlab.bench.gauge import CpuGauge
from costlab.bench.prepared import Where, prepare
from costlab.bench.study import ARMS
from costlab.bench.timers import HostTimer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Ceilings, Kernel
    from costlab.bench.prepared import Ready
    from costlab.bench.seams import Gauge, Prepared, Timer
    from costlab.bench.study import Case, Side

BUSY = 1.5


class Cpu:
    """The CPU, with so many threads, or as many as torch has."""

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self._timer = HostTimer()
        self._gauge = CpuGauge()
        self._where = Where(torch.device("cpu"), environment.cache_bytes())

    @property
    def timer(self) -> Timer:
        """The host's clock: a call on a CPU returns when it is done."""
        return self._timer

    @property
    def wall(self) -> Timer:
        """The same clock: launches are part of every time on a CPU."""
        return self._timer

    @property
    def gauge(self) -> Gauge:
        """The clock, where Linux shows it."""
        return self._gauge

    def arms(self) -> tuple[str, ...]:
        """Eager, and compile if there is a C++ compiler."""
        return tuple(arm for arm in ARMS if not unavailable(arm, self._where.device))

    def environment(self) -> Mapping[str, Any]:
        """The CPU, its cache and threads, and torch."""
        return {**environment.common(), **environment.of_cpu()}

    def refuse_if_busy(self, *, force: bool) -> tuple[str, ...]:
        """A note if more is running than there are cores; a CPU is never refused, nor forced."""
        del force
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        if load < BUSY * cores:
            return ()
        remedy = "OMP_NUM_THREADS sets how many threads are measured with: fewer leave others one"
        return (f"the machine is busy: {load:.1f} processes want its {cores} cores; {remedy}",)

    def ceilings(self, limit_s: float) -> Ceilings:
        """What the CPU can do with these threads."""
        return ceilings.measure(
            self._where.device,
            self._timer,
            self._timer,
            cache_bytes=self._where.cache_bytes,
            processors=torch.get_num_threads(),
            limit_s=limit_s,
        )

    def prepare(self, side: Side, case: Case, seed: int) -> Ready:
        """A side of a case, ready to run.

        Raises:
            ArmError: it cannot be.
        """
        return prepare(side, case, seed, self._where)

    def kernels(self, prepared: Prepared) -> tuple[tuple[Kernel, ...], float]:
        """The operations of one call that call no other, and the seconds between them."""
        return profiler.kernels(prepared.call, self._where.device)
