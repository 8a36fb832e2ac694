"""Branches and loops: what is known to run is walked, a turn of a loop at a time.

What is not known is a named unknown: the branches of an `If` if they differ in any figure of a
report, a loop whose number of turns hangs on values. Does not know what operators cost.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from costlab.errors import SourceError
from costlab.graph import Coverage, Node, TensorSpec
from costlab.onnx.attributes import attributes_of
from costlab.onnx.elements import bounded
from costlab.onnx.tape import MOST_NODES, MOST_TURNED, WALKED, ExhaustedError
from costlab.onnx.turns import Body
from costlab.reporting import report_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import NodeProto

    from costlab.onnx.tape import Mark, Names
    from costlab.onnx.walking import Walk

    Rule = Callable[[Walk, NodeProto, Names, str], None]

SCAN = 9
"""The version of the operators since which `Scan` has the form that is read here."""

TOO_LONG = (
    f"its turns are more than are followed ({MOST_NODES:,} operations in a graph; "
    f"{MOST_TURNED // WALKED:,} walked in all loops, as turns that differ are): nothing of it is "
    "counted; export it with fewer turns, or count its body as a model and multiply"
)


def _costs(walk: Walk, since: Mark, returned: Sequence[int | None]) -> tuple[Any, ...]:
    """All that a report would say of the operations since a mark, so that branches are compared."""
    told = report_of(walk.part(since, returned), "", "eval", {})
    return told.total, set(told.coverage.unknown)


def _operands(node: NodeProto, names: Names) -> list[int | None]:
    return [names.find(name) if name else None for name in node.input]


def _within_limits(rule: Rule) -> Rule:
    """A rule whose turns and tries are bounded together with those of all others.

    The outermost one is given up, as what is walked within it is walked anew each turn.
    """

    @wraps(rule)
    def bounded_rule(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
        mark, depth = walk.mark(), walk.depth
        walk.turning += 1
        try:
            rule(walk, node, names, scope)
        except ExhaustedError:
            if walk.turning > 1:
                raise
            walk.depth = depth
            _given_up(walk, node, names, scope, mark)
        finally:
            walk.turning -= 1

    return bounded_rule


def _given_up(
    walk: Walk, node: NodeProto, names: Names, scope: str, mark: Mark, remark: str = TOO_LONG
) -> None:
    """Forgets what was walked of an operator, and names it as unknown."""
    walk.back(mark)
    made = [None] * len(node.output)
    walk.unknown(node, "", made, _operands(node, names), names, scope, remark)


def branched(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
    """`If`: the branch that is known to run, or either of two that cost and return the same."""
    (condition,) = _operands(node, names)
    if condition not in walk.values:
        _either(walk, node, names, scope)
        return
    taken = "then_branch" if np.all(walk.values[condition]) else "else_branch"
    returned = Body(walk, node, taken, names, scope).turn()
    names.tensors.update(zip(node.output, returned, strict=True))


@_within_limits
def _either(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
    """Walks each branch, and keeps the last if they cost and return the same.

    They cost the same if every figure of a report does: depth, weights that run and activations as
    well as multiply-adds, each branch by itself.
    """
    mark, tries = walk.mark(), []
    for branch in ("then_branch", "else_branch"):
        walk.back(mark)
        returned = Body(walk, node, branch, names, scope).turn()
        specs = [None if at is None else walk.tensors[at].spec for at in returned]
        tries.append((_costs(walk, mark, returned), specs, returned))
    (first, same, _), (costs, specs, returned) = tries
    if (first, same) == (costs, specs):
        names.tensors.update(zip(node.output, returned, strict=True))
        return
    walk.back(mark)
    made = same if same == specs else [None] * len(node.output)
    walk.unknown(node, "", made, _operands(node, names), names, scope)


@_within_limits
def looped(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
    """`Loop`: as many turns as are known; unknown where that hangs on values, or is too many."""
    limit, condition, *carried = _operands(node, names)
    turns = None if limit is None or limit not in walk.values else int(walk.values[limit].item())
    mark = walk.mark()
    stays = condition is None or bool(np.all(walk.values.get(condition, False)))
    told = (limit is None or turns is not None) and (condition is None or condition in walk.values)
    body = Body(walk, node, "body", names, scope)
    each: list[list[int | None]] = []
    while told and stays and (turns is None or len(each) < turns):
        same = body.renaming(carried)
        if same is not None and body.reads(body.graph.input[0].name):
            same = None
        endless = turns is None and same is not None
        if endless or not body.fits(1 if turns is None else turns - len(each)):
            _given_up(walk, node, names, scope, mark)
            return
        if same is not None:
            goes_on, *returned = body.copied(same)
        else:
            number, on = np.array(len(each), np.int64), np.array(True)
            made = (partial(walk.constant, number), partial(walk.constant, on))
            goes_on, *returned = body.turn(carried, before=made)
        carried, stacked = returned[: len(carried)], returned[len(carried) :]
        each.append(stacked)
        told = goes_on in walk.values
        stays = goes_on is not None and bool(np.all(walk.values.get(goes_on, False)))
    if not told:
        _given_up(walk, node, names, scope, mark, remark="")
        return
    _returned(walk, node, names, scope, carried, each, [0] * (len(node.output) - len(carried)))


@_within_limits
def scanned(walk: Walk, node: NodeProto, names: Names, scope: str) -> None:
    """`Scan`: a turn for each place along an axis of its inputs."""
    told = attributes_of(node)
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
    mark, body = walk.mark(), Body(walk, node, "body", names, scope)
    carried, each = operands[:first], []
    for turn in range(turns):
        if not body.fits(turns - turn):
            _given_up(walk, node, names, scope, mark)
            return
        same = body.renaming(carried)
        if same is not None:
            returned = body.copied(same)
        else:
            slices = [partial(_slice, walk, at, axis) for at, axis in over]
            returned = body.turn(carried, after=slices)
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


TURNS: dict[str, Rule] = {
    "If": branched,
    "Loop": looped,
    "Scan": scanned,
}
"""The operators that have graphs of their own."""
