"""Convolutions as the kernels read them: normalization folded, weights by tap, biases float32.

It launches nothing.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from costlab.bench.fused import folded
from costlab.bench.kernels.interpreted import interpreting
from costlab.bench.kernels.originals import replaced
from costlab.bench.kernels.work import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from costlab.bench.kernels.work import Sides

DTYPES = (torch.bfloat16, torch.float16, torch.float32)
MOST = 2**31 - 2**12
"""Positions, and elements of an image, are counted in 32 bits; the last tile reaches past the end,
by a few hundred."""
SLACK = 64
"""Channels by which the last step of a sum reaches past the end."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A convolution with all that stands behind it: max(0, b + w * x), or b + w * x.

    `packed` is `(tap, channel) × filter`, and `plain` the same as `F.conv2d` reads it, channels
    last; `bias` is float32, None for none.
    """

    plain: Tensor
    packed: Tensor
    bias: Tensor | None
    stride: tuple[int, int]
    padding: Sides
    relu: bool

    @property
    def filters(self) -> int:
        """Channels that it writes."""
        return int(self.plain.shape[0])

    @property
    def channels(self) -> int:
        """Channels that it reads."""
        return int(self.plain.shape[1])

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of a patch."""
        return int(self.plain.shape[2]), int(self.plain.shape[3])

    def shape(self, grid: Sequence[int]) -> Shape:
        """The convolution of an input `images × channels × rows × columns`, in this order."""
        images, _, rows, columns = grid
        return Shape(
            images,
            (rows, columns),
            self.channels,
            self.filters,
            self.kernel,
            self.stride,
            self.padding,
        )

    def reference(self, x: Tensor) -> Tensor:
        """The same by torch: what runs where the kernels do not, through cuDNN on a GPU."""
        top, left, bottom, right = self.padding
        pad = (top, left)
        if (top, left) != (bottom, right):
            x, pad = F.pad(x, (left, right, top, bottom)), (0, 0)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        y = F.conv2d(x, self.plain, bias, self.stride, pad)
        return F.relu(y) if self.relu else y

    def of(self, device: torch.device) -> Weights:
        """The same on a device."""
        bias = None if self.bias is None else self.bias.to(device)
        return replace(self, plain=self.plain.to(device), packed=self.packed.to(device), bias=bias)


def weights_of(conv: nn.Conv2d, norm: nn.BatchNorm2d | None, *, relu: bool) -> Weights:
    """A convolution, its batch normalization and its ReLU, folded in float64 and rounded once.

    Raises:
        ArmError: the normalization has no statistics of its own.
    """
    exact = copy.deepcopy(conv).double()
    weight, bias = folded(exact, copy.deepcopy(norm).double() if norm is not None else None)
    plain = weight.to(conv.weight.dtype)
    filters, channels, rows, columns = plain.shape
    packed = plain.permute(2, 3, 1, 0).reshape(rows * columns * channels, filters)
    biased = conv.bias is not None or norm is not None
    return Weights(
        plain.contiguous(memory_format=torch.channels_last),
        packed.contiguous(),
        bias.float() if biased else None,
        (conv.stride[0], conv.stride[1]),
        sides(conv),
        relu,
    )


def merged(parts: Sequence[Weights]) -> Weights:
    """Convolutions of one input, kernel, stride and padding as one; their filters in this order."""
    biases = [
        one.bias if one.bias is not None else one.packed.new_zeros(one.filters).float()
        for one in parts
    ]
    bare = all(one.bias is None for one in parts)
    return replace(
        parts[0],
        plain=torch.cat([one.plain for one in parts]).contiguous(memory_format=torch.channels_last),
        packed=torch.cat([one.packed for one in parts], dim=1).contiguous(),
        bias=None if bare else torch.cat(biases),
    )


def sides(conv: nn.Conv2d) -> Sides:
    """A convolution's padding at the top, left, bottom and right."""
    if isinstance(conv.padding, str):
        left, right, top, bottom = (
            conv._reversed_padding_repeated_twice  # noqa: SLF001 - as its forward reads it
            if conv.padding == "same"
            else (0, 0, 0, 0)
        )
        return top, left, bottom, right
    rows, columns = conv.padding
    return rows, columns, rows, columns


