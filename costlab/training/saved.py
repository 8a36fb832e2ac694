"""The tensors that a forward keeps for its backward, each once however many operations keep it.

Knows what each operation keeps (`costlab.training.keeping`); not when it is freed.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import ITEM_BITS, Coverage
from costlab.training.backward import LAYERS
from costlab.training.keeping import BY_RESULT, KEPT
from costlab.training.needs import has_gradient

if TYPE_CHECKING:
    from costlab.graph import Graph, Node, TensorSpec
    from costlab.training.needs import Step

FOUR_BYTES = 4
INDEX_BYTES = 8


class Kept(NamedTuple):
    """What one operation keeps: tensors of the graph, and the bytes of what only it has.

    `assumed` says that no entry tells, so that all that it reads and writes is taken to be kept.
    """

    tensors: tuple[int, ...]
    extra_bytes: int = 0
    assumed: bool = False


def kept(graph: Graph, step: Step) -> Kept:
    """What a step of the backward finds of its forward."""
    node = graph.nodes[step.node]
    if node.coverage is Coverage.FREE:
        return Kept(())
    if node.op in LAYERS or node.op.removesuffix("_cell") in LAYERS:
        return _recurrent(graph, node, step)
    found = _pieces(graph, node, step)
    if found is None:
        floats = tuple(dict.fromkeys((*step.operands, *node.outputs)))
        return Kept(floats, assumed=True)
    tensors: list[int] = []
    extra = 0
    for piece in found:
        kind, place = piece[0], piece[1:]
        if piece == "x0" and _overwrites(graph, node, step):
            # What is overwritten and read again is copied first, unless the result does as well.
            extra += 0 if node.op in BY_RESULT else graph.tensors[step.operands[0]].spec.bytes
            tensors += node.outputs[:1] if node.op in BY_RESULT else ()
        elif kind in "xy" and place.isdigit():
            among = step.operands if kind == "x" else node.outputs
            if int(place) < len(among):
                tensors.append(among[int(place)])
        elif piece == "picks":
            tensors += [
                number for number in step.operands if not has_gradient(graph.tensors[number].spec)
            ]
        else:
            extra += _bytes(graph, node, step, piece)
    return Kept(tuple(dict.fromkeys(tensors)), extra)


def _overwrites(graph: Graph, node: Node, step: Step) -> bool:
    """Whether an operation writes its result over its first operand."""
    read, made = graph.tensors[step.operands[0]], graph.tensors[node.outputs[0]]
    return read.storage == made.storage


def _pieces(graph: Graph, node: Node, step: Step) -> tuple[str, ...] | None:
    """The tokens of what is kept for the gradients that are wanted; None if no entry tells."""
    entry = KEPT.get(node.op)
    specs = [graph.tensors[number].spec for number in step.operands]
    out = graph.tensors[node.outputs[0]].spec
    if node.op in ("max", "min", "median") and len(node.outputs) == 1:
        # Over all elements there are no places: what is equal to the result is looked for.
        entry = ("x0 y0",) if len(specs) == 1 else ("x0 x1",)
    elif node.op == "pow" and len(specs) == 1:
        # By a number only the base is read again; of a number, the exponent and the result.
        entry = ("x0 y0",) if node.attributes.get("constant") == "base" else ("x0",)
    elif node.op == "einsum":
        entry = ("x1", "x0") if node.macs or len(specs) > 1 else ("",)
    elif node.op.startswith("adaptive_avg_pool"):
        # To one place it is a mean, which keeps nothing.
        single = prod(out.shape[2:]) == 1
        entry = ("",) if single else ("x0",)
    if entry is None:
        return None
    texts = [entry[min(at, len(entry) - 1)] for at, wanted in enumerate(step.wanted) if wanted]
    return tuple(dict.fromkeys(piece for text in texts for piece in text.split()))


def _bytes(graph: Graph, node: Node, step: Step, piece: str) -> int:
    """The bytes of what an operation makes for its backward alone."""
    x = graph.tensors[step.operands[0]].spec
    y = graph.tensors[node.outputs[0]].spec
    statistic = max(_item_bytes(x), FOUR_BYTES)
    if piece in ("+x0", "+y0"):
        return x.bytes if piece == "+x0" else y.bytes
    if piece == "channels":
        # In eval mode the registered statistics are read, and none are made.
        trained = node.flops > 2 * x.elements
        return 2 * x.shape[1] * statistic if trained else 0
    if piece in ("rows", "scales"):
        return (2 if piece == "rows" else 1) * statistic * _rows(graph, step, x)
    if piece == "groups":
        groups: int = node.attributes["groups"]
        return 2 * statistic * x.shape[0] * groups
    sizes = {
        "mask": y.elements,
        "places": INDEX_BYTES * y.elements,
        "lines": FOUR_BYTES * prod(y.shape[:-1]),
        "planes": prod(x.shape[:2]) * _item_bytes(x),
        "scalar": _item_bytes(x),
    }
    return sizes[piece]


def _item_bytes(spec: TensorSpec) -> int:
    """The bytes of one element, which a tensor without any has too."""
    return ITEM_BITS.get(spec.dtype, 8) // 8


def _rows(graph: Graph, step: Step, x: TensorSpec) -> int:
    """Over how many rows a normalization of the last axes runs: those of its weight, if any."""
    if len(step.operands) > 1:
        return x.elements // max(graph.tensors[step.operands[1]].spec.elements, 1)
    return prod(x.shape[:-1])


def _recurrent(graph: Graph, node: Node, step: Step) -> Kept:
    """Of each step of a recurrent layer its gates and its states; besides, what went in.

    Kernels differ here: that of cuDNN keeps a reserve that nothing says the contents of.
    """
    told = node.attributes
    specs = [graph.tensors[number].spec for number in step.operands]
    x = specs[0]
    hidden: int = told["hidden"]
    steps = prod(x.shape[:-1]) * told.get("layers", 1) * told.get("directions", 1)
    kinds = {"lstm": 4 + 2, "gru": 4 + 1, "rnn": 0 + 1}
    values = next(count for kind, count in kinds.items() if node.op.startswith(kind))
    last = (*step.operands, *node.outputs[:1])
    return Kept(tuple(dict.fromkeys(last)), steps * hidden * values * _item_bytes(x), True)
