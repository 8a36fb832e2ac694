"""Leaf modules of torch.nn whose forward is one call: the call, without the forward around it.

A network is mostly convolutions, normalizations, activations and linear layers, and the way from
such a module to its function takes time that counting does not need. What is taken here is what
the module's own forward would do, to the letter; anything unusual about a module (hooks, a
subclass, another mode of padding, training statistics) sends it the ordinary way. A test holds
both ways against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    Arguments = tuple[tuple[torch.Tensor | None, ...], tuple[Any, ...]] | None


def _conv(module: Any, x: torch.Tensor) -> Arguments:
    kind = type(module)
    if (
        module.padding_mode != "zeros"
        or "_conv_forward" in module.__dict__
        or kind._conv_forward is not CONV_FORWARDS[kind]
    ):
        return None
    held = module._parameters
    return (
        (x, held["weight"], held["bias"]),
        (module.stride, module.padding, module.dilation, module.groups),
    )


def _batch_norm(*ranks: int) -> Callable[[Any, torch.Tensor], Arguments]:
    def arguments(module: Any, x: torch.Tensor) -> Arguments:
        held, kept = module._parameters, module._buffers
        if module.training or kept["running_mean"] is None or x.ndim not in ranks:
            return None
        return (
            (x, kept["running_mean"], kept["running_var"], held["weight"], held["bias"]),
            (False, 0.0, module.eps),
        )

    return arguments


def _linear(module: Any, x: torch.Tensor) -> Arguments:
    held = module._parameters
    weight = held["weight"]
    if weight.layout is not torch.strided:
        return None
    return (x, weight, held["bias"]), ()


def _layer_norm(module: Any, x: torch.Tensor) -> Arguments:
    held = module._parameters
    return (x, held["weight"], held["bias"]), (module.normalized_shape, module.eps)


def _call_of_layer_norm(tensors: list[Any], options: tuple[Any, ...]) -> list[Any]:
    x, weight, bias = tensors
    shape, eps = options
    return [x, shape, weight, bias, eps]


def _in_place(module: Any, x: torch.Tensor) -> Arguments:
    return (x,), (module.inplace,)


def _gelu(module: Any, x: torch.Tensor) -> Arguments:
    return ((x,), ()) if module.approximate == "none" else None


def _dropout(module: Any, x: torch.Tensor) -> Arguments:
    return None if module.training else ((x,), (module.p, False, module.inplace))


def _max_pool(module: Any, x: torch.Tensor) -> Arguments:
    if module.return_indices:
        return None
    return (x,), (
        module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode,
    )  # fmt: skip


def _avg_pool(module: Any, x: torch.Tensor) -> Arguments:
    return (x,), (
        module.kernel_size, module.stride, module.padding, module.ceil_mode,
        module.count_include_pad, module.divisor_override,
    )  # fmt: skip


def _adaptive_pool(module: Any, x: torch.Tensor) -> Arguments:
    return (x,), (module.output_size,)


CONV_FORWARDS = {kind: kind._conv_forward for kind in (nn.Conv1d, nn.Conv2d, nn.Conv3d)}
"""What the forward of a convolution calls, which is a usual place to patch."""


def _in_order(tensors: list[Any], options: tuple[Any, ...]) -> list[Any]:
    return [*tensors, *options]


class Shortcut(NamedTuple):
    """What a leaf module's forward comes to: a function, and how its arguments are found.

    `arguments` are the tensors and the options, which `call` puts in the function's order;
    `forward` is the forward that this is the short way of; `in_place` says that the first option
    is whether the function writes to its first argument.
    """

    function: Any
    arguments: Callable[[Any, torch.Tensor], Arguments]
    forward: Any
    in_place: bool = False
    call: Callable[[list[Any], tuple[Any, ...]], list[Any]] = _in_order


SHORTCUTS: dict[type[nn.Module], Shortcut] = {
    nn.Conv1d: Shortcut(F.conv1d, _conv, nn.Conv1d.forward),
    nn.Conv2d: Shortcut(F.conv2d, _conv, nn.Conv2d.forward),
    nn.Conv3d: Shortcut(F.conv3d, _conv, nn.Conv3d.forward),
    nn.BatchNorm1d: Shortcut(F.batch_norm, _batch_norm(2, 3), nn.BatchNorm1d.forward),
    nn.BatchNorm2d: Shortcut(F.batch_norm, _batch_norm(4), nn.BatchNorm2d.forward),
    nn.BatchNorm3d: Shortcut(F.batch_norm, _batch_norm(5), nn.BatchNorm3d.forward),
    nn.LayerNorm: Shortcut(
        F.layer_norm, _layer_norm, nn.LayerNorm.forward, call=_call_of_layer_norm
    ),
    nn.Linear: Shortcut(F.linear, _linear, nn.Linear.forward),
    nn.MaxPool2d: Shortcut(F.max_pool2d, _max_pool, nn.MaxPool2d.forward),
    nn.AvgPool2d: Shortcut(F.avg_pool2d, _avg_pool, nn.AvgPool2d.forward),
    nn.AdaptiveAvgPool2d: Shortcut(
        F.adaptive_avg_pool2d, _adaptive_pool, nn.AdaptiveAvgPool2d.forward
    ),
    nn.Dropout: Shortcut(F.dropout, _dropout, nn.Dropout.forward),
    nn.GELU: Shortcut(F.gelu, _gelu, nn.GELU.forward),
    nn.ReLU: Shortcut(F.relu, _in_place, nn.ReLU.forward, in_place=True),
    nn.SiLU: Shortcut(F.silu, _in_place, nn.SiLU.forward, in_place=True),
}
"""The short way of each leaf module that has one."""


NAMES = {
    name: value
    for name, value in vars(F).items()
    if any(value is shortcut.function for shortcut in SHORTCUTS.values())
}
"""What the functions of the shortcuts are called in `torch.nn.functional`."""


def is_patched() -> bool:
    """Whether one of the functions is replaced by another, which the ordinary way then calls."""
    return any(getattr(F, name) is not function for name, function in NAMES.items())


def arguments_of(
    shortcut: Shortcut, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Arguments:
    """What a module's call comes to calling its function with; None for the ordinary way."""
    if kwargs or len(args) != 1 or type(args[0]) is not torch.Tensor:
        return None
    own = module.__dict__
    if (
        type(module).forward is not shortcut.forward
        or own["_forward_hooks"]
        or own["_forward_pre_hooks"]
        or own["_backward_hooks"]
        or own["_backward_pre_hooks"]
        or "forward" in own
        or hooks._has_any_global_hook()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        or not args[0].is_meta
    ):
        return None
    try:
        return shortcut.arguments(module, args[0])
    except KeyError:  # a weight or a statistic that is no parameter, or no buffer
        return None
