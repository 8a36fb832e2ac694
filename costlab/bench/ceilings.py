"""What a device can do, measured: matrix products, copies, launches. Never from a datasheet.

It knows no subject. A ceiling is the best of several measurements, since whatever else happens only
takes time.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import torch

from costlab.bench.document import Ceilings
from costlab.bench.precision import applied, flags_of
from costlab.bench.study import DTYPES, PRECISIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from costlab.bench.seams import Timer
    from costlab.bench.study import Precision

# Sides of square matrices: from one that fits into every cache to one that fills the largest GPU.
SIDES = {"cpu": (256, 512, 1024), "cuda": (2048, 4096, 8192, 16384)}
# What a product of twice the side takes longer.
DOUBLED = 8
# Images, channels, grid and patch of a convolution that keeps every core busy.
CONVOLUTION = (8, 128, 28, 3)
# A copy must be far larger than the cache, and one within it must leave it room: the two buffers
# are a quarter of it each.
BEYOND = 8
WITHIN = 4
LEAST_COPY = 64 << 20
TINY = 64
LAUNCHES = 500
NODES = 1000
LAUNCHING_S = 0.05
ROUNDS = 3
"""All ceilings are measured so many times, in turn; once at least, and as often as time allows."""
TRIES = 3
MOST_TRIES = 30


def measure(
    device: torch.device,
    timer: Timer,
    host: Timer,
    *,
    cache_bytes: int,
    processors: int,
    limit_s: float,
) -> Ceilings:
    """The ceilings of a device, within about so many seconds.

    `host` is a timer of the host's clock, for what a launch takes there.
    """
    precisions = [one for one in PRECISIONS if device.type == "cuda" or one != "tf32"]
    # A rate a precision, of which a CPU has two; two copies; and launches.
    rates = len(precisions) * (2 if device.type == "cpu" else 1)
    share_s = limit_s / (rates + 3) / ROUNDS
    how = {
        "flops_per_s": "square matrix products of random numbers, the best size of "
        + ", ".join(str(side) for side in SIDES[device.type])
        + (" and a 3×3 convolution, the better of both" if device.type == "cpu" else ""),
        "copy_bytes_per_s": "a copy of random numbers, bytes read and written",
        "cache_bytes_per_s": "the same copy again, of a quarter of the last-level cache",
        "launch_s": "the host's time of a tiny operation, of many in a row",
        "graph_node_s": "a graph of as many tiny kernels, each waiting for the one before",
    }
    # A quarter of the memory that is left is as much as a measurement may take.
    beyond = min(max(LEAST_COPY, BEYOND * cache_bytes), _room(device))
    flops: dict[str, float] = {}
    copy = cache = 0.0
    launch_s, nodes_s = inf, list[float]()
    end = timer.wait_s() + limit_s
    # Made once: to fill what is far larger than the cache takes longer than to copy it.
    large, within = (_buffers(device, size) for size in (beyond, max(1, cache_bytes // WITHIN)))
    # A neighbour's burst outlasts the tries in a row of one rate; spread out, one of them is right.
    for round_ in range(ROUNDS):
        if round_ and timer.wait_s() >= end:
            break
        for precision in precisions:
            with applied(flags_of(precision)):
                rates_here = [_matmul(device, timer, precision, share_s)]
                if device.type == "cpu":
                    rates_here.append(_convolution(device, timer, precision, share_s))
            flops[precision] = max(flops.get(precision, 0.0), *rates_here)
        copy = max(copy, _copy(timer, large, share_s))
        cache = max(cache, _copy(timer, within, share_s))
        launch_s = min(launch_s, _launch(device, host))
        if device.type == "cuda":
            nodes_s.append(_node(device, timer))
    return Ceilings(
        flops_per_s=flops,
        copy_bytes_per_s=copy,
        cache_bytes_per_s=cache,
        launch_s=launch_s,
        graph_node_s=min(nodes_s, default=None),
        cache_bytes=cache_bytes,
        processors=processors,
        how=how,
    )


def best_s(timer: Timer, call: Callable[[], None], limit_s: float) -> float:
    """The shortest time of one call in about so many seconds; of one try if it takes them all."""
    end = timer.wait_s() + limit_s
    timer.time_s(call, 1)
    found = [timer.time_s(call, 1)]
    # Enough calls a try that the clock's own step does not matter, as many as there is time for.
    calls = max(1, min(1000, int(limit_s / (2 * TRIES) / max(found[0], 1e-7))))
    while timer.wait_s() < end and len(found) < MOST_TRIES:
        found.append(timer.time_s(call, calls) / calls)
    return min(found)


def _random(device: torch.device, elements: int, dtype: torch.dtype) -> torch.Tensor:
    """Random numbers from [-1, 1]; zeros would take less power, and so be faster."""
    generator = torch.Generator(device).manual_seed(0)
    return torch.empty(elements, device=device, dtype=dtype).uniform_(-1, 1, generator=generator)


def _matmul(device: torch.device, timer: Timer, precision: Precision, limit_s: float) -> float:
    dtype: torch.dtype = getattr(torch, DTYPES[precision])
    sides: Sequence[int] = SIDES[device.type]
    share_s = limit_s / len(sides)
    best = 0.0
    for side in sides:
        a, b = (_random(device, side * side, dtype).view(side, side) for _ in range(2))
        out = torch.empty_like(a)

        def product(a: torch.Tensor = a, b: torch.Tensor = b, out: torch.Tensor = out) -> None:
            torch.matmul(a, b, out=out)

        taken_s = best_s(timer, product, share_s)
        # 2·n³: a multiplication and an addition each.
        best = max(best, 2 * side**3 / taken_s)
        if DOUBLED * taken_s > share_s:  # the next would not be done in time
            break
    return best


def _convolution(device: torch.device, timer: Timer, precision: Precision, limit_s: float) -> float:
    """The rate of a large convolution: on a CPU other code than that of a matrix product runs it.

    Of both libraries either may be the faster, by as much as twice.
    """
    images, channels, grid, patch = CONVOLUTION
    dtype: torch.dtype = getattr(torch, DTYPES[precision])
    elements = images * channels * grid * grid
    x = _random(device, elements, dtype).view(images, channels, grid, grid)
    weight = _random(device, channels * channels * patch * patch, dtype)
    weight = weight.view(channels, channels, patch, patch)
    x, weight = (one.contiguous(memory_format=torch.channels_last) for one in (x, weight))

    def convolve() -> None:
        torch.conv2d(x, weight, padding=patch // 2)

    return 2 * elements * channels * patch * patch / best_s(timer, convolve, limit_s)


def _buffers(device: torch.device, nbytes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What is copied, of so many bytes, and where to."""
    source = _random(device, max(1, nbytes // 4), torch.float32)
    return source, torch.empty_like(source)


def _copy(timer: Timer, buffers: tuple[torch.Tensor, torch.Tensor], limit_s: float) -> float:
    source, target = buffers

    def copy() -> None:
        target.copy_(source)

    return 2 * source.nbytes / best_s(timer, copy, limit_s)


def _launch(device: torch.device, host: Timer) -> float:
    tiny = torch.zeros(TINY, device=device)

    def launches() -> None:
        for _ in range(LAUNCHES):
            tiny.add_(1)

    return best_s(host, launches, LAUNCHING_S) / LAUNCHES


def _node(device: torch.device, timer: Timer) -> float:
    tiny = torch.zeros(TINY, device=device)
    tiny.add_(1)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(NODES):
            tiny.add_(1)
    return best_s(timer, graph.replay, LAUNCHING_S) / NODES


def _room(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info()[0]) // 4
    return 1 << 29
