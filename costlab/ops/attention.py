"""Attention: two products of queries with keys and of weights with values."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.ops.activation import DROPOUT, SOFTMAX
from costlab.ops.dtypes import is_kind, name_of, real
from costlab.ops.rule import SAME, Effect, Rule, Shaped, broadcast, numbers, require

if TYPE_CHECKING:
    from collections.abc import Sequence


def scaled_dot_product_attention(
    query: Shaped,
    key: Shaped,
    value: Shaped,
    attn_mask: Shaped | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Effect:
    """softmax(q·kᵀ·scale + mask)·v  →  MACs = ∏(batch, heads) · l · s · (e + e_v).

    Full attention is counted whatever the mask: `is_causal` changes no MACs. The softmax takes 5
    element-wise operations a score: scale, maximum, exponential, sum, division; a mask one more,
    dropout of the weights two.

    Shapes: query (…, l, e), key (…, s, e), value (…, s, e_v), output (…, l, e_v). With
    `enable_gqa`, the query may have a multiple of the heads of key and value.
    """
    del scale
    numbers(dropout_p)
    require(0 <= dropout_p <= 1)
    q, k, v = tuple(query.shape), tuple(key.shape), tuple(value.shape)
    require(min(len(q), len(k), len(v)) > 1 and q[-1] == k[-1] and k[-2] == v[-2])
    if enable_gqa:
        require(len(q) == len(k) == len(v) and len(q) > 2)
        require(q[-3] % k[-3] == 0 and q[-3] % v[-3] == 0 and q[:-3] == k[:-3] == v[:-3])
        lead = q[:-2]
    else:
        lead = broadcast([q[:-2], k[:-2], v[:-2]])
    require(real(query, key, value))
    queries, keys = q[-2], k[-2]
    scores = prod(lead) * queries * keys
    masked = attn_mask is not None or is_causal
    if attn_mask is not None:
        require(not is_causal)
        require(is_kind(attn_mask, "b") or attn_mask.dtype == query.dtype)
        require(
            broadcast([tuple(attn_mask.shape), (*lead, queries, keys)]) == (*lead, queries, keys)
        )
    return Effect(
        (*lead, queries, v[-1]),
        macs=scores * (q[-1] + v[-1]),
        flops=scores * (SOFTMAX + masked + (DROPOUT if dropout_p else 0)),
        attributes={"heads": lead[-1] if lead else 1, "causal": is_causal},
    )


MODIFIED = (
    "a modified score of flex_attention counts one operation for each of score_mod and mask_mod, "
    "whatever they do, and blocks that a mask leaves out are counted"
)
UNMODIFIED = frozenset({"_identity", "noop_mask"})
"""What torch calls the functions that stand for none."""


def flex_attention(
    query: Shaped,
    key: Shaped,
    value: Shaped,
    score_mod: object = None,
    block_mask: Sequence[object] = (),
    *_settings: object,
) -> Effect:
    """softmax(f(q·kᵀ·scale))·v for any f  →  MACs = ∏(batch, heads) · l · s · (e + e_v).

    Counted in full, like any attention, whatever blocks the mask leaves out. `score_mod` and the
    mask take one operation a score each: what they do is not looked at.

    Shapes: query (b, h, l, e), key (b, g, s, e), value (b, g, s, e_v) with h a multiple of g, and
    one batch of keys for all if need be; output (b, h, l, e_v), then two statistics (b, h, l).
    """
    q, k, v = tuple(query.shape), tuple(key.shape), tuple(value.shape)
    require(len(q) == len(k) == len(v) == 4 and real(query, key, value))
    require(k[:3] == v[:3] and k[0] in (1, q[0]) and q[1] % k[1] == 0 and q[3] == k[3])
    scores = prod(q[:3]) * k[2]
    given = [score_mod, block_mask[-1] if block_mask else None]
    names = [getattr(function, "__name__", "a function") for function in given if function]
    changes = sum(name not in UNMODIFIED for name in names)
    statistics = "float64" if name_of(query.dtype) == "float64" else "float32"
    shape = (*q[:3], v[3])
    return Effect(
        shape,
        macs=scores * (q[3] + v[3]),
        flops=scores * (SOFTMAX + changes),
        dtype=(SAME, statistics, statistics),
        attributes={"heads": q[1], **({"remark": MODIFIED} if changes else {})},
        shapes=(shape, q[:3], q[:3]),
    )


RULES: dict[str, Rule] = {
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "flex_attention": flex_attention,
}
