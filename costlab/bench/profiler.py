"""The kernels of a call, by torch's profiler, in a pass of its own: what is profiled is not timed.

It knows no arm.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

from costlab.bench.document import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STDERR = 2
# What makes room or asks, and is neither a view nor made of others by its schema.
BOOKKEEPING = frozenset(
    {
        "aten::_local_scalar_dense",
        "aten::_nnpack_available",
        "aten::_unsafe_view",
        "aten::empty",
        "aten::empty_like",
        "aten::empty_strided",
        "aten::resize_",
        "aten::result_type",
    }
)
GENERATED = re.compile(r"graph_\d+_.*cpp_")
"""How the loops that torch's compiler writes for a CPU are named, if they are asked to be."""
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

    On a CPU these are the operations that compute, and the loops that torch's compiler writes; idle
    is all that lies in none of them, from the first that is seen of a call to the last.
    """
    cuda = device.type == "cuda"
    activities = [ProfilerActivity.CUDA, ProfilerActivity.CPU] if cuda else [ProfilerActivity.CPU]
    runs: list[list[Ran]] = []
    spans: list[Ran] = []
    call()
    for _ in range(CALLS):
        _wait(device)
        with _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a trace without kernels, which is then empty
            with profile(activities=activities, acc_events=True) as profiled:
                call()
                _wait(device)
        seen: Any = profiled.events()
        roots = [] if cuda else [_as_ran(one) for one in seen or () if one.cpu_parent is None]
        spans.extend(_hull(roots))
        runs.append(_on_device(seen) if cuda else _computing(seen))
    return summed(runs, spans)


def summed(
    runs: Sequence[Sequence[Ran]], spans: Sequence[Ran] = ()
) -> tuple[tuple[Kernel, ...], float]:
    """Kernels by name, of one call, the longest in total first, and the gaps between them.

    `calls` is that of the run in the middle, `time_s` the mean of one; gaps are the median run's.
    What most runs do not have is none of the call's kernels: of an operation that calls another,
    the times of a single run may name the other one.
    They are what of `spans`, one a run, lies in no kernel; without, what lies between kernels.

    >>> summed([[Ran("conv", 0.0, 2.0), Ran("relu", 3.0, 4.0), Ran("conv", 4.0, 6.0)]])
    ((Kernel(name='conv', calls=2, time_s=2.0), Kernel(name='relu', calls=1, time_s=1.0)), 1.0)
    """
    times: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        for one in run:
            times[one.name].append(one.end_s - one.start_s)
    middle = {
        name: sorted(sum(one.name == name for one in run) for run in runs)[len(runs) // 2]
        for name in times
    }
    gaps = [_idle(run, span) for run, span in zip(runs, spans or map(_whole, runs), strict=False)]
    found = [
        Kernel(name, middle[name], sum(taken) / len(taken))
        for name, taken in times.items()
        if middle[name]
    ]
    found.sort(key=lambda kernel: -kernel.calls * kernel.time_s)
    return tuple(found), sorted(gaps)[len(gaps) // 2] if gaps else 0.0


def _whole(run: Sequence[Ran]) -> Ran:
    """From the first kernel's begin to the last one's end."""
    return next(iter(_hull(run)), Ran("", 0.0, 0.0))


def _hull(runs: Sequence[Ran]) -> list[Ran]:
    """One that is as long as all of them together, with what lies between; none of none."""
    if not runs:
        return []
    return [Ran("", min(one.start_s for one in runs), max(one.end_s for one in runs))]


def _idle(run: Sequence[Ran], span: Ran) -> float:
    """Seconds of a span in which no kernel ran."""
    idle, done_s = 0.0, span.start_s
    for one in sorted(run, key=lambda one: one.start_s):
        idle += max(0.0, one.start_s - done_s)
        done_s = max(done_s, one.end_s)
    return idle + max(0.0, span.end_s - done_s)


def _as_ran(event: Any) -> Ran:
    span = event.time_range
    return Ran(event.name, span.start * MICRO, span.end * MICRO)


def _on_device(events: Any) -> list[Ran]:
    return [
        _as_ran(event)
        for event in events or ()
        if event.device_type.name == "CUDA"
        and not event.name.startswith("ProfilerStep")
        and not getattr(event, "is_user_annotation", False)
    ]


def _computing(events: Any) -> list[Ran]:
    """What computes on a CPU, each with all that it calls."""
    roots = [event for event in events or () if event.cpu_parent is None]
    return [
        ran for root in roots if root.device_type.name == "CPU" for ran in _computing_within(root)
    ]


def _computing_within(event: Any) -> list[Ran]:
    """An operation if it computes itself, else those of the ones that it calls.

    It does if none that it calls computes; or if it has a kernel of its own, and that takes longer
    than what it calls: a matrix product copies its bias first, and is no copy.
    """
    below = [ran for child in event.cpu_children for ran in _computing_within(child)]
    own = _as_ran(event)
    if GENERATED.match(event.name):
        return [own]
    if "::" not in event.name or event.name in BOOKKEEPING:
        return below
    kind = kind_of(event.name)
    if kind == "free" or (kind == "made of others" and below):
        return below
    if not below:
        return [own]
    called_s = sum(ran.end_s - ran.start_s for ran in below)
    itself = kind == "kernel" and own.end_s - own.start_s >= 2 * called_s
    return [own] if itself else below


@cache
def kind_of(name: str) -> Literal["free", "made of others", "kernel"]:
    """What a CPU does for an operation: nothing, others that it calls, or a kernel of its own.

    By torch's dispatcher: a view writes nothing, and what is composite has no kernel.

    >>> [kind_of(f"aten::{name}") for name in ("narrow", "dropout", "convolution", "addmm")]
    ['free', 'free', 'made of others', 'kernel']
    """
    space, _, short = name.partition("::")
    packet = getattr(getattr(torch.ops, space, None), short, None)
    if packet is None:  # it is of no operator, such as what autograd calls
        return "kernel"
    listed = (getattr(packet, overload) for overload in packet.overloads())
    # Some are of TorchScript alone, and the dispatcher has never heard of them.
    known = set(torch._C._dispatch_get_all_op_names())  # noqa: SLF001 - see below
    overloads = [one for one in listed if one.name() in known]
    if not overloads:
        return "kernel"
    key = torch._C.DispatchKey  # noqa: SLF001 - there is no public name for it
    if all(
        one.is_view
        or torch.Tag.inplace_view in one.tags
        or one.has_kernel_for_dispatch_key(key.CompositeImplicitAutograd)
        for one in overloads
    ):
        return "free"
    own = any(one.has_kernel_for_dispatch_key(key.CPU) for one in overloads)
    return "kernel" if own else "made of others"


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
