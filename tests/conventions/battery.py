"""Models in which each rule of each counter has something to count, and counters differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

if TYPE_CHECKING:
    from collections.abc import Callable


class Calls(nn.Module):
    """A module that calls one function."""

    def __init__(self, function: Callable[..., torch.Tensor], *modules: nn.Module) -> None:
        """Modules, if any, are registered and handed to the function after the input."""
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)
        self.weight_of_its_own = nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """What the function returns."""
        return self.function(image, *self.parts)


def frozen(model: nn.Module) -> nn.Module:
    """The model, whose weights want no gradient."""
    return model.requires_grad_(False)


def packed(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
    """What a layer makes of two sequences, the second of them shorter."""
    states: torch.Tensor = layer(pack_padded_sequence(x, [5, 3], batch_first=True))[0].data
    return states


def first(result: Any) -> torch.Tensor:
    """The first of several results."""
    made: torch.Tensor = result[0]
    return made


IMAGE, SEQUENCE = "f32[2,4,6,6]", "f32[2,5,8]"

BATTERY: dict[str, tuple[nn.Module, str]] = {
    "convolution with a bias": (nn.Conv2d(4, 6, 3), IMAGE),
    "convolution of one dimension": (nn.Conv1d(5, 6, 3, padding=1), SEQUENCE),
    "grouped convolution": (nn.Conv2d(4, 8, 3, groups=2, bias=False), IMAGE),
    "depthwise convolution": (nn.Conv2d(4, 4, 3, groups=4), IMAGE),
    "padding to the same size": (nn.Conv2d(4, 6, 3, padding="same"), IMAGE),
    "padding by reflection": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), IMAGE),
    "transposed convolution": (nn.ConvTranspose2d(4, 6, 3, stride=2), IMAGE),
    "convolution as a function": (
        Calls(lambda image: F.conv2d(image, torch.ones(6, 4, 3, 3))),
        IMAGE,
    ),
    "linear": (nn.Linear(8, 3), "f32[2,8]"),
    "linear of a sequence": (nn.Linear(8, 3), SEQUENCE),
    "linear of a vector": (nn.Linear(8, 3), "f32[8]"),
    "linear of a vector, no bias": (nn.Linear(8, 3, bias=False), "f32[8]"),
    "batch norm": (nn.BatchNorm2d(4), IMAGE),
    "batch norm without weights": (nn.BatchNorm2d(4, affine=False), IMAGE),
    "layer norm": (nn.LayerNorm(8), SEQUENCE),
    "group norm": (nn.GroupNorm(2, 4), IMAGE),
    "instance norm": (nn.InstanceNorm2d(4, affine=True), IMAGE),
    "local response norm": (nn.LocalResponseNorm(3), IMAGE),
    "ReLU": (nn.ReLU(), IMAGE),
    "ReLU as a function": (Calls(lambda image: F.relu(image, inplace=False)), IMAGE),
    "ReLU as a method": (Calls(torch.Tensor.relu), IMAGE),
    "leaky ReLU": (nn.LeakyReLU(), IMAGE),
    "PReLU": (nn.PReLU(), IMAGE),
    "GELU": (nn.GELU(), SEQUENCE),
    "softmax": (nn.Softmax(dim=-1), SEQUENCE),
    "max pooling": (nn.MaxPool2d(2), IMAGE),
    "average pooling": (nn.AvgPool2d(2), IMAGE),
    "adaptive pooling": (nn.AdaptiveAvgPool2d(2), IMAGE),
    "mean": (Calls(lambda image: image.mean((2, 3))), IMAGE),
    "upsampling, nearest": (nn.Upsample(scale_factor=2), IMAGE),
    "upsampling, bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE),
    "interpolation as a function": (Calls(lambda image: F.interpolate(image, size=(9, 9))), IMAGE),
    "embedding and linear": (nn.Sequential(nn.Embedding(7, 8), nn.Linear(8, 3)), "i64[2,5]"),
    "matrix product": (Calls(lambda x: torch.matmul(x, x.transpose(-1, -2))), SEQUENCE),
    "matrix product over a larger second": (
        Calls(lambda x: torch.matmul(x[0], x.transpose(-1, -2))),
        SEQUENCE,
    ),
    "matrix product as an operator": (Calls(lambda x: x @ x.transpose(-1, -2)), SEQUENCE),
    "matrix times vector": (Calls(lambda x: x @ torch.ones(8)), SEQUENCE),
    "einsum": (Calls(lambda x: torch.einsum("bij,bkj->bik", x, x)), SEQUENCE),
    "einsum with an ellipsis": (Calls(lambda x: torch.einsum("...j,kj->...k", x, x[0])), SEQUENCE),
    "attention as a function": (
        Calls(lambda x: F.scaled_dot_product_attention(x, x, x)),
        "f32[2,2,5,8]",
    ),
    "attention as a module": (
        Calls(
            lambda x, layer: first(layer(x, x, x, need_weights=False)),
            nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        SEQUENCE,
    ),
    "LSTM": (Calls(lambda x, layer: first(layer(x)), nn.LSTM(8, 6, 2, batch_first=True)), SEQUENCE),
    "LSTM in both directions": (
        Calls(lambda x, layer: first(layer(x)), nn.LSTM(8, 6, bidirectional=True)),
        SEQUENCE,
    ),
    "GRU": (Calls(lambda x, layer: first(layer(x)), nn.GRU(8, 6, batch_first=True)), SEQUENCE),
    "RNN": (Calls(lambda x, layer: first(layer(x)), nn.RNN(8, 6, bias=False)), SEQUENCE),
    "LSTM cell": (Calls(lambda x, cell: first(cell(x)), nn.LSTMCell(8, 6)), "f32[2,8]"),
    "RNN cell": (Calls(lambda x, cell: cell(x), nn.RNNCell(8, 6)), "f32[2,8]"),
    "GRU cell": (Calls(lambda x, cell: cell(x), nn.GRUCell(8, 6)), "f32[2,8]"),
    "a module called twice": (
        Calls(lambda x, layer: layer(layer(x)), nn.Linear(8, 8)),
        "f32[2,8]",
    ),
    "a subclass of torch's": (type("Own", (nn.Linear,), {})(8, 3), "f32[2,8]"),
    "convolution without a batch": (nn.Conv2d(4, 6, 3), "f32[4,6,6]"),
    "grouped convolution without a batch": (nn.Conv1d(4, 6, 3, groups=2), "f32[4,7]"),
    "transposed convolution without a batch": (nn.ConvTranspose2d(4, 6, 3, stride=2), "f32[4,6,6]"),
    "attention with widths of its own": (
        Calls(
            lambda x, layer: first(layer(x, x[..., :4], x[..., :6])),
            nn.MultiheadAttention(8, 2, kdim=4, vdim=6, batch_first=True),
        ),
        SEQUENCE,
    ),
    "attention to a shorter sequence": (
        Calls(
            lambda x, layer: first(layer(x, x[:, :3], x[:, :3])),
            nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        SEQUENCE,
    ),
    "an encoder layer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), SEQUENCE),
    "an encoder layer that holds GELU": (
        nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"),
        SEQUENCE,
    ),
    "a decoder layer": (
        Calls(lambda x, layer: layer(x, x), nn.TransformerDecoderLayer(8, 2, 16)),
        SEQUENCE,
    ),
    "projected LSTM": (
        Calls(
            lambda x, layer: first(layer(x)),
            nn.LSTM(8, 6, 2, proj_size=3, bidirectional=True, batch_first=True),
        ),
        SEQUENCE,
    ),
    "LSTM without a batch": (Calls(lambda x, layer: first(layer(x)), nn.LSTM(8, 6)), "f32[5,8]"),
    "sequences that are packed": (Calls(packed, nn.LSTM(8, 6, batch_first=True)), SEQUENCE),
    "a cell without a state, of which the last is returned": (
        Calls(lambda x, cell: [first(cell(x[:, i])) for i in range(3)][-1], nn.LSTMCell(8, 6)),
        SEQUENCE,
    ),
    "an RNN cell of which the last is returned": (
        Calls(lambda x, cell: [cell(x[:, i]) for i in range(3)][-1], nn.RNNCell(8, 6)),
        SEQUENCE,
    ),
    "a layer of which nothing comes": (
        Calls(lambda x, one, two: (one(x), two(x))[1], nn.Linear(8, 3), nn.Linear(8, 4)),
        SEQUENCE,
    ),
    "sizes that are multiplied": (
        Calls(lambda x, layer: layer(x.reshape(x.shape[0] * x.shape[1], 8)), nn.Linear(8, 3)),
        SEQUENCE,
    ),
    "a function that is held": (Calls(F.gelu), IMAGE),
    "a product of elements": (Calls(lambda image: image * image), IMAGE),
}
"""A model and its input, by what is peculiar about it."""
