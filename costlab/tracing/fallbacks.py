"""On which tensors a forward is run, and what is said where the first choice did not carry it.

Does not know how a forward is run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from costlab.errors import TraceError, UsageError
from costlab.graph import Graph
from costlab.tracing.stops import OtherWayError, needs_more

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch

On = Literal["auto", "meta", "fake", "real"]
"""Shapes alone, fake tensors (every kernel runs, on no memory) or real tensors; or as needed."""
Carrier = Literal["meta", "fake", "real"]
TENSORS = {"meta": "shapes alone", "fake": "fake tensors", "real": "real tensors"}
WITH_WEIGHTS = "give the model with its weights, which `costlab report --on real` builds"
ROOM = 2
"""Bytes that a run on real tensors is taken to need for each of weights and inputs: a copy of all
that is read, and as much for what is computed."""


class NoneCarriesError(TraceError):
    """A forward that tensors of no kind carry to its end; `first` says where shapes alone stop."""

    def __init__(self, stops: dict[Carrier, TraceError], partial: object) -> None:
        """With the reasons of all of them."""
        super().__init__(_reasons(stops), partial)
        self.first = str(stops["meta"])


def checked(on: str) -> On:
    """The choice.

    Raises:
        UsageError: there is no such choice.
    """
    for known in get_args(On):
        if on == known:
            choice: On = known
            return choice
    message = f"on is {on!r}; it must be one of {', '.join(map(repr, get_args(On)))}"
    raise UsageError(message)


def attempt(on: On, run: Callable[[Carrier], Graph], obstacle: Callable[[], str]) -> Graph:
    """The graph of the first run that comes to its end: on meta, on fake tensors, on real ones.

    A forward that stops by a mistake of its own is not run again. One that caught what it cannot
    be answered came to its end, but by another way than with values: that counts if nothing else
    does. `obstacle` says what keeps the model from being run on real tensors, or nothing.

    Raises:
        TraceError: none does; each has its reason, and `partial` is the graph that came furthest.
    """
    if on != "auto":
        if on == "real" and (why := obstacle()):
            message = f"the forward cannot be run on real tensors: {why}"
            raise TraceError(message)
        return run(on)
    stops: dict[Carrier, TraceError] = {}
    order: tuple[Carrier, ...] = ("meta", "fake", "real")
    for carrier in order:
        if carrier == "real" and (why := obstacle()):
            stops[carrier] = TraceError(f"not tried, as {why}")
            break
        try:
            graph = run(carrier)
        except TraceError as error:
            if not stops and not needs_more(error):
                raise
            stops[carrier] = error
            continue
        return (
            graph if not stops else replace(graph, remarks=(*_told(carrier, stops), *graph.remarks))
        )
    for stop in stops.values():
        if isinstance(stop, OtherWayError) and isinstance(stop.partial, Graph):
            graph = stop.partial
            return replace(graph, remarks=(_reasons(stops), *graph.remarks))
    first = stops["meta"]
    furthest = max(stops.values(), key=lambda error: _length(error.partial))
    raise NoneCarriesError(stops, furthest.partial) from first.__cause__


def _told(carrier: Carrier, stops: dict[Carrier, TraceError]) -> list[str]:
    """The remark that a graph comes from another run than the first."""
    return [f"counted on {TENSORS[carrier]}, as on {TENSORS['meta']} {stops['meta']}"]


def _reasons(stops: dict[Carrier, TraceError]) -> str:
    """One message for all runs; a reason that is the same as the one before is not repeated."""
    told, last = str(stops["meta"]), str(stops["meta"])
    for carrier, error in list(stops.items())[1:]:
        reason = str(error)
        told += f"; on {TENSORS[carrier]}: {'the same' if reason == last else reason}"
        last = reason
    return told


def _length(partial: Any) -> int:
    return len(partial.nodes) if isinstance(partial, Graph) else 0


def what_is_missing(
    held: Iterable[torch.Tensor], inputs: Iterable[torch.Tensor], remedy: str = WITH_WEIGHTS
) -> str:
    """What keeps a forward from being run on real tensors: weights that are not there, or memory.

    The empty string if nothing does. `remedy` is what to do where weights are not there.
    """
    tensors = list(held)
    absent = sum(tensor.is_meta for tensor in tensors)
    if absent:
        return (
            f"{absent} of the model's {len(tensors)} weights and buffers have no values (they are "
            f"on meta, or were left out); {remedy}"
        )
    return _no_room((*tensors, *inputs), ROOM)


def weights_would_do(error: TraceError, held: Iterable[torch.Tensor]) -> bool:
    """Whether a forward stops because it reads values and its weights were left out.

    Not if the weights, made beside what a run on them takes, do not fit into memory.
    """
    tensors = list(held)
    left_out = isinstance(error, NoneCarriesError) and any(tensor.is_meta for tensor in tensors)
    return left_out and not _no_room(tensors, 1 + ROOM)


def _no_room(tensors: Iterable[torch.Tensor], times: int) -> str:
    """Whether memory is missing for so many times the tensors' bytes; the empty string if not."""
    here = [tensor for tensor in tensors if tensor.device.type in ("cpu", "meta")]
    needed = times * sum(tensor.numel() * tensor.element_size() for tensor in here)
    free = available_bytes()
    if free is not None and needed > free:
        return f"it would take {needed:,} bytes of memory, and {free:,} are free"
    return ""


def available_bytes(limits: Path = Path("/")) -> int | None:
    """The bytes of memory that a process may still take; None where that cannot be told.

    `limits` is the root below which Linux tells of memory and of a control group's limit.
    """
    try:
        lines = (limits / "proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    group = limits / "sys/fs/cgroup"
    try:
        most = int((group / "memory.max").read_text())
        free = min(free, most - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no group, or one without a limit ("max")
    return max(free, 0)
