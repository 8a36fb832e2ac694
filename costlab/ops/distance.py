"""Distances and similarities between vectors.

Does not know which kernel computes them: a Euclidean distance counts as a matrix product.
"""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import is_kind, real
from costlab.ops.rule import Effect, Rule, Shaped, axis_of, broadcast, require

COSINE = 6  # three scalar products, of a multiply and an add an element each
DIFFERENCE = 4  # subtract, shift, power, sum


def cdist(
    x1: Shaped,
    x2: Shaped,
    p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Effect:
    """y[…,i,j] = ‖a[…,i,:] − b[…,j,:]‖_p.

    For p = 2, ‖a‖² + ‖b‖² − 2·a·bᵀ: MACs = ∏(…) · i · j · d, whether or not few rows are computed
    directly. For another p, 3 operations a pair and feature: subtract, power, sum.

    Shapes: x1 (…, i, d), x2 (…, j, d), output (…, i, j).
    """
    a, b = tuple(x1.shape), tuple(x2.shape)
    require(len(a) > 1 and len(b) > 1 and a[-1] == b[-1] and real(x1, x2) and p >= 0)
    require(
        compute_mode
        in {
            None,
            "use_mm_for_euclid_dist_if_necessary",
            "use_mm_for_euclid_dist",
            "donot_use_mm_for_euclid_dist",
        }
    )
    shape = (*broadcast([a[:-2], b[:-2]]), a[-2], b[-2])
    pairs = prod(shape) * a[-1]
    return Effect(shape, macs=pairs) if p == 2 else Effect(shape, flops=3 * pairs)


def cosine_similarity(x1: Shaped, x2: Shaped, dim: int = 1, eps: float = 1e-8) -> Effect:
    """y = a·b / (‖a‖ · ‖b‖) along an axis: 6 operations an element."""
    del eps
    require(real(x1, x2))
    shape = broadcast([tuple(x1.shape), tuple(x2.shape)])
    require(len(shape) > 0)
    axis = axis_of(dim, len(shape))
    return Effect((*shape[:axis], *shape[axis + 1 :]), flops=COSINE * prod(shape))


def pairwise_distance(
    x1: Shaped, x2: Shaped, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Effect:
    """y[…] = ‖a[…,:] − b[…,:] + ε‖_p: 4 operations an element."""
    del eps, p
    require(real(x1, x2) and is_kind(x1, "f"))
    shape = broadcast([tuple(x1.shape), tuple(x2.shape)])
    require(len(shape) > 0)
    return Effect((*shape[:-1], 1) if keepdim else shape[:-1], flops=DIFFERENCE * prod(shape))


RULES: dict[str, Rule] = {
    "cdist": cdist,
    "cosine_similarity": cosine_similarity,
    "pairwise_distance": pairwise_distance,
}
