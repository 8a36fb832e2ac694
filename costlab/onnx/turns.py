"""The turns of a loop: each walked, or copied where it can only be as the one before it.

A turn that is given tensors of the same shapes and numbers writes the same operations; once two in
a row are so, all that follow are. Does not know what a loop's operands mean (`control`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costlab.errors import SourceError
from costlab.graph import Tensor
from costlab.onnx.reading import described
from costlab.onnx.tape import BYTES, MOST_NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from onnx import GraphProto, NodeProto

    from costlab.onnx.tape import Mark, Names
    from costlab.onnx.walking import Walk

LOOKED_AT = 16
"""So many operators are looked through for a name in the time that one takes to copy."""


class Turn(NamedTuple):
    """A turn that was walked: what it wrote, the state that it was given and what it returned."""

    since: Mark
    until: Mark
    given: tuple[int | None, ...]
    returned: tuple[int | None, ...]


class Renaming(NamedTuple):
    """What stands in a copy for the numbers of tensors and of memories of the turn copied."""

    tensors: Mapping[int, int]
    memories: Mapping[int, int]


class Body:
    """The body of a loop or the graph of a branch, by the name that its operator has for it.

    It is walked in a scope; `start` is before it all.
    """

    def __init__(self, walk: Walk, node: NodeProto, name: str, names: Names, scope: str) -> None:
        self.walk, self.outer, self.scope = walk, names, scope
        self.graph = graph = _graph(node, name)
        self.place = (*names.place, name)
        walk.spend(sum(tensor.ByteSize() for tensor in graph.initializer) // BYTES)
        self.initials = [described(tensor) for tensor in graph.initializer]
        self.declared = [*graph.value_info, *graph.output]
        self.start = walk.mark()
        self.last: Turn | None = None
        self._read: dict[str, bool] = {}

    def turn(
        self,
        state: Sequence[int | None] = (),
        before: Sequence[Callable[[], int]] = (),
        after: Sequence[Callable[[], int]] = (),
    ) -> list[int | None]:
        """What a turn returns that is given a state, and what is made for it before and after."""
        walk, since, held = self.walk, self.walk.mark(), len(self.walk.held)
        given = (*(make() for make in before), *state, *(make() for make in after))
        walk.spend(1 + len(self.initials) + len(given) + len(self.graph.output))
        within = walk.names(self.declared, self.outer.opsets, self.outer, self.place)
        for initial in self.initials:
            within.tensors[initial.name] = walk.hold(*initial, self.place)
        names = (value.name for value in self.graph.input)
        within.tensors.update(zip(names, given, strict=True))
        walk.run(self.graph.node, within, self.scope)
        returned = [within.find(value.name) for value in self.graph.output]
        # A tensor of the file that a turn is the first to read is in no copy of that turn.
        fresh = held == len(walk.held)
        self.last = Turn(since, walk.mark(), tuple(state), tuple(returned)) if fresh else None
        return returned

    def renaming(self, state: Sequence[int | None]) -> Renaming | None:
        """How the last turn is renamed to one with this state; None if they may differ."""
        pairs: list[tuple[int, int]] = []
        for old, new in zip(self.last.given if self.last else (), state, strict=False):
            if old is not None and new is not None:
                pairs.append((old, new))
            elif old is not new:
                return None
        if self.last is None or not all(self._alike(old, new) for old, new in pairs):
            return None
        memory = self.walk.tensors
        tensors = self._moved(pairs)
        memories = self._moved((memory[old].storage, memory[new].storage) for old, new in pairs)
        return None if tensors is None or memories is None else Renaming(tensors, memories)

    def _moved(self, pairs: Iterable[tuple[int, int]]) -> dict[int, int] | None:
        """What each becomes; None if one becomes two, or one from outside the loop another.

        What stands outside is also read by its name.
        """
        found: dict[int, int] = {}
        for old, new in pairs:
            if found.setdefault(old, new) != new:
                return None
            if old != new and min(old, new) < self.start.tensors:
                return None
        return found

    def _alike(self, old: int, new: int) -> bool:
        walk = self.walk
        if walk.tensors[old].spec != walk.tensors[new].spec:
            return False
        if (old in walk.learned) != (new in walk.learned):
            return False
        if old not in walk.values or new not in walk.values:
            return (old in walk.values) == (new in walk.values)
        return bool(np.array_equal(walk.values[old], walk.values[new]))

    def fits(self, turns: int) -> bool:
        """Whether so many more turns as the last one are no more operations than are walked."""
        each = 0 if self.last is None else self.last.until.nodes - self.last.since.nodes
        return len(self.walk.nodes) + turns * max(each, self.last is not None) <= MOST_NODES

    def copied(self, renaming: Renaming) -> list[int | None]:
        """What a turn returns that is the last one renamed, of which a copy is written down."""
        turn, walk = self.last, self.walk
        assert turn is not None  # noqa: S101 - what renames it has found it
        made = range(turn.since.tensors, turn.until.tensors)
        nodes = range(turn.since.nodes, turn.until.nodes)
        walk.spend(1 + len(made) + len(nodes) + len(turn.returned))
        further = len(walk.tensors) - made.start

        def other(number: int) -> int:
            found = renaming.tensors.get(number)
            if found is not None:
                return found
            return number + further if number in made else number

        for number in made:
            spec, storage = walk.tensors[number]
            memory = renaming.memories.get(storage)
            if memory is None:
                memory = storage + further if storage in made else storage
            walk.tensors.append(Tensor(spec, memory))
            if number in walk.values:
                walk.values[number + further] = walk.values[number]
            if number in walk.learned:
                walk.learned.add(number + further)
        for at in nodes:
            node = walk.nodes[at]
            inputs, outputs = tuple(map(other, node.inputs)), tuple(map(other, node.outputs))
            walk.nodes.append(node._replace(inputs=inputs, outputs=outputs))
        return [None if number is None else other(number) for number in turn.returned]

    def reads(self, name: str) -> bool:
        """Whether anything in the body reads a name, or the body returns it."""
        if name not in self._read:
            self._read[name] = _reads(self.walk, self.graph, name)
        return self._read[name]


def _graph(node: NodeProto, name: str) -> GraphProto:
    for attribute in node.attribute:
        if attribute.name == name:
            graph: GraphProto = attribute.g
            return graph
    raise SourceError(f"it has no {name}")


def _reads(walk: Walk, graph: GraphProto, name: str) -> bool:
    walk.spend(len(graph.node) // LOOKED_AT)
    if any(value.name == name for value in graph.output):
        return True
    for node in graph.node:
        if name in node.input:
            return True
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else attribute.graphs
            if any(_reads(walk, each, name) for each in inner):
                return True
    return False
