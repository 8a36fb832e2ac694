"""Rows of a table by their number: one each, or a sum of several.

Does not know the numbers, so not whether they are within the table either.
"""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import is_kind, name_of
from costlab.ops.indexing import SHORT_POSITIONS, are_positions
from costlab.ops.rule import Effect, Rule, Shaped, require


def embedding(
    input: Shaped,
    weight: Shaped,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Effect:
    """y[…,d] = w[x[…],d]: the rows of a table at these positions.

    Shapes: input (…), weight (n, d), output (…, d).
    """
    del norm_type, scale_grad_by_freq, sparse
    # `torch.embedding` and the dispatcher take the table first, and then two options of others.
    if is_kind(input, "fc"):
        index, table = weight, input
    else:
        index, table = input, weight
        require(max_norm is None)
        rows = table.shape[0]
        require(padding_idx is None or -rows <= padding_idx < rows)
    are_positions(index, SHORT_POSITIONS)
    require(len(table.shape) == 2 and table.shape[0] > 0)
    return Effect((*index.shape, table.shape[1]), dtype=name_of(table.dtype))


def embedding_bag(
    input: Shaped,
    weight: Shaped,
    offsets: Shaped | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Shaped | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Effect:
    """y[b,d] = Σ_{i in bag b} s[i] · w[x[i],d], its mean, or the maximum.

    One operation for each row and feature that is read; a weight of the row (`s`) one more, and a
    mean one more for each output.

    Shapes: input (b, n), or (n,) with offsets (b,); weight (rows, d), output (b, d).
    """
    del norm_type, scale_grad_by_freq, sparse, padding_idx
    places = tuple(input.shape)
    are_positions(input, SHORT_POSITIONS)
    require(mode in {"sum", "mean", "max"} and max_norm is None and len(weight.shape) == 2)
    require(is_kind(weight, "f") and weight.shape[0] > 0)
    if offsets is None:
        require(len(places) == 2)
        bags = places[0]
    else:
        are_positions(offsets, SHORT_POSITIONS)
        require(len(places) == len(offsets.shape) == 1 and offsets.dtype == input.dtype)
        bags = offsets.shape[0] - bool(include_last_offset)
        require(bags >= 0)
    if per_sample_weights is not None:
        require(mode == "sum" and tuple(per_sample_weights.shape) == places)
        require(per_sample_weights.dtype == weight.dtype)
    features = weight.shape[1]
    read = prod(places) * features * (1 if per_sample_weights is None else 2)
    made = (bags, features)
    return Effect(
        made, flops=read + (prod(made) if mode == "mean" else 0), dtype=name_of(weight.dtype)
    )


def one_hot(tensor: Shaped, num_classes: int) -> Effect:
    """y[…,c] = 1 where x[…] = c, else 0."""
    are_positions(tensor)
    require(type(num_classes) is int and num_classes > 0)
    return Effect((*tensor.shape, num_classes))


RULES: dict[str, Rule] = {
    "embedding": embedding,
    "embedding_bag": embedding_bag,
    "one_hot": one_hot,
}
