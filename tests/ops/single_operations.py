"""Single operations with their multiply-adds written out from the definition: a table.

Each case is a small module, its inputs on the CPU, and the factors of its cost: contractions only,
the batch included, attention in full. Knows nothing of costlab: any counter can be asked.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.ops.single_cases import Case, function, layer, weighted


def one_step(gates: int, inputs: int, hidden: int) -> int:
    """A recurrent cell: a matrix of the input and one of the hidden state for each gate."""
    return gates * hidden * inputs + gates * hidden * hidden


def projections(samples: int, queries: int, keys: int, width: int, k: int, v: int) -> int:
    """The four linear layers of multi-head attention: of queries, keys, values, and the output."""
    return samples * (queries * width * width + keys * k * width + keys * v * width) + (
        samples * queries * width * width
    )


def attended(samples: int, queries: int, keys: int, width: int) -> int:
    """All heads together: queries by keys, and weights by values."""
    return samples * queries * keys * width + samples * queries * keys * width


def self_attention(samples: int, tokens: int, width: int) -> int:
    """Multi-head attention of a sequence to itself."""
    return projections(samples, tokens, tokens, width, width, width) + attended(
        samples, tokens, tokens, width
    )


CONVOLUTIONS = (
    layer("conv1d", lambda: nn.Conv1d(3, 8, 5), (2, 3, 20), macs=lambda: 2 * 8 * 16 * 3 * 5),
    layer("conv2d", lambda: nn.Conv2d(3, 8, 3), (2, 3, 9, 9), macs=lambda: 2 * 8 * 7 * 7 * 3 * 9),
    layer(
        "conv3d", lambda: nn.Conv3d(3, 8, 3), (2, 3, 5, 6, 7),
        macs=lambda: 2 * 8 * 3 * 4 * 5 * 3 * 27,
    ),
    layer("conv2d 1x1", lambda: nn.Conv2d(6, 8, 1), (2, 6, 5, 5), macs=lambda: 2 * 8 * 25 * 6),
    layer(
        "conv2d 1x7", lambda: nn.Conv2d(6, 8, (1, 7), padding=(0, 3)), (2, 6, 9, 9),
        macs=lambda: 2 * 8 * 9 * 9 * 6 * 7,
    ),
    layer(
        "conv2d stride 2", lambda: nn.Conv2d(3, 8, 3, stride=2), (1, 3, 9, 9),
        macs=lambda: 8 * 4 * 4 * 3 * 9,
    ),
    layer(
        "conv2d dilated", lambda: nn.Conv2d(3, 8, 3, dilation=2), (1, 3, 9, 9),
        macs=lambda: 8 * 5 * 5 * 3 * 9,
    ),
    layer(
        "conv2d grouped", lambda: nn.Conv2d(8, 12, 3, groups=4), (2, 8, 6, 6),
        macs=lambda: 2 * 12 * 4 * 4 * (8 // 4) * 9,
    ),
    layer(
        "conv2d depthwise", lambda: nn.Conv2d(8, 8, 3, groups=8), (2, 8, 6, 6),
        macs=lambda: 2 * 8 * 4 * 4 * 1 * 9,
    ),
    layer(
        "conv2d same", lambda: nn.Conv2d(3, 8, 3, padding="same"), (1, 3, 9, 9),
        macs=lambda: 8 * 9 * 9 * 3 * 9,
    ),
    layer(
        "conv1d same, even kernel", lambda: nn.Conv1d(3, 8, 4, padding="same"), (1, 3, 9),
        macs=lambda: 8 * 9 * 3 * 4,
    ),
    layer(
        "conv2d circular", lambda: nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular"),
        (1, 3, 9, 9), macs=lambda: 8 * 9 * 9 * 3 * 9,
    ),
    layer("conv2d unbatched", lambda: nn.Conv2d(3, 8, 3), (3, 9, 9), macs=lambda: 8 * 49 * 3 * 9),
    weighted(
        "functional conv2d", lambda w, x: F.conv2d(input=x, weight=w, padding=1), (8, 3, 3, 3),
        (2, 3, 5, 5), macs=lambda: 2 * 8 * 5 * 5 * 3 * 9,
    ),
    weighted(
        "unfold and product", lambda w, x: w @ F.unfold(x, 3), (8, 27), (2, 3, 9, 9),
        macs=lambda: 2 * 8 * 27 * 7 * 7,
    ),
    layer(
        "conv_transpose1d", lambda: nn.ConvTranspose1d(3, 8, 4), (2, 3, 10),
        macs=lambda: 2 * 3 * 10 * 8 * 4,
    ),
    layer(
        "conv_transpose2d stride 2", lambda: nn.ConvTranspose2d(3, 8, 2, stride=2), (2, 3, 5, 5),
        macs=lambda: 2 * 8 * 10 * 10 * 3,  # each output place meets one tap of each channel
    ),
    layer(
        "conv_transpose2d grouped", lambda: nn.ConvTranspose2d(8, 12, 4, stride=2, groups=4),
        (2, 8, 5, 5), macs=lambda: 2 * 8 * 5 * 5 * (12 // 4) * 16,
    ),
    layer(
        "conv_transpose2d unbatched",
        lambda: nn.ConvTranspose2d(3, 8, 3, stride=2, output_padding=1), (3, 5, 5),
        macs=lambda: 3 * 5 * 5 * 8 * 9,
    ),
    layer(
        "conv_transpose3d", lambda: nn.ConvTranspose3d(3, 8, 2), (1, 3, 4, 4, 4),
        macs=lambda: 3 * 4 * 4 * 4 * 8 * 8,
    ),
)  # fmt: skip

LINEAR = (
    layer("linear", lambda: nn.Linear(8, 5), (2, 8), macs=lambda: 2 * 5 * 8),
    layer("linear on tokens", lambda: nn.Linear(8, 5), (2, 7, 8), macs=lambda: 2 * 7 * 5 * 8),
    layer("linear on a grid", lambda: nn.Linear(8, 5), (2, 3, 4, 8), macs=lambda: 2 * 12 * 5 * 8),
    layer("linear on a vector", lambda: nn.Linear(8, 5), (8,), macs=lambda: 5 * 8),
    weighted(
        "functional linear", lambda w, x: F.linear(x, w), (5, 8), (2, 8), macs=lambda: 2 * 5 * 8
    ),
    layer(
        "bilinear", lambda: nn.Bilinear(3, 4, 5), (2, 3), (2, 4),
        macs=lambda: 2 * 5 * 3 * 4 + 2 * 5 * 4,  # Σ_i x·w for each j, then Σ_j
    ),
    weighted("weight from the left", lambda w, x: w @ x, (5, 8), (8, 3), macs=lambda: 5 * 8 * 3),
    weighted("weight by operator", lambda w, x: x @ w.T, (5, 8), (3, 8), macs=lambda: 3 * 8 * 5),
)  # fmt: skip

PRODUCTS = (
    function("mm", torch.mm, (3, 4), (4, 5), macs=lambda: 3 * 4 * 5),
    function("bmm", torch.bmm, (2, 3, 4), (2, 4, 5), macs=lambda: 2 * 3 * 4 * 5),
    function("mv", torch.mv, (3, 4), (4,), macs=lambda: 3 * 4),
    function("matmul, batch on the left", torch.matmul, (6, 3, 4), (4, 5),
             macs=lambda: 6 * 3 * 4 * 5),
    function("matmul, batch on the right", torch.matmul, (3, 4), (6, 4, 5),
             macs=lambda: 6 * 3 * 4 * 5),
    function("matmul, both broadcast", torch.matmul, (2, 1, 3, 4), (6, 4, 5),
             macs=lambda: 2 * 6 * 3 * 4 * 5),
    function("matrix by vector", torch.matmul, (3, 4), (4,), macs=lambda: 3 * 4),
    function("vector by matrix", torch.matmul, (3,), (3, 4), macs=lambda: 3 * 4),
    function("vector by vector", torch.matmul, (7,), (7,), macs=lambda: 7),
    function("batch by vector", torch.matmul, (2, 3, 4), (4,), macs=lambda: 2 * 3 * 4),
    function("addmm", torch.addmm, (3, 5), (3, 4), (4, 5), macs=lambda: 3 * 4 * 5),
    function("addmv", torch.addmv, (3,), (3, 4), (4,), macs=lambda: 3 * 4),
    function("addbmm", torch.addbmm, (3, 5), (2, 3, 4), (2, 4, 5), macs=lambda: 2 * 3 * 4 * 5),
    function("baddbmm", torch.baddbmm, (2, 3, 5), (2, 3, 4), (2, 4, 5),
             macs=lambda: 2 * 3 * 4 * 5),
    function("addr", torch.addr, (3, 4), (3,), (4,), macs=lambda: 3 * 4),
    function("dot", torch.dot, (7,), (7,), macs=lambda: 7),
    function("vdot", torch.vdot, (7,), (7,), macs=lambda: 7),
    function("inner", torch.inner, (2, 3, 4), (5, 4), macs=lambda: 2 * 3 * 5 * 4),
    function("outer", torch.outer, (3,), (4,), macs=lambda: 3 * 4),
    function("ger", torch.ger, (3,), (4,), macs=lambda: 3 * 4),
    function("vecdot", torch.linalg.vecdot, (2, 3, 4), (2, 3, 4), macs=lambda: 2 * 3 * 4),
    function("tensordot", torch.tensordot, (2, 3, 4), (3, 4, 5), macs=lambda: 2 * 3 * 4 * 5),
    function(
        "tensordot by axes", lambda a, b: torch.tensordot(a, b, dims=([0, 2], [1, 0])),
        (2, 3, 4), (4, 2, 5), macs=lambda: 3 * 5 * (2 * 4),
    ),
    function(
        "multi_dot", lambda *m: torch.linalg.multi_dot(m), (10, 3), (3, 20), (20, 2),
        macs=lambda: 3 * 20 * 2 + 10 * 3 * 2,  # the last two first: the cheaper order
    ),
    function("chain_matmul", torch.chain_matmul, (2, 3), (3, 4), (4, 5),
             macs=lambda: 2 * 3 * 4 + 2 * 4 * 5),
    function("matrix_power", lambda m: torch.linalg.matrix_power(m, 4), (5, 5),
             macs=lambda: 2 * 5 * 5 * 5),  # squared twice
    function("cdist", torch.cdist, (2, 5, 8), (2, 6, 8), macs=lambda: 2 * 5 * 6 * 8),
)  # fmt: skip

EINSUMS = (
    function("einsum", lambda a, b: torch.einsum("ij,jk->ik", a, b), (3, 4), (4, 5),
             macs=lambda: 3 * 4 * 5),
    function("einsum with an ellipsis", lambda a, b: torch.einsum("...ij,...jk->...ik", a, b),
             (2, 6, 3, 4), (6, 4, 5), macs=lambda: 2 * 6 * 3 * 4 * 5),
    function("einsum of scores", lambda q, k: torch.einsum("bhqd,bhkd->bhqk", q, k),
             (2, 3, 4, 8), (2, 3, 5, 8), macs=lambda: 2 * 3 * 4 * 5 * 8),
    function("einsum over two axes", lambda a, b: torch.einsum("bijc,ijco->bo", a, b),
             (2, 3, 4, 5), (3, 4, 5, 6), macs=lambda: 2 * 3 * 4 * 5 * 6),
    function("einsum of three", lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c),
             (2, 3), (3, 4), (4, 5), macs=lambda: 2 * 3 * 4 + 2 * 4 * 5),
    function("einsum of a bilinear form", lambda a, w, b: torch.einsum("bi,ij,bj->b", a, w, b),
             (7, 3), (3, 4), (7, 4), macs=lambda: 7 * 3 * 4 + 7 * 4),
)  # fmt: skip

ATTENTION = (
    function("attention", F.scaled_dot_product_attention, *[(2, 4, 5, 8)] * 3,
             macs=lambda: 2 * 4 * (5 * 5 * 8 + 5 * 5 * 8)),
    function("attention, causal", lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True),
             (2, 4, 5, 8), macs=lambda: 2 * 4 * (5 * 5 * 8 + 5 * 5 * 8)),
    function("attention by keyword",
             lambda q: F.scaled_dot_product_attention(value=q, key=q, query=q),
             (2, 4, 5, 8), macs=lambda: 2 * 4 * (5 * 5 * 8 + 5 * 5 * 8)),
    function("attention with a mask", F.scaled_dot_product_attention, *[(2, 4, 5, 8)] * 3, (5, 5),
             macs=lambda: 2 * 4 * (5 * 5 * 8 + 5 * 5 * 8)),
    function("attention across", F.scaled_dot_product_attention,
             (2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 3), macs=lambda: 2 * 4 * 5 * 7 * (8 + 3)),
    function("attention of grouped queries",
             lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True),
             (2, 4, 5, 8), (2, 2, 5, 8), macs=lambda: 2 * 4 * (5 * 5 * 8 + 5 * 5 * 8)),
    layer("multi-head attention", lambda: nn.MultiheadAttention(16, 4, batch_first=True),
          *[(2, 5, 16)] * 3, macs=lambda: self_attention(2, 5, 16)),
    layer("multi-head attention, kdim and vdim",
          lambda: nn.MultiheadAttention(16, 4, kdim=6, vdim=10, batch_first=True),
          (2, 5, 16), (2, 7, 6), (2, 7, 10),
          macs=lambda: projections(2, 5, 7, 16, 6, 10) + attended(2, 5, 7, 16)),
    layer("multi-head attention, bias_kv",
          lambda: nn.MultiheadAttention(16, 4, add_bias_kv=True, batch_first=True),
          *[(2, 5, 16)] * 3,
          macs=lambda: projections(2, 5, 5, 16, 16, 16) + attended(2, 5, 5 + 1, 16)),
    layer("encoder layer", lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True),
          (2, 5, 16), macs=lambda: self_attention(2, 5, 16) + 2 * 5 * (16 * 32 + 32 * 16)),
    layer("decoder layer", lambda: nn.TransformerDecoderLayer(16, 4, 32, batch_first=True),
          (2, 5, 16), (2, 7, 16),
          macs=lambda: self_attention(2, 5, 16) + projections(2, 5, 7, 16, 16, 16)
          + attended(2, 5, 7, 16) + 2 * 5 * (16 * 32 + 32 * 16)),
)  # fmt: skip

RECURRENT = (
    layer("LSTM", lambda: nn.LSTM(8, 16), (5, 2, 8), macs=lambda: 5 * 2 * one_step(4, 8, 16)),
    layer("LSTM, batch first", lambda: nn.LSTM(8, 16, batch_first=True), (2, 5, 8),
          macs=lambda: 5 * 2 * one_step(4, 8, 16)),
    layer("LSTM, two layers", lambda: nn.LSTM(8, 16, 2), (5, 2, 8),
          macs=lambda: 5 * 2 * (one_step(4, 8, 16) + one_step(4, 16, 16))),
    layer("LSTM, bidirectional", lambda: nn.LSTM(8, 16, 2, bidirectional=True), (5, 2, 8),
          macs=lambda: 5 * 2 * (2 * one_step(4, 8, 16) + 2 * one_step(4, 2 * 16, 16))),
    layer("LSTM, projected", lambda: nn.LSTM(8, 16, proj_size=6), (5, 2, 8),
          macs=lambda: 5 * 2 * (4 * 16 * (8 + 6) + 6 * 16)),
    layer("LSTM, unbatched", lambda: nn.LSTM(8, 16, bias=False), (5, 8),
          macs=lambda: 5 * one_step(4, 8, 16)),
    layer("GRU", lambda: nn.GRU(8, 16), (5, 2, 8), macs=lambda: 5 * 2 * one_step(3, 8, 16)),
    layer("RNN", lambda: nn.RNN(8, 16), (5, 2, 8), macs=lambda: 5 * 2 * one_step(1, 8, 16)),
    layer("LSTMCell", lambda: nn.LSTMCell(8, 16), (2, 8), macs=lambda: 2 * one_step(4, 8, 16)),
    layer("GRUCell", lambda: nn.GRUCell(8, 16), (2, 8), macs=lambda: 2 * one_step(3, 8, 16)),
    layer("RNNCell", lambda: nn.RNNCell(8, 16), (8,), macs=lambda: one_step(1, 8, 16)),
)  # fmt: skip

WITHOUT = (
    layer("batch norm", lambda: nn.BatchNorm2d(3), (2, 3, 4, 4), macs=lambda: 0),
    layer("layer norm", lambda: nn.LayerNorm(8), (2, 8), macs=lambda: 0),
    layer("max pooling", lambda: nn.MaxPool2d(2), (2, 3, 4, 4), macs=lambda: 0),
    layer("average pooling", lambda: nn.AdaptiveAvgPool2d(1), (2, 3, 4, 4), macs=lambda: 0),
    layer("GELU", nn.GELU, (2, 8), macs=lambda: 0),
    function("softmax", lambda x: F.softmax(x, -1), (2, 8), macs=lambda: 0),
    weighted("embedding", lambda w, x: F.embedding(x.long(), w), (4, 8), (2, 3), macs=lambda: 0),
)
"""Operations that contract nothing, and so have no multiply-adds."""

CASES: tuple[Case, ...] = (
    *CONVOLUTIONS, *LINEAR, *PRODUCTS, *EINSUMS, *ATTENTION, *RECURRENT, *WITHOUT,
)  # fmt: skip
