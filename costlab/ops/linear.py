"""Linear layers: a matrix of weights applied to the last axis."""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import is_kind, real
from costlab.ops.rule import Effect, Rule, Shaped, broadcast, require
from costlab.ops.sparse import sparse_linear


def linear(input: Shaped, weight: Shaped, bias: Shaped | None = None) -> Effect:
    """y[…,o] = Σ w[o,i] · x[…,i] + b[o]  →  MACs = ∏(leading) · o · i.

    Of a sparse operand the elements that it stores are multiplied.

    Shapes: input (…, i), weight (o, i) or (i,), output (…, o) or (…,).
    """
    *lead, features = input.shape
    require(len(weight.shape) in (1, 2) and features == weight.shape[-1])
    shape = (*lead, *weight.shape[:-1])
    require(weight.dtype == input.dtype and is_kind(input, "ifc"))
    if bias is not None:
        require(bias.dtype == input.dtype and len(weight.shape) == 2)
        require(broadcast([shape, tuple(bias.shape)]) == shape)
    elements = prod(shape)
    few = sparse_linear(input, weight)
    return Effect(
        shape,
        macs=elements * features if few is None else few,
        flops=elements if bias is not None else 0,
        attributes={"channels": (features, prod(weight.shape[:-1]))},
    )


def bilinear(input1: Shaped, input2: Shaped, weight: Shaped, bias: Shaped | None = None) -> Effect:
    """y[…,o] = Σ x₁[…,i] · w[o,i,j] · x₂[…,j].

    MACs = ∏(leading) · o · i · j for Σ_i x₁·w, then ∏(leading) · o · j for the sum over j.
    """
    *lead, left = input1.shape
    *other, right = input2.shape
    require(lead == other and len(weight.shape) == 3 and tuple(weight.shape[1:]) == (left, right))
    outputs = weight.shape[0]
    require(real(input1, input2, weight))
    require(bias is None or (tuple(bias.shape) == (outputs,) and real(input1, bias)))
    shape = (*lead, outputs)
    elements = prod(shape)
    return Effect(
        shape,
        macs=elements * left * right + elements * right,
        flops=elements if bias is not None else 0,
        attributes={"channels": (left * right, outputs)},
    )


RULES: dict[str, Rule] = {"linear": linear, "bilinear": bilinear}
