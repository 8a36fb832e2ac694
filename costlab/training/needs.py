"""Which operations of a traced forward a backward goes through, and which gradients it makes.

Knows edges only: what leaf wants a gradient, where the forward turned gradients off, what the
outputs come from. Does not know what an operation's gradient costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import Autograd, Coverage

if TYPE_CHECKING:
    from costlab.graph import Checkpoint, Graph, Node, TensorSpec

CUTS = frozenset({
    "detach", "data", "detach_", "empty_like", "zeros_like", "ones_like", "full_like", "rand_like",
    "randn_like", "new_empty", "new_zeros", "new_ones", "new_full", "argsort", "count_nonzero",
})  # fmt: skip
"""Operations whose result has no gradient, whatever they read."""


class Step(NamedTuple):
    """An operation that a backward goes through.

    `node` is its place in `Graph.nodes`; `operands` are the numbers of the tensors that it was
    called with, one that was given twice standing twice; `wanted` says which want a gradient.
    """

    node: int
    operands: tuple[int, ...]
    wanted: tuple[bool, ...]


class Needs(NamedTuple):
    """What a backward of the whole forward has to do.

    `steps` are in the order of the forward; `reached` are the numbers of the tensors whose
    gradient is made; `of_inputs` says of each tensor whether it depends on an input of the model.
    """

    steps: tuple[Step, ...]
    reached: frozenset[int]
    of_inputs: tuple[bool, ...]


def has_gradient(spec: TensorSpec) -> bool:
    """Whether a tensor can have a gradient: numbers that are real or complex do.

    >>> from costlab.graph import TensorSpec
    >>> has_gradient(TensorSpec((2,), "bfloat16")), has_gradient(TensorSpec((2,), "int64"))
    (True, False)
    """
    return spec.dtype.startswith(("float", "bfloat", "complex"))


def is_view(graph: Graph, node: Node) -> bool:
    """Whether a node only looks at the memory of its first operand."""
    return node.coverage is Coverage.FREE and shares(graph, node)


def shares(graph: Graph, node: Node) -> bool:
    """Whether a node's results are in the memory of its first operand: a view, or in place."""
    return bool(node.inputs and node.outputs) and (
        graph.tensors[node.outputs[0]].storage == graph.tensors[node.inputs[0]].storage
    )


def gradient_needs(graph: Graph) -> Needs:
    """What a backward has to do, where each output of the model is handed its gradient.

    A gradient is needed of what comes from a leaf that wants one; it is made only if an output
    of the model comes of it in turn.
    """
    candidates, before = _forwards(graph)
    of_inputs = _of_inputs(graph)
    storage = [held for _, held in graph.tensors]
    wanted = {number for step in candidates for number in _wanted(step)}
    made = {number for step in candidates for number in graph.nodes[step.node].outputs}
    noted = graph.autograd or Autograd()
    leaves = noted.wanting
    outputs = {before.get(number, number) for number in graph.outputs}
    reached = {number for number in outputs if number in made or number in leaves}
    held = {storage[number] for number in reached}
    steps: list[Step] = []
    for step in reversed(candidates):
        node = graph.nodes[step.node]
        writes = shares(graph, node) and not is_view(graph, node)
        if reached.isdisjoint(node.outputs) and not (writes and storage[node.outputs[0]] in held):
            continue
        steps.append(step)
        for number in _wanted(step):
            reached.add(number)
            held.add(storage[number])
    # A gradient that is made of what is frozen by then is kept by nobody.
    made_of = frozenset(reached & (wanted | leaves)) - noted.frozen
    return Needs(tuple(reversed(steps)), made_of, of_inputs)


def _wanted(step: Step) -> list[int]:
    return [number for number, wanted in zip(step.operands, step.wanted, strict=True) if wanted]


