"""What each operation is: its output shape and what it costs, one file an operation family.

`OPS` is the table; `price` asks it. This layer knows shapes and options only, and never torch.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from costlab.errors import UnknownOperationError, did_you_mean
from costlab.ops import (
    activation,
    attention,
    conversion,
    convolution,
    distance,
    einsum,
    elementwise,
    embedding,
    gradients,
    indexing,
    joining,
    kernels,
    linear,
    loss,
    matmul,
    normalization,
    ordering,
    pooling,
    pooling_to_size,
    quantized,
    rearrange,
    recurrent,
    reduction,
    resampling,
    unpooling,
    views,
    writing,
)
from costlab.ops.given import RuleError, checked
from costlab.ops.names import ALIASES, METADATA
from costlab.ops.packages import GROUP, Packages, of_packages
from costlab.ops.rule import (
    FLOAT,
    SAME,
    Declined,
    Effect,
    Op,
    Shape,
    Shaped,
    family,
    free,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ALIASES",
    "FLOAT",
    "METADATA",
    "OPS",
    "PARTS",
    "SAME",
    "Declined",
    "Effect",
    "Op",
    "Packages",
    "RuleError",
    "Shape",
    "Shaped",
    "installed",
    "price",
    "table_of",
]

PARTS: tuple[dict[str, Op], ...] = (
    family("convolution", convolution.RULES),
    family("linear", linear.RULES),
    family("linear", quantized.LAYERS),
    family("matmul", matmul.RULES),
    family("matmul", einsum.RULES),
    family("matmul", quantized.PRODUCTS),
    family("attention", attention.RULES),
    family("recurrent", recurrent.RULES),
    family("recurrent", quantized.RECURRENT),
    family("normalization", normalization.RULES),
    family("activation", activation.RULES),
    family("pooling", pooling.RULES),
    family("pooling", pooling_to_size.RULES),
    family("pooling", unpooling.RULES),
    family("elementwise", elementwise.RULES),
    family("elementwise", quantized.ROUNDINGS),
    family("reduction", reduction.RULES),
    family("reduction", ordering.RULES),
    family("loss", loss.RULES),
    family("distance", distance.RULES),
    family("resampling", resampling.RULES),
    family("rearrangement", joining.RULES),
    family("rearrangement", rearrange.RULES),
    family("indexing", indexing.RULES),
    family("indexing", writing.RULES),
    family("indexing", embedding.RULES),
    family("conversion", conversion.RULES),
    family("convolution", kernels.CONVOLUTIONS),
    family("normalization", kernels.NORMALIZATIONS),
    family("activation", kernels.ACTIVATIONS),
    family("pooling", kernels.POOLINGS),
    family("resampling", kernels.RESAMPLINGS),
    family("rearrangement", kernels.REARRANGEMENTS),
    family("distance", kernels.DISTANCES),
    family("convolution", gradients.CONVOLUTIONS),
    family("attention", gradients.ATTENTIONS),
    family("activation", gradients.ACTIVATIONS),
    family("pooling", gradients.POOLINGS),
    family("loss", gradients.LOSSES),
    family("indexing", gradients.INDEXINGS),
    family("rearrangement", gradients.REARRANGEMENTS),
    free("view", views.FREE),
)
"""The operations by the tables that rules are written in; no name stands in two of them."""

OPS: dict[str, Op] = {name: op for part in PARTS for name, op in part.items()}
"""Every operation that is priced or free, by the name that its rule is listed under."""


def table_of(ops: Mapping[str, Op]) -> dict[str, Op]:
    """The table of operations that a caller gives in place of the default one.

    Raises:
        UsageError: it is no mapping from names to operations.
    """
    return checked(ops, OPS)


@cache
def installed() -> Packages:
    """The operations of other packages, which the default table has besides `OPS`.

    Looked for when it is first asked, and then kept.
    """
    return of_packages(tuple(entry_points(group=GROUP)), {*OPS, *ALIASES, *METADATA})


def price(name: str, *args: Any, **kwargs: Any) -> Effect:
    """What an operation makes and costs, for arguments that have shapes.

    The effect of a free operation is not known here: its kernel says.

    Raises:
        UnknownOperationError: no rule has this name.
        Declined: the rule does not cover these arguments.

    >>> from costlab.graph import TensorSpec
    >>> image, weight = TensorSpec((1, 3, 299, 299)), TensorSpec((32, 3, 3, 3))
    >>> price("conv2d", image, weight, stride=2).macs == 32 * 149 * 149 * 3 * 3 * 3
    True
    """
    op = OPS.get(ALIASES.get(name, name))
    if op is None or op.rule is None:
        problem = "no rule prices" if op is None else "nothing is to be priced of the view"
        message = f"{problem} {name}; see docs/adding-an-op.md"
        raise UnknownOperationError(message + did_you_mean(name, [*OPS, *ALIASES]))
    return op.rule(*args, **kwargs)
