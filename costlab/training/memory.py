"""The most memory that a step of training takes, by liveness over a forward and a backward.

Knows when each tensor is first needed and last; not what a kernel needs besides, nor how an
allocator rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import Autograd, Coverage
from costlab.training.needs import is_view, shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.graph import Graph
    from costlab.training.needs import Needs
    from costlab.training.saved import Kept


class Peaks(NamedTuple):
    """The most bytes at once: of activations and their gradients; of those of parameters as well.

    Units: bytes.
    """

    activations: int
    with_gradients: int


class _Clock:
    """Bytes that come and go over the steps of a schedule."""

    def __init__(self, steps: int) -> None:
        self.changes = [0] * (steps + 2)

    def hold(self, first: int, last: int, size: int) -> None:
        """Alive from one step to another, both included."""
        self.changes[first] += size
        self.changes[last + 1] -= size

    def levels(self) -> list[int]:
        live, found = 0, []
        for change in self.changes[:-1]:
            live += change
            found.append(live)
        return found


class _Spans:
    """From when to when each memory is alive that the forward makes, or makes anew."""

    def __init__(self, graph: Graph, kept: Mapping[int, Kept]) -> None:
        self.graph, self.kept = graph, kept
        self.end = 2 * len(graph.nodes)
        self.storage = [held for _, held in graph.tensors]
        noted = graph.autograd or Autograd()
        self.held = {self.storage[number] for number in noted.held}
        # An inner region before the one around it.
        self.regions = [
            (start, stop)
            for start, stop, *_ in noted.checkpoints
            if any(start <= index < stop for index in kept)
        ]
        self.first: dict[int, int] = {self.storage[number]: 0 for number in graph.inputs}
        self.last: dict[int, int] = {}
        self.again: dict[tuple[int, int], int] = {}

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """The first and the last step, and the bytes, of each."""
        self._forward()
        self._regions()
        for index, keeps in self.kept.items():
            self._keep(index, keeps)
            region = self._region(index)
            begin = index if region is None else self._backward(region[1] - 1)
            yield begin, self._backward(index), keeps.extra_bytes
        sizes = [spec.bytes for spec, _ in self.graph.tensors]
        for (at, stop), freed in self.again.items():
            yield max(self._backward(stop - 1), self.last[at] + 1), freed, sizes[at]
        for at, start in self.first.items():
            if at not in self.held:
                yield start, self.last.get(at, start), sizes[at]

    def _backward(self, node: int) -> int:
        """The step of the schedule that is a node's backward."""
        return self.end - node

    def _region(self, node: int) -> tuple[int, int] | None:
        return next((region for region in self.regions if region[0] <= node < region[1]), None)

    def _forward(self) -> None:
        """From the operation that writes it to the last that reads it; outputs to the end."""
        for index, node in enumerate(self.graph.nodes):
            for number in (*node.inputs, *node.outputs):
                self.last[self.storage[number]] = index
            if node.coverage is not Coverage.FREE:
                for number in node.outputs:
                    self.first.setdefault(self.storage[number], index)
        for number in self.graph.outputs:
            self.last[self.storage[number]] = self.end

    def _regions(self) -> None:
        """What a checkpointed region reads is still there when the region runs anew."""
        for start, stop in self.regions:
            for node in self.graph.nodes[start:stop]:
                for at in map(self.storage.__getitem__, node.inputs):
                    if self.first.get(at, start) < start:
                        self._need(at, start, self._backward(stop - 1))

    def _keep(self, index: int, keeps: Kept) -> None:
        """What a node keeps is alive until its backward; made in a region, it is made twice."""
        for at in map(self.storage.__getitem__, keeps.tensors):
            if at in self.first and at not in self.held:
                self._need(at, index, self._backward(index))

    def _need(self, at: int, node: int, until: int) -> None:
        """Has a memory there until then, for a node: kept, or made anew in a region of both."""
        made = self.first[at]
        for start, stop in self.regions:
            if start <= node < stop and start <= made < stop:
                key = at, stop
                self.again[key] = max(self.again.get(key, 0), until)
                return
        self.last[at] = max(self.last[at], until)


def peaks(graph: Graph, needs: Needs, kept: Mapping[int, Kept]) -> Peaks:
    """The peaks of a forward, then the loss, then a backward in the opposite order.

    What the forward makes is freed after its last reader, what is kept for the backward after the
    backward of the first operation that keeps it, outputs at the end. A gradient is alive from
    the first operation that adds to it to the backward of the one that made its tensor; that of a
    parameter until the end. A checkpointed region keeps what it reads, and has the rest again
    from when the backward comes to it.
    """
    end = 2 * len(graph.nodes)
    activations, gradients = _Clock(end), _Clock(end)
    spans = _Spans(graph, kept)
    for begin, stop, size in spans:
        activations.hold(begin, stop, size)
    _hold_gradients(graph, needs, activations, gradients)
    alone = activations.levels()
    both = [sum(pair) for pair in zip(alone, gradients.levels(), strict=True)]
    return Peaks(max(alone), max(both))


def _hold_gradients(graph: Graph, needs: Needs, activations: _Clock, gradients: _Clock) -> None:
    """Holds the gradient of each tensor that has one, once for all views of its memory."""
    end = 2 * len(graph.nodes)
    storage = [held for _, held in graph.tensors]
    noted = graph.autograd or Autograd()
    roots = {storage[number] for number in noted.wanting - noted.frozen}
    passing = {storage[number] for number in noted.frozen}
    begins: dict[int, int] = {}
    made: dict[int, int] = {}
    for step in needs.steps:
        for number, wanted in zip(step.operands, step.wanted, strict=True):
            if wanted:
                begins[storage[number]] = end - step.node
        node = graph.nodes[step.node]
        for number in node.outputs:
            made.setdefault(storage[number], end - step.node)
        if shares(graph, node) and not is_view(graph, node):
            # Written in place, it has one memory, but a gradient before and one after.
            size = graph.tensors[storage[node.outputs[0]]].spec.bytes
            activations.hold(end - step.node, end - step.node, size)
    for number in graph.outputs:
        if number in needs.reached or storage[number] in made:
            begins[storage[number]] = len(graph.nodes)
    for at, begin in begins.items():
        size = graph.tensors[at].spec.bytes
        if at in roots:
            gradients.hold(begin, end, size)
        else:
            activations.hold(begin, made.get(at, begin if at in passing else end), size)
