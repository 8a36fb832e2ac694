"""Products with a matrix of which only some elements are stored.

Does not know how they are stored: a compressed block counts with all its elements.
"""

from __future__ import annotations

from math import prod
from typing import Any

from costlab.ops.rule import Declined

DENSE = frozenset({"None", "torch.strided"})
"""Layouts that store every element, and that of what is described without one."""


def stored(tensor: Any) -> int | None:
    """The elements that a sparse tensor stores; None for one that is dense.

    Raises:
        Declined: it is on meta, where nothing is stored.
    """
    layout = str(getattr(tensor, "layout", None))
    if layout in DENSE:
        return None
    if tensor.is_meta:
        raise Declined
    values: Any = tensor._values() if layout == "torch.sparse_coo" else tensor.values()  # noqa: SLF001 - `values` wants a coalesced one
    return int(values.numel())


def sparse_products(left: Any, right: Any, shape: tuple[int, ...]) -> int | None:
    """Multiply-adds of a product of which one operand is sparse; None if none is.

    Each stored element of a matrix meets each column of the other: nnz · columns, or rows · nnz;
    of a batch of rows all are meant, as torch lays them out in one matrix.

    Raises:
        Declined: both are sparse, or a batch of sparse matrices is broadcast.
    """
    first, second = stored(left), stored(right)
    if first is None and second is None:
        return None
    if first is not None and second is not None:
        raise Declined  # how many of their elements meet depends on where they are
    ranks = len(left.shape), len(right.shape)
    if first is not None and ranks in {(2, 1), (2, 2), (3, 3)}:
        return first * (shape[-1] if ranks[1] > 1 else 1)
    if second is not None and ranks[1] == 2:
        return second * prod(shape[:-1])
    raise Declined


def sparse_linear(features: Any, weight: Any) -> int | None:
    """Multiply-adds of a linear layer of which one operand is sparse; None if none is.

    Each stored weight meets each row of the features, each stored feature each output.

    Raises:
        Declined: both are sparse.
    """
    given, held = stored(features), stored(weight)
    if given is not None and held is not None:
        raise Declined
    if held is not None:
        rows: int = prod(features.shape[:-1])
        return held * rows
    outputs: int = prod(weight.shape[:-1])
    return None if given is None else given * outputs
