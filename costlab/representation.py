"""How large the representation is at each cut of a network, and where it is squeezed.

A cut separates the inputs from the outputs; what passes through it is what is alive there. Knows
neither torch nor any network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import Coverage

if TYPE_CHECKING:
    from costlab.graph import Graph

COMPRESSION = 4
"""A cut this many times narrower than any before it is a bottleneck.

Szegedy et al. 2015, §5, call it one to drop from d²k to (d/2)²k elements, by a pooling of stride 2,
and none to widen to 2d²k first and then drop to 2(d/2)²k: that is half of the narrowest before.
"""


class Cut(NamedTuple):
    """A place where a single tensor separates inputs from outputs.

    `scope` is the block that wrote it; `before` the elements of the cut before it, `narrowest` of
    the narrowest before it. The input has only itself before it.

    Units: `elements` of the tensor.
    """

    scope: str
    shape: tuple[int, ...]
    elements: int
    before: int
    narrowest: int

    @property
    def is_bottleneck(self) -> bool:
        """Whether the representation is squeezed to a quarter or less of the narrowest so far.

        A layer that widens adds no information, so a pooling behind it may take that room back.
        """
        return self.elements * COMPRESSION <= self.narrowest

    @property
    def is_drop(self) -> bool:
        """Whether it is a quarter or less of the cut just before, however wide that was."""
        return self.elements * COMPRESSION <= self.before


def profile(graph: Graph) -> tuple[Cut, ...]:
    """The single tensors that all information passes through, from the input to the output.

    Between two of them, where branches run side by side, a cut would go through several tensors.
    Of the cuts inside one outermost block only its last is kept: that is what the block hands on.
    """
    storage = [tensor.storage for tensor in graph.tensors]
    last: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        last.update((storage[number], index) for number in node.inputs)
    last.update((storage[number], len(graph.nodes)) for number in graph.outputs)
    # What is computed from parameters or constants alone carries nothing of the input.
    alive = {storage[number] for number in graph.inputs}
    carried = set(alive)
    found = [("input", *_size(graph, number)) for number in graph.inputs[:1]]
    for index, node in enumerate(graph.nodes):
        if any(storage[number] in carried for number in node.inputs):
            alive.update(storage[number] for number in node.outputs)
            carried |= alive
        alive = {number for number in alive if last.get(number, -1) > index}
        written = node.outputs[0] if node.outputs else -1
        if node.coverage is Coverage.FREE or len(alive) != 1 or storage[written] not in alive:
            continue
        block = node.scope.partition(".")[0]
        if found and found[-1][0] == block:
            found.pop()
        found.append((block, *_size(graph, written)))
    cuts: list[Cut] = []
    for scope, shape, elements in found:
        last_cut = cuts[-1] if cuts else Cut(scope, shape, elements, elements, elements)
        narrowest = min(last_cut.elements, last_cut.narrowest)
        cuts.append(Cut(scope, shape, elements, last_cut.elements, narrowest))
    return tuple(cuts)


def _size(graph: Graph, number: int) -> tuple[tuple[int, ...], int]:
    spec = graph.tensors[number].spec
    return spec.shape, spec.elements