def refusal_of(conv: nn.Conv2d) -> str:
    """Why the kernels do not take a layer; empty if they do."""
    if conv.groups != 1:
        return f"it has {conv.groups} groups, and the kernels take one"
    if tuple(conv.dilation) != (1, 1):
        return "it is dilated"
    if conv.padding_mode != "zeros":
        return f"it pads with {conv.padding_mode!r}, and the kernels only with zeros"
    return _uncalled(conv)


def _uncalled(conv: nn.Conv2d) -> str:
    """What a layer calls that a kernel in its place would not; empty if there is nothing."""
    if hooked(conv):
        return "it has hooks, which a kernel would not call"
    if own_forward(conv):
        return "it has a forward of its own, which a kernel would not call"
    if method := replaced(type(conv)):
        return f"{method} was replaced, and a kernel would not call what is there now"
    return ""


def hooked(module: nn.Module) -> bool:
    """Whether something is called before or after a module's forward."""
    return bool(module._forward_hooks or module._forward_pre_hooks)  # noqa: SLF001 - no other way to ask


def own_forward(module: nn.Module) -> bool:
    """Whether what a module does was replaced on it alone, whatever its class does.

    A convolution's `_conv_forward` is what those replace who let it pad in another way.
    """
    return not vars(module).keys().isdisjoint({"forward", "_conv_forward"})


def changed(module: nn.Module) -> bool:
    """Whether a module does other than its class says, or than torch has it of a class of torch's.

    The forward of another class is traced as it is written.
    """
    by_torch = type(module).__module__.startswith("torch.")
    return hooked(module) or own_forward(module) or (by_torch and bool(replaced(type(module))))


def refusal(x: Tensor, weights: Weights) -> str:
    """Why the kernels do not take an input; empty if they do."""
    if x.dtype is torch.float32 and not _rounds_to_tf32():
        return "float32 without TF32 is not what the matrix units multiply"
    return misfit(x, weights)


def misfit(x: Tensor, weights: Weights) -> str:
    """The same by type, layout and size alone, whatever float32 is multiplied as."""
    if x.dtype not in DTYPES or x.dtype != weights.plain.dtype:
        names = [str(one.dtype).removeprefix("torch.") for one in (x, weights.plain)]
        return f"of {names[0]} by weights of {names[1]}; it may be bf16, fp16 or float32 as TF32"
    step = step_of(x)
    if step is None:
        return "its input is not channels last (NHWC)"
    shape = weights.shape(x.shape)
    if min(x.numel(), shape.positions, weights.packed.numel(), *shape.out) < 1:
        return "it has nothing to write"
    return "" if _counted(shape, step) else "it is too large for 32-bit positions"


def _counted(shape: Shape, step: int) -> bool:
    """Whether 32 bits count the positions, the weights, and the places of an image.

    A patch begins above the image and ends below it, and so do the places of its taps.
    """
    rows = shape.grid[0] + 2 * shape.kernel[0]
    image = rows * (shape.grid[1] + 2 * shape.kernel[1]) * step
    packed = (shape.taps * shape.channels + SLACK) * shape.filters
    return max(shape.positions, image, packed) < MOST


def _rounds_to_tf32() -> bool:
    cudnn: Any = torch.backends.cudnn  # a module that behaves as an object, without stubs
    return interpreting() or cudnn.conv.fp32_precision == "tf32"


def step_of(x: Tensor) -> int | None:
    """Elements from one position to the next of a tensor in NHWC, or of a slice of its channels.

    None if it is in another layout. Sides of one have strides of no meaning.

    >>> nhwc = torch.empty(2, 8, 5, 5).contiguous(memory_format=torch.channels_last)
    >>> step_of(nhwc), step_of(nhwc[:, 2:5]), step_of(torch.empty(2, 8, 5, 5))
    (8, 8, None)
    """
    if x.dim() != 4:  # noqa: PLR2004 - images, channels, rows, columns
        return None
    images, channels, rows, columns = x.shape
    axes = ((columns, 3, 1), (rows, 2, columns), (images, 0, rows * columns))
    strides = {x.stride(axis) / factor for size, axis, factor in axes if size > 1}
    if len(strides) > 1 or (channels > 1 and x.stride(1) != 1):
        return None
    step = strides.pop() if strides else channels
    return int(step) if step == int(step) and step >= channels else None
