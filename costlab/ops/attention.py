"""Attention: two products of queries with keys and of weights with values."""

from __future__ import annotations

from math import prod

from costlab.ops.dtypes import is_kind, real
from costlab.ops.rule import Effect, Rule, Shaped, broadcast, require


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

    Full attention is counted whatever the mask: `is_causal` changes no number. The softmax takes
    5 element-wise operations a score: scale, maximum, exponential, sum, division; a mask one more.

    Shapes: query (…, l, e), key (…, s, e), value (…, s, e_v), output (…, l, e_v). With
    `enable_gqa`, the query may have a multiple of the heads of key and value.
    """
    del dropout_p, scale
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
        flops=scores * (6 if masked else 5),
        attributes={"heads": lead[-1] if lead else 1, "causal": is_causal},
    )


RULES: dict[str, Rule] = {"scaled_dot_product_attention": scaled_dot_product_attention}
