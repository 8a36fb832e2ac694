"""CUDA graphs of calls: captured once for each set of inputs, and replayed.

It knows neither what the calls do, nor how anything is timed.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from costlab.bench.calls import Work
    from costlab.bench.inputs import Rotation

# Calls in the graph that `repeat` replays, so that what it takes to start a graph is shared by them
# and one call is timed by what its kernels take (nvbench, issue 184).
COPIES = 16
# Runs before the capture, on a stream of their own: what is set up, compiled or tried out on the
# first runs cannot be captured (torch, CUDA semantics, "Whole-network capture").
WARM_UP = 3


class Captured:
    """Calls as CUDA graphs: one for each set of inputs, and one for each 16 in a row.

    `works` are one, or one a set of inputs. The graphs read the sets where they are; filled anew in
    place, these give new results. All share a pool of memory, which is safe since they run one
    after the other, and none reads what another wrote; what the first writes is kept, to be
    checked.

    Raises:
        RuntimeError: something in a call cannot be captured.
    """

    def __init__(self, works: Sequence[Work], inputs: Rotation) -> None:
        self.works, self.inputs = works, inputs
        # One stream for all: what a library sets up for a stream, it has then set up.
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._written: Sequence[Tensor] = ()
        with torch.set_grad_enabled(works[0].grads):
            self._make()

    def _make(self) -> None:
        self._warm_up()
        gc.collect()  # what is collected during a capture might free memory, which ends it
        self._pool = torch.cuda.graph_pool_handle()
        # In a pool of its own: no other graph writes over its result.
        self._first = self._captured(self._keep_first, torch.cuda.graph_pool_handle())
        sets = range(len(self.inputs))
        self._single = [self._capture([number]) for number in sets]
        self._rows = [
            self._capture([(row * COPIES + place) % len(self.inputs) for place in range(COPIES)])
            for row in range(max(1, len(self.inputs) // COPIES))
        ]
        self._row = 0

    def __call__(self) -> None:
        """Replays the graph of the next set."""
        self._single[self.inputs.advance()].replay()

    def repeat(self, calls: int) -> None:
        """Replays so many calls, 16 in a graph as long as there are as many left."""
        rows, rest = divmod(calls, COPIES)
        for _ in range(rows):
            self._rows[self._row].replay()
            self._row = (self._row + 1) % len(self._rows)
        if rows and rest:
            # From half way round, where the cache no longer holds what the rows have read.
            self.inputs.skip_to(self._row * COPIES + len(self.inputs) // 2)
        for _ in range(rest):
            self()

    def first(self) -> Sequence[Tensor]:
        """Replays the first set, and gives the memory that the graph writes to."""
        self._first.replay()
        return self._written

    def _warm_up(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UP):
                args, kwargs = self.inputs.at(0)
                self.works[0].run(*args, **kwargs)
        torch.cuda.current_stream().wait_stream(self._stream)
        torch.cuda.synchronize()

    def _keep_first(self) -> None:
        args, kwargs = self.inputs.at(0)
        self._written = self.works[0](*args, **kwargs)

    def _capture(self, sets: Sequence[int]) -> torch.cuda.CUDAGraph:
        def run() -> None:
            for number in sets:
                args, kwargs = self.inputs.at(number)
                self.works[number % len(self.works)].run(*args, **kwargs)

        return self._captured(run, self._pool)

    def _captured(self, run: Callable[[], None], pool: Any) -> torch.cuda.CUDAGraph:
        """A graph of what runs.

        Not by `torch.cuda.graph`, which empties the caches of memory each time: there may be a
        thousand sets.
        """
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self._stream):
            graph.capture_begin(pool=pool)
            try:
                run()
            finally:
                graph.capture_end()
        return graph
