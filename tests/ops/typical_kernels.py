"""Typical calls of operations by the dispatcher's names, and of recurrent layers."""

from __future__ import annotations

import torch
from torch import _C

from tests.ops.draws import tensor
from tests.ops.operands import CHANNELS, CLASSES, IMAGES, MATRIX, VECTOR, Call, call


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
        "nll_loss_forward": call(aten.nll_loss_forward, MATRIX, CLASSES, None, 1, -100),
        "nll_loss2d_forward": call(
            aten.nll_loss2d_forward, x, torch.zeros(2, 9, 9, dtype=torch.long), None, 1, -100
        ),
        "native_dropout": call(aten.native_dropout, MATRIX, 0.5, True),
        "grid_sampler_2d": call(aten.grid_sampler_2d, x, tensor(2, 3, 3, 2), 0, 0, False),
        "grid_sampler_3d": call(
            aten.grid_sampler_3d, IMAGES[3], tensor(2, 3, 3, 3, 3), 0, 0, False
        ),
        "_euclidean_dist": call(aten._euclidean_dist, MATRIX, MATRIX),
        "_cdist_forward": call(aten._cdist_forward, MATRIX, MATRIX, 2.0, None),
    }
    calls.update(gradients())
    for rank in (2, 3):
        name, image = f"_adaptive_avg_pool{rank}d", IMAGES[rank]
        calls[name] = call(getattr(aten, name), image, [2] * rank)
        unpool, places = f"max_unpool{rank}d", torch.zeros(image.shape, dtype=torch.long)
        windows = ([2] * rank, [0] * rank) if rank == 3 else ()
        calls[f"aten::{unpool}"] = call(getattr(aten, unpool), image, places, [18] * rank, *windows)
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


def gradients() -> dict[str, Call]:
    """Kernels of a backward, and of losses."""
    aten = torch.ops.aten
    x, weight, queries = IMAGES[2], tensor(6, 4, 2, 2), tensor(2, 3, 5, 4)
    out, statistics = aten._scaled_dot_product_flash_attention_for_cpu(queries, queries, queries)
    attended = (out, queries, queries, queries, out, statistics, 0.0, False)
    one, settings = torch.tensor(1.0), (None, 1, -100)
    grid, classes = tensor(2, 4, 2, 2), CLASSES[:2, None, None].expand(2, 2, 2).contiguous()
    half, size = MATRIX.sigmoid(), torch.tensor(3.0)
    calls = {
        "convolution_backward": call(
            aten.convolution_backward, tensor(2, 6, 8, 8), x, weight, [6], [1, 1], [0, 0], [1, 1],
            False, [0, 0], 1, [True] * 3,
        ),
        "_scaled_dot_product_flash_attention_for_cpu": call(
            aten._scaled_dot_product_flash_attention_for_cpu, queries, queries, queries
        ),
        "_scaled_dot_product_flash_attention_for_cpu_backward": call(
            aten._scaled_dot_product_flash_attention_for_cpu_backward, *attended
        ),
        "elu_backward": call(aten.elu_backward, MATRIX, 1.0, 1.0, 1.0, False, MATRIX),
        "glu_backward": call(aten.glu_backward, MATRIX[:, :2], MATRIX, 1),
        "_prelu_kernel": call(aten._prelu_kernel, MATRIX, VECTOR),
        "_prelu_kernel_backward": call(aten._prelu_kernel_backward, MATRIX, MATRIX, VECTOR),
        "avg_pool2d_backward": call(
            aten.avg_pool2d_backward, tensor(2, 4, 4, 4), x, [2, 2], [2, 2], [0, 0], False, True,
            None,
        ),
        "aten::binary_cross_entropy": call(aten.binary_cross_entropy, half, half, None, 0),
        "aten::binary_cross_entropy_with_logits": call(
            aten.binary_cross_entropy_with_logits, half, half, None, None, 0
        ),
        "binary_cross_entropy_backward": call(
            aten.binary_cross_entropy_backward, MATRIX, half, half, None, 0
        ),
        "nll_loss_backward": call(
            aten.nll_loss_backward, one, MATRIX, CLASSES, *settings, size
        ),
        "nll_loss2d_backward": call(
            aten.nll_loss2d_backward, one, grid, classes, *settings, size
        ),
        "embedding_dense_backward": call(
            aten.embedding_dense_backward, tensor(3, 4), CLASSES, 9, -1, False
        ),
        "slice_backward": call(aten.slice_backward, MATRIX, [5, 4], 0, 1, 4, 1),
        "select_backward": call(aten.select_backward, VECTOR, [3, 4], 0, 1),
    }  # fmt: skip
    for name, given in {"mse": (), "smooth_l1": (1.0,), "huber": (1.0,)}.items():
        forward, backward = f"{name}_loss", f"{name}_loss_backward"
        calls[f"aten::{forward}"] = call(getattr(aten, forward), MATRIX, MATRIX + 1, 1, *given)
        calls[backward] = call(getattr(aten, backward), MATRIX, MATRIX, MATRIX + 1, 0, *given)
    for name in ("_softmax_backward_data", "_log_softmax_backward_data"):
        calls[name] = call(getattr(aten, name), MATRIX, half, 1, torch.float32)
    for rank in (2, 3):
        image, window = IMAGES[rank], [2] * rank
        pooled, at = getattr(aten, f"max_pool{rank}d_with_indices")(image, window)
        name = f"max_pool{rank}d_with_indices_backward"
        places = (window, window, [0] * rank, [1] * rank, False, at)
        calls[name] = call(getattr(aten, name), pooled, image, *places)
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
