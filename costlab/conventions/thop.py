"""The convention of thop: hooks at modules by their type, a multiply-add called an op.

Source: thop 0.1.1, `thop/profile.py`, `thop/vision/basic_hooks.py`, `thop/rnn_hooks.py`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costlab.conventions.recurrent import LAYERS, UNBATCHED, thop_gates
from costlab.conventions.rules import ANY, Doubt, Rule, Tool, affine, macs, read, written

if TYPE_CHECKING:
    from costlab.conventions.places import Place

CONVOLUTIONS = frozenset({"Conv1d", "Conv2d", "Conv3d"})
TRANSPOSED = frozenset({"ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"})
AVERAGES = frozenset({"AvgPool1d", "AvgPool2d", "AvgPool3d"})
ADAPTIVE = frozenset({"AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"})
NORMALIZATIONS = frozenset({
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "LayerNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
})  # fmt: skip
UPSAMPLINGS = frozenset({"Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"})
AN_ELEMENT = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 224 + 35}


def _kernel_a_result(place: Place) -> int:
    """The kernel and the second size of what is read, over the groups, at each element written.

    A transposed convolution's stride makes it too many; an image without a batch has its height
    taken for its channels.
    """
    channels: int = place.inputs[0][1] // place.module.groups
    return place.written * channels * prod(place.weight[2:])


def _softmax(place: Place) -> int:
    """An exponential and a division an element, and their sum: 3n − 1 for each n normalized."""
    size: int = place.inputs[0][place.module.dim]
    return place.read // size * (3 * size - 1)


def _adaptive(place: Place) -> int:
    """The mean window, as many additions as its elements, and a division, for each result."""
    window = 1.0
    for size, out in zip(place.inputs[0][2:], place.output[2:], strict=False):
        window *= size / out
    return int((window + 1) * place.written)


def _upsampled(place: Place) -> int:
    return AN_ELEMENT.get(place.module.mode, 0) * place.written


TOOL = Tool(
    name="thop",
    package="thop",
    version="0.1.1",
    how="hooks at modules by type",
    unit="ops, which are multiply-adds",
    unseen="functions and modules that are not in its table are not seen",
    always_eval=True,
    doubts=(
        Doubt(
            ANY,
            "of sequences that are packed the longest is taken for all",
            lambda place: place.kind in LAYERS
            and place.macs > 0
            and len(place.inputs[0]) == UNBATCHED,
        ),
    ),
    by_module=(
        Rule(CONVOLUTIONS, _kernel_a_result, "an image without a batch", replaces=True),
        Rule(TRANSPOSED, _kernel_a_result, "transposed convolution: by its result", replaces=True),
        Rule(frozenset({"Linear"}), macs, "", replaces=True),
        Rule(thop_gates.KINDS, thop_gates.amount, "gates with their element-wise work",
             replaces=True),
        Rule(NORMALIZATIONS, affine(4, 2), "normalization: 4 an element, 2 without weights"),
        Rule(frozenset({"PReLU"}), read(1), "PReLU: 1 an element"),
        Rule(frozenset({"Softmax"}), _softmax, "softmax: 3n − 1 a row of n"),
        Rule(AVERAGES, written(1), "average pooling: 1 an element of the result"),
        Rule(ADAPTIVE, _adaptive, "adaptive pooling: its window and 1 an element"),
        Rule(UPSAMPLINGS, _upsampled, "upsampling: 1 to 259 an element, by its mode"),
    ),
)  # fmt: skip