def _forwards(graph: Graph) -> tuple[list[Step], dict[int, int]]:
    """The operations that read something with a gradient and make something that has one.

    Besides, of each tensor that was written to with gradients turned off, the one that it was
    before: autograd is not told of the write, so that its history is the same.
    """
    noted = graph.autograd or Autograd()
    off = [False] * len(graph.nodes)
    for start, end in noted.off:
        off[start:end] = [True] * (end - start)
    storage = [held for _, held in graph.tensors]
    needs = [False] * len(storage)
    detached = [False] * len(storage)
    for number in noted.leaves:
        needs[number] = True
    # Storages that were written to with a gradient: whoever looks at them has one from then on.
    written: set[int] = set()
    steps: list[Step] = []
    before: dict[int, int] = {}
    changes = _changes(graph, noted)
    for index, node in enumerate(graph.nodes):
        for change in changes.get(index, ()):
            change(needs, before, off)
        operands = noted.repeated.get(index, node.inputs)
        operands = tuple([before.get(number, number) for number in operands])
        wanted = tuple(
            [
                needs[number] or (storage[number] in written and not detached[number])
                for number in operands
            ]
        )
        shared = shares(graph, node)
        view = shared and node.coverage is Coverage.FREE
        if shared and not view and off[index]:
            before[node.outputs[0]] = operands[0]
            continue
        goes_on = any(wanted) and not off[index] and node.op not in CUTS
        makes = False
        for number in node.outputs:
            kept = shared and not view and wanted[0]
            needs[number] |= (goes_on or kept) and has_gradient(graph.tensors[number].spec)
            makes |= goes_on and needs[number]
            if view:
                cut = node.op in CUTS or detached[operands[0]]
                detached[number] = cut and number not in noted.leaves
            elif shared and needs[number]:
                written.add(storage[number])
        if makes:
            steps.append(Step(index, operands, wanted))
    return steps, before


Change = Callable[[list[bool], dict[int, int], list[bool]], None]
"""What happens before a node: to what wants a gradient, given what it was, and to what is off."""


def _changes(graph: Graph, noted: Autograd) -> dict[int, list[Change]]:
    """What the forward does between its nodes that says which gradients there are."""
    found: dict[int, list[Change]] = {}

    def turn(number: int, on: bool) -> Change:
        def change(needs: list[bool], before: dict[int, int], off: list[bool]) -> None:
            del off
            needs[before.get(number, number)] = on

        return change

    def close(region: Checkpoint) -> Change:
        given = _read_from_outside(graph, region.start, region.stop) - noted.held

        def change(needs: list[bool], before: dict[int, int], off: list[bool]) -> None:
            # The re-entrant checkpoint has gradients only if something that it is given has one.
            if not any(needs[before.get(number, number)] for number in given):
                off[region.start : region.stop] = [True] * (region.stop - region.start)

        return change

    made = {number for node in graph.nodes for number in node.outputs}
    for place, number, on in noted.turned:
        # Torch refuses to have a tensor with a history want none.
        if on or number not in made:
            found.setdefault(place, []).append(turn(number, on))
    for region in noted.checkpoints:
        if region.reentrant:
            found.setdefault(region.start, []).append(close(region))
    return found


def _read_from_outside(graph: Graph, start: int, stop: int) -> set[int]:
    """The tensors that a region of operations reads and does not make."""
    inside = graph.nodes[start:stop]
    read = {number for node in inside for number in node.inputs}
    return read - {number for node in inside for number in node.outputs}


def _of_inputs(graph: Graph) -> tuple[bool, ...]:
    """Of each tensor, whether it depends on an input of the model, or on what came unseen."""
    found = [False] * len(graph.tensors)
    for number in graph.inputs:
        found[number] = True
    storage = [held for _, held in graph.tensors]
    for node in graph.nodes:
        depends = not node.inputs or any(
            found[number] or found[storage[number]] for number in node.inputs
        )
        if depends:
            for number in node.outputs:
                found[number] = True
                found[storage[number]] = True
    return tuple(found)
