"""The multiply-adds of a backward: of each product the gradient of each operand that wants one.

Equation: of y = Σ_k a[…k] · b[…k] the gradients are ∂a = Σ ∂y · b and ∂b = Σ ∂y · a: the same
products once more for each, summed over other axes. Does not know element-wise gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlab.graph import Node, TensorSpec

    Products = list[tuple[int, int]]
    """The place of an operand, and the multiply-adds of its gradient."""

MATRIX = 2
"""The axes of a matrix; the states of a stack of recurrent layers have three."""
PROJECTED = (3, 5)
"""How many tensors a recurrent layer holds that has a projection: without biases, and with."""

Gradient = Callable[["Node", "Sequence[TensorSpec]", "Sequence[bool]"], "Products"]
"""The products of a node's gradients, given its operands and which of them want one."""


def of_factors(left: int, right: int) -> Gradient:
    """The gradients of a product of two operands: each takes as many products as the forward."""

    def gradient(node: Node, specs: Sequence[TensorSpec], wanted: Sequence[bool]) -> Products:
        del specs
        return [(at, node.macs) for at in (left, right) if at < len(wanted) and wanted[at]]

    return gradient


def of_bilinear(node: Node, specs: Sequence[TensorSpec], wanted: Sequence[bool]) -> Products:
    """Of y[l,o] = Σ x₁[l,i] · w[o,i,j] · x₂[l,j].

    ∂x₁ takes Σ_j w·x₂ (l·o·i·j), then Σ_o with ∂y (l·o·i); ∂x₂ the same with i and j exchanged;
    ∂w takes ∂y·x₁ (l·o·i) and its product with x₂ (l·o·i·j).
    """
    del node
    outputs, left, right = specs[2].shape
    places = prod(specs[0].shape[:-1])
    whole = places * outputs * left * right
    each = (
        whole + places * outputs * left,
        whole + places * outputs * right,
        whole + places * outputs * left,
    )
    return [(at, macs) for at, macs in enumerate(each) if wanted[at]]


def of_attention(node: Node, specs: Sequence[TensorSpec], wanted: Sequence[bool]) -> Products:
    """Of y = p·v, p = softmax(q·kᵀ): four products.

    ∂v = pᵀ·∂y and ∂p = ∂y·vᵀ have the products of the forward's second, ∂q = ∂s·k and ∂k = ∂sᵀ·q
    those of its first. ∂p is made for q, k and the mask together, and told with the first of
    them. A fused kernel computes q·kᵀ anew besides: that is not counted.

    Source: Dao et al. 2022 (FlashAttention), Appendix B.2 and Algorithm 4.
    """
    width, value_width = specs[0].shape[-1], specs[2].shape[-1]
    scores = node.macs // (width + value_width)  # a node without products does not come here
    found = [(at, scores * width) for at in (0, 1) if wanted[at]]
    of_scores = [at for at in (0, 1, 3) if at < len(wanted) and wanted[at]]
    if of_scores:
        found.append((of_scores[0], scores * value_width))
    if wanted[2]:
        found.append((2, scores * value_width))
    return found


def of_layers(node: Node, specs: Sequence[TensorSpec], wanted: Sequence[bool]) -> Products:
    """Of a stack of recurrent layers: of each matrix product of each step, what is wanted.

    The gradient of a step's state is needed by the step before it, if anything there wants one;
    that of a first state only if this is wanted itself. A layer's input wants one if it is the
    result of a layer below in which something does.
    """
    told = node.attributes
    directions, hidden = told["directions"], told["hidden"]
    first = next(at for at in range(1, len(specs)) if len(specs[at].shape) == MATRIX)
    states = 2 if node.op == "lstm" else 1
    state = first - states
    each = (len(specs) - first) // (told["layers"] * directions)
    projected = each in PROJECTED
    width = specs[first + 1].shape[1]
    steps = prod(specs[0].shape[:-1])
    sequences = specs[state].shape[1]
    found: Products = []
    below = wanted[0]
    for start in range(first, len(specs), each * directions):
        alive = False
        for own in range(start, start + each * directions, each):
            gates, features = specs[own].shape
            of_state = any(wanted[state : state + states])
            if not (below or of_state or any(wanted[own : own + each])):
                continue
            alive = True
            of_input, of_hidden = gates * features, gates * width
            found += [(0, steps * of_input)] if below else []
            found += [(own, steps * of_input)] if wanted[own] else []
            found += [(0, (steps - sequences) * of_hidden)]
            found += [(state, sequences * of_hidden)] if wanted[state] else []
            found += [(own + 1, steps * of_hidden)] if wanted[own + 1] else []
            if projected:
                found += [(0, steps * width * hidden)]
                found += (
                    [(own + each - 1, steps * width * hidden)] if wanted[own + each - 1] else []
                )
        below = alive
    return found


def of_cell(node: Node, specs: Sequence[TensorSpec], wanted: Sequence[bool]) -> Products:
    """Of one step: of the product with the input and of that with the state, what is wanted."""
    states = 2 if node.op == "lstm_cell" else 1
    gates, features = specs[1 + states].shape
    _, width = specs[2 + states].shape
    samples = prod(specs[0].shape[:-1])
    sizes = {0: features, 1: width, 1 + states: features, 2 + states: width}
    return [(at, samples * gates * size) for at, size in sizes.items() if wanted[at]]


PAIRS = (
    *(f"conv{rank}d" for rank in (1, 2, 3)),
    *(f"conv_transpose{rank}d" for rank in (1, 2, 3)),
    "convolution", "_convolution", "linear", "matmul", "reversed_matmul", "mm", "bmm", "mv", "dot",
    "vdot", "outer", "ger", "inner", "linalg_vecdot", "tensordot", "einsum",
    "_grouped_mm",
)  # fmt: skip
SUMS = ("addmm", "baddbmm", "addbmm", "addmv", "addr")
LAYERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")

GRADIENTS: dict[str, Gradient] = {
    **dict.fromkeys(PAIRS, of_factors(0, 1)),
    **dict.fromkeys(SUMS, of_factors(1, 2)),
    "bilinear": of_bilinear,
    "scaled_dot_product_attention": of_attention,
    "flex_attention": of_attention,
    "_scaled_dot_product_flash_attention_for_cpu": of_attention,
    **dict.fromkeys(LAYERS, of_layers),
    **{f"{layer}_cell": of_cell for layer in LAYERS},
}
"""How the gradients of each operation with multiply-adds are counted."""


def products(node: Node, specs: Sequence[TensorSpec], wanted: Sequence[bool]) -> Products | None:
    """The products of each operand's gradient; None if no rule knows this operation's.

    >>> from costlab.graph import Coverage, Node, TensorSpec
    >>> fc = Node("linear", "linear", Coverage.PRICED, "fc", (0, 1), (2,), macs=8 * 64 * 10)
    >>> products(fc, [TensorSpec((8, 64)), TensorSpec((10, 64))], (False, True))
    [(1, 5120)]
    """
    if not node.macs:
        return []
    gradient = GRADIENTS.get(node.op)
    return None if gradient is None else gradient(node, specs, wanted)
