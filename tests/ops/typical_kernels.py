"""Typical calls of operations by the dispatcher's names, and of recurrent layers."""

from __future__ import annotations

import torch
from torch import _C

from tests.ops.draws import tensor
from tests.ops.operands import CHANNELS, IMAGES, MATRIX, VECTOR, Call, call


def kernels() -> dict[str, Call]:
    """Operations by the dispatcher's names, on images and rows."""
    aten = torch.ops.aten
    x, c = IMAGES[2], CHANNELS
    weight = tensor(6, 4, 2, 2)
    convolved = (x, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    statistics = (x, c, c, c.clone(), c.clone())
    normalized = ("native_batch_norm", "_native_batch_norm_legit")
    calls = {
        "convolution": call(aten.convolution, *convolved),
        "_convolution": call(aten._convolution, *convolved, False, False, False, False),
        "native_layer_norm": call(aten.native_layer_norm, MATRIX, [4], VECTOR, VECTOR, 1e-5),
        **{name: call(getattr(aten, name), *statistics, True, 0.1, 1e-5) for name in normalized},
        "_native_batch_norm_legit_no_training": call(
            aten._native_batch_norm_legit_no_training, *statistics, 0.1, 1e-5
        ),
        "native_group_norm": call(aten.native_group_norm, x, c, c, 2, 4, 81, 2, 1e-5),
        "native_dropout": call(aten.native_dropout, MATRIX, 0.5, True),
        "grid_sampler_2d": call(aten.grid_sampler_2d, x, tensor(2, 3, 3, 2), 0, 0, False),
        "grid_sampler_3d": call(
            aten.grid_sampler_3d, IMAGES[3], tensor(2, 3, 3, 3, 3), 0, 0, False
        ),
        "_euclidean_dist": call(aten._euclidean_dist, MATRIX, MATRIX),
        "_cdist_forward": call(aten._cdist_forward, MATRIX, MATRIX, 2.0, None),
    }
    for rank in (2, 3):
        name = f"_adaptive_avg_pool{rank}d"
        calls[name] = call(getattr(aten, name), IMAGES[rank], [2] * rank)
    for rank, image in IMAGES.items():
        for name in (f"upsample_nearest{rank}d", f"_upsample_nearest_exact{rank}d"):
            calls[name] = call(getattr(aten, name), image, [7] * rank)
        for name in (f"reflection_pad{rank}d", f"replication_pad{rank}d"):
            calls[name] = call(getattr(aten, name), image, [1, 2] * rank)
    blended = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
    for mode, rank in blended.items():
        name = f"upsample_{mode}{rank}d"
        calls[name] = call(getattr(aten, name), IMAGES[rank], [7] * rank, False)
    return calls


def recurrences() -> dict[str, Call]:
    """One layer over a sequence of 5 steps, and one step."""
    x, step, state = tensor(5, 2, 4), tensor(2, 4), tensor(2, 4)
    calls = {}
    for kind, gates in {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}.items():
        weights = [tensor(4 * gates, 4), tensor(4 * gates, 4)]
        first = tensor(1, 2, 4)
        held = (first, first) if kind == "lstm" else first
        calls[kind] = call(
            getattr(_C._VariableFunctions, kind), x, held, weights, False, 1, 0.0, False, False,
            False,
        )  # fmt: skip
        now = (state, state) if kind == "lstm" else state
        calls[f"{kind}_cell"] = call(
            getattr(_C._VariableFunctions, f"{kind}_cell"), step, now, *weights
        )
    onednn = (tensor(5, 2, 4), tensor(16, 4), tensor(16, 4), tensor(16), tensor(16), state, state)
    # On meta: on a CPU the kernel returns memory of its own besides.
    calls["mkldnn_rnn_layer"] = call(
        torch.ops.aten.mkldnn_rnn_layer,
        *[operand.to("meta") for operand in onednn],
        False, [], 2, 4, 1, True, False, False, False,
    )  # fmt: skip
    return calls
