"""A CUDA device as a backend: cuDNN's and Inductor's kernels, in all arms.

It knows no study.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.bench import ceilings, environment, profiler
from costlab.bench.arms import unavailable
from costlab.bench.gauge import NvmlGauge
from costlab.bench.prepared import Where, prepare
from costlab.bench.study import ARMS
from costlab.bench.timers import EventTimer, WallTimer
from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Ceilings, Kernel
    from costlab.bench.gauge import Process
    from costlab.bench.prepared import Ready
    from costlab.bench.seams import Gauge, Prepared, Timer
    from costlab.bench.study import Case, Side


class Cuda:
    """The current CUDA device."""

    def __init__(self) -> None:
        index = torch.cuda.current_device()
        properties = torch.cuda.get_device_properties(index)
        self._where = Where(torch.device("cuda", index), int(properties.L2_cache_size))
        self._processors = int(properties.multi_processor_count)
        self._gauge = NvmlGauge(str(getattr(properties, "uuid", "")))
        self._timer = EventTimer()
        self._wall = WallTimer(torch.cuda.synchronize)

    @property
    def timer(self) -> Timer:
        """CUDA events, in a stream that is held until everything is launched."""
        return self._timer

    @property
    def wall(self) -> Timer:
        """The host's clock, each call waited for."""
        return self._wall

    @property
    def gauge(self) -> Gauge:
        """NVML."""
        return self._gauge

    def arms(self) -> tuple[str, ...]:
        """All that have what they need here."""
        return tuple(arm for arm in ARMS if not unavailable(arm, self._where.device))

    def environment(self) -> Mapping[str, Any]:
        """The GPU, its driver, its limits, and torch."""
        return {**environment.common(), **environment.of_cuda(self._where.device, self._gauge)}

    def refuse_if_busy(self, *, force: bool) -> tuple[str, ...]:
        """Notes on other processes on the GPU.

        Raises:
            UsageError: there are some, and it is not forced.
        """
        own = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return judged(self._gauge.others(own_context=own), force=force)

    def ceilings(self, limit_s: float) -> Ceilings:
        """What the GPU can do."""
        return ceilings.measure(
            self._where.device,
            self._timer,
            self._wall,
            cache_bytes=self._where.cache_bytes,
            processors=self._processors,
            limit_s=limit_s,
        )

    def prepare(self, side: Side, case: Case, seed: int) -> Ready:
        """A side of a case, ready to run.

        Raises:
            ArmError: it cannot be.
        """
        return prepare(side, case, seed, self._where)

    def kernels(self, prepared: Prepared) -> tuple[tuple[Kernel, ...], float]:
        """The kernels of one call, and the seconds in which none ran."""
        return profiler.kernels(prepared.call, self._where.device)


def judged(others: tuple[Process, ...] | None, *, force: bool) -> tuple[str, ...]:
    """What other processes on a GPU mean for a measurement, as notes.

    >>> judged(None, force=False)
    ('whether others use the GPU cannot be told: NVML does not say',)

    Raises:
        UsageError: there are some, and it is not forced.
    """
    if others is None:
        return ("whether others use the GPU cannot be told: NVML does not say",)
    if not others:
        return ()
    listed = ", ".join(str(process.pid) for process in others)
    what = (
        f"{len(others)} other process{'es use' if len(others) > 1 else ' uses'} the GPU ({listed})"
    )
    if not force:
        message = f"{what}; times would be theirs as well. Wait for it, or measure with --force"
        raise UsageError(message)
    return (f"{what}; measured with --force",)
