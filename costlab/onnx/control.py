"""Branches and loops: what is known to run is walked, a turn of a loop at a time.

What is not known is a named unknown: the branches of an `If` if they do not cost the same, a loop
whose number of turns hangs on values. Does not know what operators cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from costlab.errors import SourceError
from costlab.graph import Coverage, Node, TensorSpec
from costlab.onnx.attributes import attributes_of
from costlab.onnx.elements import bounded
from costlab.onnx.reading import described
from costlab.onnx.tape import MOST_NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import GraphProto, NodeProto

    from costlab.onnx.tape import Mark, Names
    from costlab.onnx.walking import Walk

SCAN = 9
"""The version of the operators since which `Scan` has the form that is read here."""


def _graph(node: NodeProto, name: str) -> GraphProto:
    for attribute in node.attribute:
        if attribute.name == name:
            graph: GraphProto = attribute.g
            return graph
    raise SourceError(f"it has no {name}")


def _inside(
    walk: Walk, graph: GraphProto, names: Names, scope: str, given: Sequence[int | None]
) -> list[int | None]:
    """What a graph returns, given the tensors of its inputs."""
    within = walk.names([*graph.value_info, *graph.output], names.opsets, names)
    for tensor in graph.initializer:
        within.tensors[tensor.name] = walk.hold(*described(tensor))
    within.tensors.update(zip((value.name for value in graph.input), given, strict=True))
    walk.run(graph.node, within, scope)
    return [within.find(value.name) for value in graph.output]


def _costs(walk: Walk, since: Mark) -> tuple[Any, ...]:
    """What the operations since a mark come to, so that branches can be compared."""
    priced = macs = flops = moved = 0
    unknown = []
    for node in walk.nodes[since.nodes :]:
        macs, flops = macs + node.macs, flops + node.flops
        if node.coverage is Coverage.PRICED:
            priced += 1
            moved += sum(walk.tensors[at].spec.bytes for at in (*node.inputs, *node.outputs))
        elif node.coverage is Coverage.UNKNOWN:
            unknown.append(node.op)
    return macs, flops, moved, unknown


def _operands(node: NodeProto, names: Names) -> list[int | None]:
    return [names.find(name) if name else None for name in node.input]


def branched(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
    """`If`: the branch that is known to run, or either of two that cost and return the same."""
    (condition,) = _operands(node, names)
    branches = [_graph(node, "then_branch"), _graph(node, "else_branch")]
    if condition in walk.values:
        branches = branches[:1] if np.all(walk.values[condition]) else branches[1:]
    mark, tries = walk.mark(), []
    for graph in branches:
        walk.back(mark)
        returned = _inside(walk, graph, names, scope, ())
        specs = [None if at is None else walk.tensors[at].spec for at in returned]
        tries.append((_costs(walk, mark), specs, returned))
    costs, specs, returned = tries[-1]
    if len(tries) == 1 or (tries[0][0], tries[0][1]) == (costs, specs):
        names.tensors.update(zip(node.output, returned, strict=True))
        return
    walk.back(mark)
    same = tries[0][1] if tries[0][1] == specs else [None] * len(node.output)
    walk.unknown(node, "", same, (condition,), names, scope)


def looped(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
    """`Loop`: as many turns as are known, each walked; unknown where that hangs on values."""
    body = _graph(node, "body")
    limit, condition, *carried = _operands(node, names)
    turns = None if limit is None or limit not in walk.values else int(walk.values[limit])
    mark = walk.mark()
    stays = condition is None or bool(np.all(walk.values.get(condition, False)))
    going = limit is None or turns is not None
    going = going and (condition is None or condition in walk.values)
    each: list[list[int | None]] = []
    count = 0
    while going and stays and (turns is None or count < turns):
        if len(walk.nodes) + ((turns or count) - count) * len(body.node) > MOST_NODES:
            going = False
            break
        at = walk.constant(np.array(count, np.int64))
        on = walk.constant(np.array(True))
        goes_on, *returned = _inside(walk, body, names, scope, (at, on, *carried))
        carried, stacked = returned[: len(carried)], returned[len(carried) :]
        each.append(stacked)
        count += 1
        going = goes_on in walk.values and count < MOST_NODES
        stays = goes_on is not None and bool(np.all(walk.values.get(goes_on, False)))
    if not going:
        walk.back(mark)
        walk.unknown(node, "", [None] * len(node.output), _operands(node, names), names, scope)
        return
    _returned(walk, node, names, scope, carried, each, [0] * (len(node.output) - len(carried)))


def scanned(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
    """`Scan`: a turn for each place along an axis of its inputs."""
    body, told = _graph(node, "body"), attributes_of(node)
    operands = _operands(node, names)
    count = told.get("num_scan_inputs", 0)
    first = len(operands) - count
    axes = told.get("scan_input_axes") or [0] * count
    if names.opsets.get("", 0) < SCAN or None in operands or not 0 < count <= len(operands):
        walk.unknown(node, "", [None] * len(node.output), operands, names, scope)
        return
    over = [(at, axis) for at, axis in zip(operands[first:], axes, strict=True) if at is not None]
    lengths = {walk.tensors[at].spec.shape[axis] for at, axis in over}
    turns = lengths.pop()
    if lengths:
        raise SourceError("the axes that it runs along are of several lengths")
    if len(walk.nodes) + turns * len(body.node) > MOST_NODES:
        walk.unknown(node, "", [None] * len(node.output), operands, names, scope)
        return
    carried, each = operands[:first], []
    for _ in range(turns):
        slices = [_slice(walk, at, axis) for at, axis in over]
        returned = _inside(walk, body, names, scope, (*carried, *slices))
        carried = returned[:first]
        each.append(returned[first:])
    outputs = len(node.output) - first
    _returned(
        walk, node, names, scope, carried, each, told.get("scan_output_axes") or [0] * outputs
    )


def _slice(walk: Walk, number: int, axis: int) -> int:
    """One place along an axis: a view."""
    spec, storage = walk.tensors[number]
    shape = list(spec.shape)
    del shape[axis]
    return walk.add(TensorSpec(tuple(shape), spec.dtype), storage)


def _returned(
    walk: Walk,
    node: NodeProto,
    names: Names,
    scope: str,
    carried: Sequence[int | None],
    each: Sequence[Sequence[int | None]],
    axes: Sequence[int],
) -> None:
    """Names what a loop returns: the last state, and what its turns made, put together."""
    names.tensors.update(zip(node.output, carried, strict=False))
    inputs, outputs = [], []
    for place, (name, axis) in enumerate(zip(node.output[len(carried) :], axes, strict=True)):
        parts = [turn[place] for turn in each]
        known = [part for part in parts if part is not None]
        specs = {walk.tensors[part].spec for part in known}
        if len(known) < len(parts) or len(specs) != 1:
            names.tensors[name] = None
            continue
        (spec,) = specs
        shape = list(spec.shape)
        shape.insert(axis % (len(shape) + 1), len(parts))
        names.tensors[name] = walk.add(TensorSpec(bounded(shape), spec.dtype))
        inputs += known
        outputs.append(len(walk.tensors) - 1)
    if outputs:
        walk.nodes.append(
            Node(
                node.op_type,
                "rearrangement",
                Coverage.PRICED,
                scope,
                tuple(inputs),
                tuple(outputs),
            )
        )


TURNS: dict[str, Callable[[Walk, NodeProto, Names, str], None]] = {
    "If": branched,
    "Loop": looped,
    "Scan": scanned,
}
"""The operators that have graphs of their own."""
