"""The tensors that a forward keeps for its backward, each once however many operations keep it.

Knows what each operation keeps (`costlab.training.keeping`); not when it is freed.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import ITEM_BITS, Coverage
from costlab.training.backward import LAYERS
from costlab.training.flow import has_gradient
from costlab.training.keeping import BY_RESULT, KEPT

if TYPE_CHECKING:
    from costlab.graph import Graph, Node, TensorSpec
    from costlab.training.flow import Step

FOUR_BYTES = 4
INDEX_BYTES = 8
STATISTICS = frozenset({"channels", "groups", "instances", "rows", "scales"})
"""What is kept of normalizations (`costlab.training.keeping`)."""


class Kept(NamedTuple):
    """What one operation keeps: tensors of the graph, and the bytes of what only it has.

    `assumed` says that no entry tells, so that all that it reads and writes is taken to be kept, or
    that kernels differ.
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
    return Kept(tuple(dict.fromkeys(tensors)), extra, assumed=_differs(graph, node, step))


def _differs(graph: Graph, node: Node, step: Step) -> bool:
    """Whether an operation keeps more on a CPU than the kernel of an accelerator that is counted.

    RMS norm is several operations there, in float32 at least, which also keep the normalized input
    for its weight. Source: ATen's layer_norm.cpp (`rms_norm_composite`).
    """
    if node.op != "rms_norm":
        return False
    short = _item_bytes(graph.tensors[step.operands[0]].spec) < FOUR_BYTES
    return short or not step.wanted[0] or any(step.wanted[1:])


def _overwrites(graph: Graph, node: Node, step: Step) -> bool:
    """Whether an operation writes its result over its first operand."""
    read, made = graph.tensors[step.operands[0]], graph.tensors[node.outputs[0]]
    return read.storage == made.storage


def _pieces(graph: Graph, node: Node, step: Step) -> tuple[str, ...] | None:
    """The tokens of what is kept for the gradients that are wanted; None if no entry tells."""
    entry = KEPT.get(node.op)
    specs = [graph.tensors[number].spec for number in step.operands]
    out = graph.tensors[node.outputs[0]].spec
    if node.op in ("max", "min", "median", "nanmedian") and len(node.outputs) == 1:
        # Over all elements there are no places: what is equal to the result is looked for.
        entry = ("x0 y0",) if len(specs) == 1 else ("x0 x1",)
    elif node.op == "pow" and len(specs) == 1:
        # By a number only the base is read again; of a number, the exponent and the result.
        entry = ("x0 y0",) if node.attributes.get("constant") == "base" else ("x0",)
    elif node.attributes.get("drops_all"):
        entry = ("scalar",)  # the zero that all is multiplied by
    elif node.op == "einsum":
        entry = _factors(node) if len(specs) > 1 else ("",)
    elif node.op.startswith("adaptive_avg_pool"):
        # To one place it is a mean, which keeps nothing.
        single = prod(out.shape[2:]) == 1
        entry = ("",) if single else ("x0",)
    if entry is None:
        return None
    texts = [entry[min(at, len(entry) - 1)] for at, wanted in enumerate(step.wanted) if wanted]
    return tuple(dict.fromkeys(piece for text in texts for piece in text.split()))


def _factors(node: Node) -> tuple[str, str]:
    """Of each factor of an Einstein sum the other one, as it is once its own axes are summed.

    Source: ATen's einsum, which sums the axes of one operand alone before it multiplies.
    """
    left, right = (
        f"x{at}" if elements is None else f"sum{at}"
        for at, elements in enumerate(node.attributes["summed"])
    )
    return right, left


def _bytes(graph: Graph, node: Node, step: Step, piece: str) -> int:
    """The bytes of what an operation makes for its backward alone."""
    x = graph.tensors[step.operands[0]].spec
    y = graph.tensors[node.outputs[0]].spec
    if piece in STATISTICS:
        return _statistics(graph, node, step, piece)
    if piece in ("+x0", "+y0"):
        return x.bytes if piece == "+x0" else y.bytes
    if piece in ("sum0", "sum1"):
        return int(node.attributes["summed"][int(piece[-1])]) * _item_bytes(x)
    sizes = {
        "mask": y.elements,
        "places": INDEX_BYTES * y.elements,
        "lines": FOUR_BYTES * prod(y.shape[:-1]),
        "planes": prod(x.shape[:2]) * _item_bytes(x),
        "scalar": _item_bytes(x),
        "norms": 2 * int(node.attributes.get("norms", 0)) * _item_bytes(x),
    }
    return sizes[piece]


def _statistics(graph: Graph, node: Node, step: Step, piece: str) -> int:
    """The bytes of what a normalization computed of its input, in float32 at least."""
    x, told = graph.tensors[step.operands[0]].spec, node.attributes
    item = max(_item_bytes(x), FOUR_BYTES)
    if piece == "channels":
        # In eval mode the registered statistics are read, and none are made.
        trained = node.flops > 2 * x.elements
        return 2 * x.shape[1] * item if trained else 0
    if piece == "groups":
        groups: int = told["groups"]
        return 2 * item * x.shape[0] * groups
    if piece == "instances":
        held = graph.tensors[step.operands[-1]].spec  # all but the input are of one type
        each = (2 * item if told["from_data"] else 0) + int(told["repeated"]) * _item_bytes(held)
        return prod(x.shape[:2]) * each
    return (2 if piece == "rows" else 1) * item * _rows(graph, step, x)


def _item_bytes(spec: TensorSpec) -> int:
    """The bytes of one element, which a tensor without any has too."""
    return ITEM_BITS.get(spec.dtype, 8) // 8


def _rows(graph: Graph, step: Step, x: TensorSpec) -> int:
    """Over how many rows a normalization of the last axes runs: those of its weight, if any."""
    if len(step.operands) > 1:
        return x.elements // max(graph.tensors[step.operands[1]].spec.elements, 1)
    return prod(x.shape[:-1])


def _recurrent(graph: Graph, node: Node, step: Step) -> Kept:
    """What ATen's own kernels keep of each step: gates, what comes of them, and the states.

    An LSTM keeps its four gates, tanh of the cell's state, and both states before the step; a GRU
    its three gates, two factors of a product before it was written over one, the new value and the
    state; a plain layer the state after the step. With a projection, what is projected as well.

    Named as an estimate: oneDNN (an LSTM of float32 on a CPU) and cuDNN keep a reserve that nothing
    says the contents of. Source: ATen's RNN.cpp (`LSTMCell`, `GRUCell`, `SimpleCell`).
    """
    told = node.attributes
    specs = [graph.tensors[number].spec for number in step.operands]
    hidden: int = told["hidden"]
    states = 2 if node.op.startswith("lstm") else 1
    # The first state; of packed sequences the sizes of batches come before it.
    first = next(at for at, spec in enumerate(specs[1:], 1) if has_gradient(spec))
    rows = prod(specs[0].shape[:-1])
    layers, directions = told.get("layers", 1), told.get("directions", 1)
    *_, samples, width = (1, *specs[first].shape)[-2:]
    made = {"lstm": 5 * hidden, "gru": 6 * hidden, "rnn": hidden}
    values = rows * next(count for kind, count in made.items() if node.op.startswith(kind))
    if not node.op.startswith("rnn"):  # the first states went in
        values += (rows - samples) * (width + hidden * (states - 1))
    if width != hidden:
        values += rows * hidden
    values *= layers * directions
    values += (layers - 1) * rows * directions * width
    tensors = tuple(dict.fromkeys(step.operands))
    return Kept(tensors, values * _item_bytes(specs[0]), assumed=True)
