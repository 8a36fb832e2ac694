"""A model whose convolutions run with what stands behind them in one kernel of cuDNN.

It knows no device: it rewrites convolution (+ batch normalization) + ReLU to
`torch.cudnn_convolution_relu`, the normalization folded into weights and bias.

Source: folding is w' = w · γ / √(σ² + ε), b' = (b − μ) · γ / √(σ² + ε) + β (Jacob et al. 2018,
arXiv:1712.05877, §3.2).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable

RELUS = (F.relu, torch.relu, "relu", "relu_")
LOST = "a fused call would not call"
CONVOLUTIONS = frozenset(
    {
        F.conv1d,
        F.conv2d,
        F.conv3d,
        F.conv_transpose1d,
        F.conv_transpose2d,
        F.conv_transpose3d,
        torch.convolution,
    }
)
"""What a forward may call in place of a layer: torch's own names for these are the same objects."""


class FusedConv(nn.Module):
    """A convolution, its bias and ReLU as one call of cuDNN.

    A padding that differs from side to side, as `same` has it for an even patch, is a copy of its
    own, as it is in eager.
    """

    def __init__(
        self,
        conv: nn.Conv2d,
        norm: nn.BatchNorm2d | None,
        call: Callable[..., Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.call = call or torch.cudnn_convolution_relu
        weight, bias = folded(conv, norm)
        kept = torch.channels_last if _is_channels_last(conv.weight) else torch.contiguous_format
        self.register_buffer("weight", weight.contiguous(memory_format=kept))
        self.register_buffer("bias", bias)
        self.stride, self.dilation, self.groups = conv.stride, conv.dilation, conv.groups
        self.padding, self.ahead = _padding(conv)

    weight: Tensor
    bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """max(0, w' * x + b')."""
        if self.ahead:
            x = F.pad(x, self.ahead)
        return self.call(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


def fuse(model: nn.Module, call: Callable[..., Tensor] | None = None) -> nn.Module:
    """The model with every convolution fused; the original is untouched.

    `call` stands in for `torch.cudnn_convolution_relu`.

    Raises:
        ArmError: the model is being trained, cannot be traced, has no convolution, or one that does
            not end in a ReLU of its own; or hooks or a forward of somebody's own would not be
            called.
    """
    traced = _traced(model)
    modules = dict(traced.named_modules())
    found = False
    for node in list(traced.graph.nodes):
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if type(layer) is nn.Conv2d:
            _fuse_at(traced, node, layer, modules, call)
            found = True
        elif isinstance(layer, nn.modules.conv._ConvNd):  # noqa: SLF001 - all convolutions
            message = f"{node.target}: {type(layer).__name__} is none of cudnn_convolution_relu's"
            raise ArmError(message)
        elif node.op == "call_function" and node.target in CONVOLUTIONS:
            message = (
                f"{node.name}: the forward calls {node.target.__name__} itself, and only layers "
                "of Conv2d are fused"
            )
            raise ArmError(message)
    if not found:
        raise ArmError("the model has no convolution, so that nothing of it would be fused")
    traced.graph.lint()
    traced.recompile()
    return traced


def _traced(model: nn.Module) -> fx.GraphModule:
    """A copy of a model as a graph of its layers, of one that does what its class says.

    Raises:
        ArmError: it does not, is being trained, or cannot be traced.
    """
    from costlab.bench.kernels.originals import changed_for_all
    from costlab.bench.kernels.weights import hooked, own_forward  # which folds by what is here

    if model.training:
        raise ArmError("cudnn_convolution_relu has no backward; it cannot be trained")
    if why := changed_for_all():
        raise ArmError(f"{why}, which {LOST}")
    if hooked(model):
        raise ArmError(f"the model has hooks, which {LOST}")
    if own_forward(model):
        raise ArmError(
            "the model has a forward that its class does not have, which torch.fx would not trace; "
            "write a class with that forward"
        )
    try:
        return fx.symbolic_trace(copy.deepcopy(model))
    except Exception as error:  # a forward may raise anything on what is not a tensor
        message = f"torch.fx cannot trace the model: {type(error).__name__}: {error}"
        raise ArmError(message) from error


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does what it and its normalization do, in its type.

    Computed in float64, so that only the result is rounded.
    """
    weight = conv.weight.detach().double()
    bias = weight.new_zeros(conv.out_channels)
    if conv.bias is not None:
        bias = conv.bias.detach().double()
    if norm is not None:
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            raise ArmError("a batch normalization without running statistics cannot be folded")
        scale = (variance.double() + norm.eps).rsqrt()
        if norm.affine:
            scale = scale * norm.weight.detach().double()
        weight = weight * scale[:, None, None, None]
        bias = (bias - mean.double()) * scale
        if norm.affine:
            bias = bias + norm.bias.detach().double()
    return weight.to(conv.weight.dtype), bias.to(conv.weight.dtype)


def _fuse_at(
    traced: fx.GraphModule,
    node: fx.Node,
    conv: nn.Conv2d,
    modules: dict[str, nn.Module],
    call: Callable[..., Tensor] | None,
) -> None:
    """Puts one call in the place of a convolution and what follows it."""
    last, norm = node, None
    follower = _only_user(node)
    if follower is not None and follower.op == "call_module":
        behind = modules.get(str(follower.target))
        if type(behind) is nn.BatchNorm2d:
            norm, last = behind, follower
            follower = _only_user(follower)
    if follower is None or not _is_relu(follower, modules):
        message = (
            f"cudnn_convolution_relu always ends in a ReLU, and {str(node.target) or 'the model'} "
            "has none right behind it"
        )
        raise ArmError(message)
    parts = [(node, conv), (last, norm), (follower, modules.get(str(follower.target)))]
    for part, layer in parts:
        if layer is not None and (why := _altered(layer)):
            message = f"{part.target}: {why}"
            raise ArmError(message)
    if conv.padding_mode != "zeros":
        message = f"{node.target} pads with {conv.padding_mode!r}, and cuDNN only with zeros"
        raise ArmError(message)
    name = f"{str(node.target).replace('.', '_')}_fused"
    traced.add_submodule(name, FusedConv(conv, norm, call))
    with traced.graph.inserting_after(follower):
        fused = traced.graph.call_module(name, (node.all_input_nodes[0],))
    follower.replace_all_uses_with(fused)
    for gone in dict.fromkeys((follower, last, node)):
        traced.graph.erase_node(gone)


def _altered(layer: nn.Module) -> str:
    """Why a layer does not do what its class says, and so cannot be replaced; empty if it does."""
    from costlab.bench.kernels.weights import changed, hooked, own_forward

    if hooked(layer):
        return f"it has hooks, which {LOST}"
    if own_forward(layer):
        return f"it has a forward of its own, which {LOST}"
    if changed(layer):
        return f"a method of {type(layer).__name__} was replaced, which {LOST}"
    if isinstance(layer, nn.BatchNorm2d) and layer.training:
        return "it is in train mode, in which a normalization has no numbers that could be folded"
    return ""


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_relu(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return type(modules.get(str(node.target))) is nn.ReLU
    return node.op in {"call_function", "call_method"} and node.target in RELUS


def _is_channels_last(weight: Tensor) -> bool:
    return weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()


def _padding(conv: nn.Conv2d) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The padding that cuDNN is given, and that of a copy before, in `F.pad`'s order."""
    if not isinstance(conv.padding, str):
        return tuple(conv.padding), ()
    sides: Any = conv._reversed_padding_repeated_twice  # noqa: SLF001 - as its forward reads it
    left, right, top, bottom = sides if conv.padding == "same" else (0, 0, 0, 0)
    if (left, top) == (right, bottom):
        return (top, left), ()
    return (0, 0), (left, right, top, bottom)
