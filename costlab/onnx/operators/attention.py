"""Attention, of ONNX itself and of onnxruntime: always counted in full, also under a causal mask.

Source: ONNX operators, `Attention`; onnxruntime, ContribOperators.
"""

from __future__ import annotations

from costlab.graph import TensorSpec
from costlab.onnx.operators.call import Call, Rule, like
from costlab.ops.attention import scaled_dot_product_attention
from costlab.ops.rule import Declined, Effect, Shape, require

SOFT_CAP = 3  # a division, a tanh, a product
ROTATED = 3  # two products and a sum an element


def attended(
    call: Call, query: Shape, key: Shape, value: Shape, *, masked: bool, softcap: float = 0
) -> Effect:
    """softmax(q·kᵀ)·v of (n, heads, length, width), where heads of a key may serve several."""
    effect = scaled_dot_product_attention(
        TensorSpec(query),
        TensorSpec(key),
        TensorSpec(value),
        is_causal=masked,
        enable_gqa=query[1] != key[1],
    )
    scores = query[0] * query[1] * query[2] * key[2]
    told = {**effect.attributes, "causal": bool(call.number("is_causal"))}
    flops = effect.flops + (SOFT_CAP * scores if softcap else 0)
    return effect._replace(flops=flops, attributes=told)


def split(shape: Shape, heads: int) -> Shape:
    """(n, length, heads · width) as (n, heads, length, width); four axes are that already."""
    if len(shape) == 4:
        return shape
    require(len(shape) == 3 and heads > 0 and shape[2] % heads == 0)
    return shape[0], heads, shape[1], shape[2] // heads


def lengthened(shape: Shape, past: TensorSpec | None) -> Shape:
    """Keys or values with those that a cache holds before them."""
    if past is None:
        return shape
    require(len(past.shape) == 4 and past.shape[:2] == shape[:2])
    return (*shape[:2], past.shape[2] + shape[2], shape[3])


def attention(call: Call) -> Effect:
    """softmax(q·kᵀ·scale + mask)·v of ONNX, as `scaled_dot_product_attention`; a cache counts."""
    query = split(call.given(0).shape, call.number("q_num_heads"))
    key = lengthened(split(call.given(1).shape, call.number("kv_num_heads")), call.optional(4))
    value = lengthened(split(call.given(2).shape, call.number("kv_num_heads")), call.optional(5))
    masked = call.has(3) or bool(call.number("is_causal"))
    effect = attended(call, query, key, value, masked=masked, softcap=call.number("softcap"))
    return effect._replace(shape=call.out.shape)


def projected_attention(call: Call) -> Effect:
    """onnxruntime's `Attention`: q, k, v = x·W + b first, MACs = n·l·i·(columns of W), then full.

    Shapes: input (n, l, i), weight (i, q + k + v), bias (q + k + v), past (2, n, heads, p, e).
    """
    x, weight = call.given(0).shape, call.given(1).shape
    heads = call.number("num_heads")
    require(len(x) == 3 and len(weight) == 2 and heads > 0)
    widths = call.numbers("qkv_hidden_sizes", (weight[1] // 3,) * 3)
    require(len(widths) == 3 and sum(widths) == weight[1] and not any(w % heads for w in widths))
    batch, length, features = x
    past = call.optional(4)
    keys = length + (past.shape[3] if past is not None else 0)
    query, key, value = (
        (batch, heads, long, width // heads)
        for long, width in zip((length, keys, keys), widths, strict=True)
    )
    masked = call.has(3) or call.has(5) or bool(call.number("unidirectional"))
    effect = attended(call, query, key, value, masked=masked)
    rows = batch * length * weight[1]
    shape = (batch, length, widths[2])
    present = (2, batch, heads, keys, widths[1] // heads)
    return effect._replace(
        shape=shape,
        macs=effect.macs + rows * features,
        flops=effect.flops + (rows if call.has(2) else 0),
        shapes=(shape, present),
    )


def multi_head_attention(call: Call) -> Effect:
    """onnxruntime's `MultiHeadAttention`: projected queries, keys and values; biases one each.

    Shapes: query (n, l, h·e), key and value (n, s, h·e) or (n, h, s, e); or all in one query of
    (n, l, h, 3, e); past keys and values (n, h, p, e).
    """
    heads = call.number("num_heads")
    query: Shape
    key: Shape
    value: Shape
    q = call.given(0).shape
    if len(q) == 5:
        require(not call.has(1) and q[2] == heads and q[3] == 3)
        query = key = value = (q[0], heads, q[1], q[4])
    else:
        query = split(q, heads)
        require(call.has(2))
        key, value = (split(call.given(slot).shape, heads) for slot in (1, 2))
    biased = 0
    if call.has(3):
        biased = sum(n * h * length * width for n, h, length, width in (query, key, value))
    key, value = lengthened(key, call.optional(6)), lengthened(value, call.optional(7))
    masked = call.has(4) or call.has(5) or bool(call.number("unidirectional"))
    effect = attended(call, query, key, value, masked=masked)
    shape = (query[0], query[2], heads * value[3])
    return effect._replace(shape=shape, flops=effect.flops + biased, shapes=(shape, key, value))


def group_query_attention(call: Call) -> Effect:
    """onnxruntime's `GroupQueryAttention`: causal, keys shared by groups of heads, with a cache.

    Where the length of all keys is not in the file, it is that of the cache and the new ones.

    Shapes: query (n, l, h·e), or (n, l, (h + 2g)·e) with keys and values in it; key, value
    (n, l, g·e); past (n, g, p, e).
    """
    heads, groups = call.number("num_heads"), call.number("kv_num_heads")
    batch, length, width = call.given(0).shape
    packed = not call.has(1)
    require(heads > 0 and groups > 0)
    size = width // (heads + 2 * groups if packed else heads)
    past = call.optional(3)
    total = call.value(6)
    if total is not None and len(total) == 1:
        keys = int(total[0])
    else:
        keys = length + (past.shape[2] if past is not None else 0)
    require(keys >= length)
    query, key = (batch, heads, length, size), (batch, groups, keys, size)
    effect = attended(call, query, key, key, masked=True, softcap=call.number("softcap"))
    rotated = (heads + groups) * batch * length * size if call.number("do_rotary") else 0
    shape = (batch, length, heads * size)
    held = max(keys, past.shape[2] if past is not None else 0)
    present = (batch, groups, held, size)
    return effect._replace(
        shape=shape,
        flops=effect.flops + ROTATED * rotated,
        shapes=(shape, present, present),
        attributes={**effect.attributes, "causal": True},
    )


def rotary_embedding(call: Call) -> Effect:
    """y = x·cos + rotated x·sin: two products and a sum for each element that is rotated."""
    x = call.given(0)
    width = call.number("rotary_embedding_dim")
    rotated = x.elements
    if width:
        heads = call.number("num_heads")
        whole = x.shape[-1] if len(x.shape) == 4 else x.shape[-1] // heads if heads else 0
        if not whole:
            raise Declined
        rotated = rotated // whole * width
    return Effect(like(x).shape, flops=ROTATED * rotated)


RULES: dict[str, Rule] = {"Attention": attention}
ROTATIONS: dict[str, Rule] = {"RotaryEmbedding": rotary_embedding}
MICROSOFT: dict[str, Rule] = {
    "Attention": projected_attention,
    "GroupQueryAttention": group_query_attention,
    "MultiHeadAttention": multi_head_attention,
}
