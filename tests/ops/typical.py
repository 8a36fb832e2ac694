"""A typical call of every operation that has a rule: each rule must answer its own."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from costlab.ops import activation, elementwise
from tests.ops.draws import tensor
from tests.ops.operands import (
    BATCH,
    CHANNELS,
    CLASSES,
    EIGHTHS,
    HALVES,
    IMAGES,
    MATRIX,
    PLACES,
    ROWS,
    SQUARE,
    VECTOR,
    WHOLE,
    Call,
    call,
)
from tests.ops.typical_kernels import kernels, recurrences


def windows(rank: int) -> dict[str, Call]:
    """Operations over the windows of images of this rank."""
    x = IMAGES[rank]
    kernel = (2,) * rank
    indices = torch.zeros(x.shape, dtype=torch.int64)
    named = {
        "conv": call(getattr(F, f"conv{rank}d"), x, tensor(6, 4, *kernel), None, 2, 1),
        "conv_transpose": call(getattr(F, f"conv_transpose{rank}d"), x, tensor(4, 6, *kernel)),
        "max_pool": call(getattr(F, f"max_pool{rank}d"), x, 3, stride=2),
        "avg_pool": call(getattr(F, f"avg_pool{rank}d"), x, 3, stride=1, padding=1),
        "lp_pool": call(getattr(F, f"lp_pool{rank}d"), x, 2, 3),
        "adaptive_avg_pool": call(getattr(F, f"adaptive_avg_pool{rank}d"), x, 1),
        "adaptive_max_pool": call(
            getattr(F, f"adaptive_max_pool{rank}d"), x, 2, return_indices=False
        ),
        "max_unpool": call(getattr(F, f"max_unpool{rank}d"), x, indices, 2, stride=None),
    }
    calls = {f"{name}{rank}d": made for name, made in named.items()}
    for name in ("max_pool", "adaptive_max_pool"):
        function = getattr(F, f"{name}{rank}d")
        calls[f"{name}{rank}d_with_indices"] = call(function, x, 2, return_indices=True)
    if rank > 1:
        fractional = getattr(F, f"fractional_max_pool{rank}d")
        pooled = {"output_size": 3, "return_indices": False}
        calls[f"fractional_max_pool{rank}d"] = call(fractional, x, 2, **pooled)
        pooled = {"output_size": 3, "return_indices": True}
        calls[f"fractional_max_pool{rank}d_with_indices"] = call(fractional, x, 2, **pooled)
    return calls


def elementwise_calls() -> dict[str, Call]:
    """Element-wise operations with as many operands as each takes."""
    calls: dict[str, Call] = {}
    for name in elementwise.RULES:
        method = {"Tensor.where": torch.Tensor.where}.get(name)
        function = method or getattr(torch, name, None)
        if name.startswith("reversed_"):
            short = {"div": "truediv", "floor_divide": "floordiv", "remainder": "mod"}
            part = name.removeprefix("reversed_")
            function = getattr(torch.Tensor, f"__r{short.get(part, part)}__")
            calls[name] = call(function, MATRIX, 2.0)
        elif name in {"where", "masked_fill", "masked_scatter", "Tensor.where"}:
            operands = {
                "where": (MATRIX > 0, MATRIX, 0.0),
                "masked_fill": (MATRIX, MATRIX > 0, 1),
                "masked_scatter": (MATRIX, MATRIX > 0, MATRIX),
            }
            calls[name] = call(
                function or torch.where, *operands.get(name, (MATRIX, MATRIX > 0, VECTOR))
            )
        elif name.startswith("bitwise") and name != "bitwise_not":
            calls[name] = call(function or torch.where, WHOLE, WHOLE)
        else:
            calls[name] = call(
                function or torch.where,
                *_operands(name, WHOLE if name == "bitwise_not" else MATRIX),
            )
    return calls


UNARY = frozenset({
    "bitwise_not", "logical_not", "neg", "abs", "sign", "square", "round", "ceil", "floor", "trunc",
    "frac", "nan_to_num", "isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "exp",
    "log", "log2", "log10", "log1p", "expm1", "exp2", "sqrt", "rsqrt", "reciprocal", "sin", "cos",
    "tan", "sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "erf", "erfc",
    "erfinv", "lgamma", "digamma", "sinc", "i0", "deg2rad", "rad2deg",
})  # fmt: skip
THREE = frozenset({"lerp", "addcmul", "addcdiv"})


def _operands(name: str, first: torch.Tensor) -> tuple[torch.Tensor, ...]:
    if name in UNARY:
        return (first,)
    return (first, VECTOR, VECTOR) if name in THREE else (first, VECTOR)


def activation_calls() -> dict[str, Call]:
    """Activations of a matrix or of images."""
    options: dict[str, tuple[Any, ...]] = {
        "prelu": (IMAGES[2], CHANNELS),
        "threshold": (MATRIX, 0.5, 0.0),
        "softmax": (MATRIX, -1),
        "softmin": (MATRIX, -1),
        "log_softmax": (MATRIX, -1),
        "dropout1d": (IMAGES[1],),
        "dropout2d": (IMAGES[2],),
        "dropout3d": (IMAGES[3],),
    }
    return {
        name: call(getattr(F, name), *options.get(name, (MATRIX,))) for name in activation.RULES
    }


def reductions() -> dict[str, Call]:
    """Reductions along the last axis."""
    calls = {
        name: call(getattr(torch, name), MATRIX, dim=-1)
        for name in (
            "sum", "nansum", "mean", "prod", "max", "min", "amax", "amin", "argmax", "argmin",
            "all", "any", "var", "std", "var_mean", "std_mean", "norm", "logsumexp", "cumsum",
            "cumprod", "cummax", "cummin", "sort", "argsort", "median", "count_nonzero",
            "nanmedian", "logcumsumexp",
        )
    }  # fmt: skip
    return calls | {
        "linalg_vector_norm": call(torch.linalg.vector_norm, MATRIX, 2, -1),
        "linalg_norm": call(torch.linalg.norm, MATRIX),
        "topk": call(torch.topk, MATRIX, 2),
        "kthvalue": call(torch.kthvalue, MATRIX, 2),
        "histc": call(torch.histc, MATRIX, 5, 0, 1),
        "_is_all_true": call(torch._is_all_true, MATRIX > 0),
        "_is_any_true": call(torch._is_any_true, MATRIX > 0),
        "bucketize": call(torch.bucketize, MATRIX, VECTOR),
        "searchsorted": call(torch.searchsorted, MATRIX, BATCH[0]),
        "isin": call(torch.isin, MATRIX, VECTOR),
    }


def conversions() -> dict[str, Call]:
    """Conversions of a matrix, and tensors like it."""
    methods = (
        "half", "bfloat16", "float", "double", "bool", "byte", "char", "short", "int", "long",
        "cfloat", "cdouble", "cpu",
    )  # fmt: skip
    likes = ("empty_like", "zeros_like", "ones_like", "rand_like", "randn_like")
    return {
        **{name: call(getattr(torch.Tensor, name), MATRIX) for name in methods},
        **{name: call(getattr(torch, name), MATRIX) for name in likes},
        **{
            name: call(getattr(torch.Tensor, name), MATRIX, 2, 3)
            for name in ("new_empty", "new_zeros", "new_ones")
        },
        "bernoulli": call(torch.Tensor.bernoulli, MATRIX, 0.5),
        "to": call(torch.Tensor.to, MATRIX, torch.float16),
        "type": call(torch.Tensor.type, MATRIX, torch.float16),
        "type_as": call(torch.Tensor.type_as, MATRIX, WHOLE),
        "cuda": call(torch.Tensor.cpu, MATRIX),
        "full_like": call(torch.full_like, MATRIX, 2.0),
        "new_full": call(torch.Tensor.new_full, MATRIX, (2, 3), 1.0),
    }


def _identity(score: torch.Tensor, *_places: torch.Tensor) -> torch.Tensor:
    return score


def _flex(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, score_mod: Any, block_mask: Any
) -> Any:
    """What `flex_attention` hands its operands to, without compiling it."""
    from torch._higher_order_ops.flex_attention import flex_attention
    from torch.nn.attention.flex_attention import _create_empty_block_mask

    del block_mask
    nothing = _create_empty_block_mask(q, k).as_tuple()
    return flex_attention(q, k, v, score_mod, nothing, 1.0, {})


def _write(target: torch.Tensor, index: int, value: float) -> torch.Tensor:
    target[index] = value
    return target


CALLS: dict[str, Call] = {
    **windows(1),
    **windows(2),
    **windows(3),
    **elementwise_calls(),
    **activation_calls(),
    **reductions(),
    **conversions(),
    **kernels(),
    **recurrences(),
    "linear": call(F.linear, BATCH, MATRIX, tensor(3)),
    "bilinear": call(F.bilinear, MATRIX, MATRIX, tensor(5, 4, 4), tensor(5)),
    "matmul": call(torch.matmul, BATCH, SQUARE),
    "reversed_matmul": call(torch.Tensor.__rmatmul__, SQUARE, MATRIX),
    "mm": call(torch.mm, MATRIX, SQUARE),
    "bmm": call(torch.bmm, BATCH, tensor(2, 4, 5)),
    "mv": call(torch.mv, MATRIX, VECTOR),
    "dot": call(torch.dot, VECTOR, VECTOR),
    "vdot": call(torch.vdot, VECTOR, VECTOR),
    "addmm": call(torch.addmm, VECTOR, MATRIX, SQUARE),
    "baddbmm": call(torch.baddbmm, tensor(2, 3, 5), BATCH, tensor(2, 4, 5)),
    "addbmm": call(torch.addbmm, tensor(3, 5), BATCH, tensor(2, 4, 5)),
    "addmv": call(torch.addmv, tensor(3), MATRIX, VECTOR),
    "addr": call(torch.addr, SQUARE, VECTOR, VECTOR),
    "outer": call(torch.outer, VECTOR, VECTOR),
    "ger": call(torch.ger, VECTOR, VECTOR),
    "inner": call(torch.inner, MATRIX, MATRIX),
    "linalg_vecdot": call(torch.linalg.vecdot, MATRIX, MATRIX),
    "kron": call(torch.kron, MATRIX, MATRIX),
    "tensordot": call(torch.tensordot, BATCH, SQUARE, dims=1),
    "einsum": call(torch.einsum, "bij,jk->bik", BATCH, SQUARE),
    "scaled_dot_product_attention": call(F.scaled_dot_product_attention, BATCH, BATCH, BATCH),
    "flex_attention": call(_flex, *[tensor(1, 2, 16, 8)] * 3, _identity, ()),
    "_grouped_mm": call(
        torch._grouped_mm, tensor(6, 16), tensor(3, 16, 8), torch.tensor([2, 4, 6]).int()
    ),
    "_int_mm": call(torch._int_mm, *[tensor(32, 32, dtype=torch.int8)] * 2),
    "_scaled_mm": call(
        torch._scaled_mm,
        EIGHTHS,
        EIGHTHS.t(),
        scale_a=torch.ones(()),
        scale_b=torch.ones(()),
        out_dtype=torch.bfloat16,
    ),
    "fake_quantize_per_tensor_affine": call(
        torch.fake_quantize_per_tensor_affine, MATRIX, 0.1, 0, 0, 255
    ),
    "fake_quantize_per_channel_affine": call(
        torch.fake_quantize_per_channel_affine, MATRIX, VECTOR, ROWS.new_zeros(4).int(), 1, 0, 255
    ),
    "batch_norm": call(F.batch_norm, IMAGES[2], CHANNELS, CHANNELS, CHANNELS, CHANNELS),
    "instance_norm": call(F.instance_norm, IMAGES[2]),
    "_weight_norm_interface": call(torch._weight_norm_interface, BATCH, tensor(2, 1, 1)),
    "layer_norm": call(F.layer_norm, MATRIX, (4,), VECTOR, VECTOR),
    "rms_norm": call(F.rms_norm, MATRIX, (4,)),
    "group_norm": call(F.group_norm, IMAGES[2], 2, CHANNELS, CHANNELS),
    "local_response_norm": call(F.local_response_norm, IMAGES[2], 3),
    "normalize": call(F.normalize, MATRIX),
    "renorm": call(torch.renorm, MATRIX, 2, 0, 1.0),
    "cdist": call(torch.cdist, MATRIX, MATRIX),
    "cosine_similarity": call(F.cosine_similarity, MATRIX, MATRIX),
    "cross_entropy": call(F.cross_entropy, MATRIX, CLASSES),
    "nll_loss": call(F.nll_loss, MATRIX, CLASSES, reduction="mean"),
    "mse_loss": call(F.mse_loss, MATRIX, MATRIX, reduction="mean"),
    "l1_loss": call(F.l1_loss, MATRIX, MATRIX, reduction="mean"),
    "smooth_l1_loss": call(F.smooth_l1_loss, MATRIX, MATRIX, reduction="mean"),
    "huber_loss": call(F.huber_loss, MATRIX, MATRIX, reduction="mean"),
    "binary_cross_entropy": call(F.binary_cross_entropy, HALVES, HALVES, reduction="mean"),
    "binary_cross_entropy_with_logits": call(
        F.binary_cross_entropy_with_logits, MATRIX, MATRIX, reduction="mean"
    ),
    "pairwise_distance": call(F.pairwise_distance, MATRIX, MATRIX),
    "interpolate": call(F.interpolate, IMAGES[2], scale_factor=2, mode="bilinear"),
    "grid_sample": call(F.grid_sample, IMAGES[2], tensor(2, 3, 3, 2), align_corners=False),
    "pixel_shuffle": call(F.pixel_shuffle, IMAGES[2], 2),
    "pixel_unshuffle": call(F.pixel_unshuffle, IMAGES[2], 3),
    "channel_shuffle": call(F.channel_shuffle, IMAGES[2], 2),
    "unfold": call(F.unfold, IMAGES[2], 3),
    "fold": call(F.fold, tensor(2, 8, 16), (5, 5), 2),
    "cat": call(torch.cat, [MATRIX, MATRIX], dim=1),
    "stack": call(torch.stack, [MATRIX, MATRIX]),
    "hstack": call(torch.hstack, [MATRIX, MATRIX]),
    "vstack": call(torch.vstack, [MATRIX, MATRIX]),
    "dstack": call(torch.dstack, [MATRIX, MATRIX]),
    "column_stack": call(torch.column_stack, [MATRIX, MATRIX]),
    "block_diag": call(torch.block_diag, MATRIX, VECTOR),
    "aten::block_diag": call(torch.ops.aten.block_diag, [MATRIX, VECTOR]),
    "complex": call(torch.complex, MATRIX, VECTOR),
    "polar": call(torch.polar, MATRIX, VECTOR),
    "pad": call(F.pad, MATRIX, (1, 2)),
    "constant_pad_nd": call(torch.constant_pad_nd, MATRIX, (1, 2)),
    "repeat": call(torch.Tensor.repeat, MATRIX, 2, 1),
    "tile": call(torch.tile, MATRIX, (2,)),
    "repeat_interleave": call(torch.repeat_interleave, MATRIX, 2, 0),
    "roll": call(torch.roll, MATRIX, 1, 0),
    "flip": call(torch.flip, MATRIX, (0,)),
    "fliplr": call(torch.fliplr, MATRIX),
    "flipud": call(torch.flipud, MATRIX),
    "rot90": call(torch.rot90, MATRIX),
    "clone": call(torch.clone, MATRIX),
    "copy": call(torch.Tensor.copy_, MATRIX.clone(), VECTOR),
    "fill": call(torch.Tensor.fill_, MATRIX.clone(), 1.0),
    "zero": call(torch.Tensor.zero_, MATRIX.clone()),
    "tril": call(torch.tril, MATRIX),
    "triu": call(torch.triu, MATRIX, 1),
    "gather": call(torch.gather, MATRIX, 1, PLACES),
    "take_along_dim": call(torch.take_along_dim, MATRIX, PLACES, 1),
    "take": call(torch.take, MATRIX, PLACES),
    "put": call(torch.put, MATRIX, ROWS, tensor(3)),
    "index_select": call(torch.index_select, MATRIX, 0, ROWS),
    "scatter": call(torch.scatter, MATRIX, 0, PLACES, 1.0),
    "scatter_add": call(torch.scatter_add, MATRIX, 0, PLACES, MATRIX),
    "scatter_reduce": call(torch.scatter_reduce, MATRIX, 0, PLACES, MATRIX, "amax"),
    "index_add": call(torch.index_add, MATRIX, 0, ROWS, MATRIX),
    "index_copy": call(torch.index_copy, MATRIX, 0, ROWS, MATRIX),
    "index_fill": call(torch.index_fill, MATRIX, 0, ROWS, 1.0),
    "index_put": call(torch.index_put, MATRIX, [ROWS], tensor(3, 4)),
    "embedding": call(F.embedding, PLACES, MATRIX),
    "embedding_bag": call(F.embedding_bag, PLACES, MATRIX),
    "one_hot": call(F.one_hot, PLACES, 5),
    "__setitem__": call(_write, MATRIX.clone(), 0, 1.0),
}
"""The calls, by the name that the rule is listed under."""
