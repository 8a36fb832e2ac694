"""The kernels of a call, by torch's profiler, in a pass of its own: what is profiled is not timed.

It knows no arm.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import defaultdict
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

from costlab.bench.document import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STDERR = 2
# What an operation of the CPU calls to make room for its result.
BOOKKEEPING = frozenset(
    {
        "aten::_local_scalar_dense",
        "aten::_nnpack_available",
        "aten::as_strided",
        "aten::as_strided_",
        "aten::contiguous",
        "aten::detach",
        "aten::empty",
        "aten::empty_like",
        "aten::empty_strided",
        "aten::expand",
        "aten::item",
        "aten::lift_fresh",
        "aten::reshape",
        "aten::resize_",
        "aten::resolve_conj",
        "aten::resolve_neg",
        "aten::result_type",
        "aten::select",
        "aten::slice",
        "aten::squeeze",
        "aten::t",
        "aten::to",
        "aten::transpose",
        "aten::unsqueeze",
        "aten::view",
        "detach",
        "detach_",
    }
)
# Calls that are profiled; each kernel's time is the mean.
CALLS = 5
MICRO = 1e-6


class Ran(NamedTuple):
    """One kernel on the device, or operation of the CPU, as the profiler saw it."""

    name: str
    start_s: float
    end_s: float


def kernels(call: Callable[[], None], device: torch.device) -> tuple[tuple[Kernel, ...], float]:
    """The kernels of one call, the longest first, and the idle seconds between them.

    On a CPU these are the operations that call no other; the profiler does not see the loops that
    torch's compiler writes there.
    """
    cuda = device.type == "cuda"
    activities = [ProfilerActivity.CUDA, ProfilerActivity.CPU] if cuda else [ProfilerActivity.CPU]
    runs: list[list[Ran]] = []
    call()
    for _ in range(CALLS):
        _wait(device)
        with _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a trace without kernels, which is then empty
            with profile(activities=activities, acc_events=True) as profiled:
                call()
                _wait(device)
        runs.append(_ran(profiled, cuda=cuda))
    return summed(runs)


def summed(runs: Sequence[Sequence[Ran]]) -> tuple[tuple[Kernel, ...], float]:
    """Kernels by name, of one call, the longest in total first, and the gaps between them.

    `calls` is that of the run in the middle, `time_s` the mean of one; gaps are the median run's.

    >>> summed([[Ran("conv", 0.0, 2.0), Ran("relu", 3.0, 4.0), Ran("conv", 4.0, 6.0)]])
    ((Kernel(name='conv', calls=2, time_s=2.0), Kernel(name='relu', calls=1, time_s=1.0)), 1.0)
    """
    times: defaultdict[str, list[float]] = defaultdict(list)
    counts: defaultdict[str, list[int]] = defaultdict(list)
    gaps: list[float] = []
    for run in runs:
        for name in {one.name for one in run}:
            counts[name].append(sum(one.name == name for one in run))
        for one in run:
            times[one.name].append(one.end_s - one.start_s)
        gaps.append(_idle(run))
    found = [
        Kernel(name, sorted(counts[name])[len(counts[name]) // 2], sum(taken) / len(taken))
        for name, taken in times.items()
    ]
    found.sort(key=lambda kernel: -kernel.calls * kernel.time_s)
    return tuple(found), sorted(gaps)[len(gaps) // 2] if gaps else 0.0


def _idle(run: Sequence[Ran]) -> float:
    """Seconds between the first and the last kernel in which none ran."""
    ordered = sorted(run, key=lambda one: one.start_s)
    idle, done_s = 0.0, ordered[0].end_s if ordered else 0.0
    for _, one in pairwise(ordered):
        idle += max(0.0, one.start_s - done_s)
        done_s = max(done_s, one.end_s)
    return idle


def _ran(profiled: profile, *, cuda: bool) -> list[Ran]:
    kind = "CUDA" if cuda else "CPU"
    found = []
    for event in profiled.events() or ():  # type: ignore[no-untyped-call]
        if event.device_type.name != kind or event.name.startswith("ProfilerStep"):
            continue
        if getattr(event, "is_user_annotation", False) or not (cuda or _computes(event)):
            continue
        span = event.time_range
        found.append(Ran(event.name, span.start * MICRO, span.end * MICRO))
    return found


def _computes(event: Any) -> bool:
    """Whether an operation of the CPU does its work itself: it calls none that does.

    An operation is named `aten::relu`; what the compiler does around them has no such name.
    """
    called = {child.name for child in event.cpu_children}
    return "::" in event.name and event.name not in BOOKKEEPING and called <= BOOKKEEPING


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it, nothing reaches stderr: the profiler's library writes there when it starts."""
    sys.stderr.flush()
    try:
        kept = os.dup(STDERR)
    except OSError:  # there is no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
