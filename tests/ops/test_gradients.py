"""Kernels of a backward cost what loops over their definitions count."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.ops.agreement import effect_of
from tests.ops.draws import tensor

ATEN = torch.ops.aten


def counted(function: Any, *args: Any) -> int:
    """The multiply-adds that FlopCounterMode counts of a real kernel."""
    with FlopCounterMode(display=False) as counter:
        function(*args)
    flops: int = counter.get_total_flops()
    return flops // 2


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    "asked", [asked for asked in product((True, False), repeat=3) if any(asked)]
)
def test_gradients_of_a_convolution(asked: tuple[bool, bool, bool], transposed: bool) -> None:
    """As many products as the real kernel for each that is asked for; the bias is a sum."""
    x = tensor(2, 4, 6, 7)
    weight = tensor(4, 5, 3, 2) if transposed else tensor(5, 4, 3, 2)
    forward = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d
    out = forward(x, weight, None, 2, 1)
    args = (out, x, weight, [5], [2, 2], [1, 1], [1, 1], transposed, [0, 0], 1, list(asked))
    effect = effect_of("convolution_backward", *args)
    assert effect is not None
    assert effect.macs == counted(ATEN.convolution_backward, *args)
    assert effect.flops == (out.numel() if asked[2] else 0)
    made = ATEN.convolution_backward(*args)  # the weight's too if the bias's is asked for
    wanted = [tuple(one.shape) for one, is_asked in zip(made, asked, strict=True) if is_asked]
    assert list(effect.shapes or ()) == wanted


def test_gradients_of_a_grouped_convolution() -> None:
    """Groups divide the products of both gradients, as a loop over the groups counts them."""
    x, weight = tensor(2, 4, 6, 6), tensor(8, 2, 3, 3)
    out = torch.nn.functional.conv2d(x, weight, groups=2)
    settings = ([1, 1], [0, 0], [1, 1], False, [0, 0])
    whole = effect_of(
        "convolution_backward", out, x, weight, None, *settings, 2, [True, True, False]
    )
    parts = [
        counted(
            ATEN.convolution_backward, *group, None, *settings, 1, [True, True, False]
        )
        for group in zip(out.chunk(2, 1), x.chunk(2, 1), weight.chunk(2), strict=True)
    ]  # fmt: skip
    assert whole is not None
    assert whole.macs == sum(parts)


def test_gradients_of_attention() -> None:
    """Two products for each of the two of the forward: those of v, p, q and k."""
    q, k, v = tensor(2, 3, 5, 4), tensor(2, 3, 7, 4), tensor(2, 3, 7, 4)
    out, statistics = ATEN._scaled_dot_product_flash_attention_for_cpu(q, k, v)
    effect = effect_of(
        "_scaled_dot_product_flash_attention_for_cpu_backward",
        out, q, k, v, out, statistics, 0.0, False,
    )  # fmt: skip
    scores = 2 * 3 * 5 * 7
    assert effect is not None
    assert effect.macs == 4 * scores * 4
    assert effect.flops == scores * (1 + 1 + 1 + 1)  # dx = (g − Σ g·y)·y


def test_gradients_that_are_placed_and_added() -> None:
    """One add for each element that a pooling or an embedding hands back, none for a slice."""
    image, table = tensor(2, 3, 8, 8), torch.zeros(2, 5, dtype=torch.int64)
    pooled, at = ATEN.max_pool2d_with_indices(image, [2, 2])
    settings = ([2, 2], [2, 2], [0, 0])
    costs = {
        "max_pool2d_with_indices_backward": (pooled, image, *settings, [1, 1], False, at),
        "avg_pool2d_backward": (pooled, image, *settings, False, True, None),
        "embedding_dense_backward": (tensor(2, 5, 4), table, 9, -1, False),
        "slice_backward": (tensor(3, 4), [5, 4], 0, 1, 4, 1),
    }
    effects = {name: effect_of(name, *args) for name, args in costs.items()}
    assert {name: effect and effect.flops for name, effect in effects.items()} == {
        "max_pool2d_with_indices_backward": 2 * 3 * 4 * 4,
        "avg_pool2d_backward": 2 * 3 * 4 * 4 * (2 * 2),
        "embedding_dense_backward": 2 * 5 * 4,
        "slice_backward": 0,
    }
