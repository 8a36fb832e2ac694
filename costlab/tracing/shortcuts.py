"""Leaf modules of torch.nn whose forward is one call: the call, without the forward around it.

A network is mostly convolutions, normalizations, activations and linear layers, and the way from
such a module to its function takes time that counting does not need. What is taken here is what
the module's own forward would do, to the letter; anything unusual about a module (hooks, a
subclass, another mode of padding, training statistics) sends it the ordinary way. A test holds
both ways against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    Arguments = tuple[Any, ...] | None


def _conv(module: Any, x: torch.Tensor) -> Arguments:
    if module.padding_mode != "zeros":
        return None
    held = module._parameters
    return (
        x, held["weight"], held["bias"], module.stride, module.padding, module.dilation,
        module.groups,
    )  # fmt: skip


def _batch_norm(*ranks: int) -> Callable[[Any, torch.Tensor], Arguments]:
    def arguments(module: Any, x: torch.Tensor) -> Arguments:
        held, kept = module._parameters, module._buffers
        if module.training or kept["running_mean"] is None or len(x.shape) not in ranks:
            return None
        return (
            x, kept["running_mean"], kept["running_var"], held["weight"], held["bias"], False, 0.0,
            module.eps,
        )  # fmt: skip

    return arguments


def _linear(module: Any, x: torch.Tensor) -> Arguments:
    return x, module._parameters["weight"], module._parameters["bias"]


def _layer_norm(module: Any, x: torch.Tensor) -> Arguments:
    held = module._parameters
    return x, module.normalized_shape, held["weight"], held["bias"], module.eps


def _in_place(module: Any, x: torch.Tensor) -> Arguments:
    return (x, module.inplace)


SHORTCUTS: dict[type[nn.Module], tuple[Any, Callable[[Any, torch.Tensor], Arguments]]] = {
    nn.Conv1d: (F.conv1d, _conv),
    nn.Conv2d: (F.conv2d, _conv),
    nn.Conv3d: (F.conv3d, _conv),
    nn.BatchNorm1d: (F.batch_norm, _batch_norm(2, 3)),
    nn.BatchNorm2d: (F.batch_norm, _batch_norm(4)),
    nn.BatchNorm3d: (F.batch_norm, _batch_norm(5)),
    nn.LayerNorm: (F.layer_norm, _layer_norm),
    nn.Linear: (F.linear, _linear),
    nn.ReLU: (F.relu, _in_place),
    nn.SiLU: (F.silu, _in_place),
}
"""The function that a module's forward calls, and the arguments that it calls it with."""

IN_PLACE = frozenset({F.relu, F.silu})
"""Those of the functions whose second argument says that they write to the first."""

FORWARDS = {kind: kind.forward for kind in SHORTCUTS}


def shortcut(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...]] | None:
    """The function that a module's call comes to and its arguments; None for the ordinary way."""
    kind = type(module)
    found = SHORTCUTS.get(kind)
    if found is None or kwargs or len(args) != 1 or type(args[0]) is not torch.Tensor:
        return None
    own = vars(module)
    if (
        kind.forward is not FORWARDS[kind]
        or own["_forward_hooks"]
        or own["_forward_pre_hooks"]
        or own["_backward_hooks"]
        or own["_backward_pre_hooks"]
        or "forward" in own
        or hooks._has_any_global_hook()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    ):
        return None
    function, arguments = found
    ready = arguments(module, args[0])
    return None if ready is None else (function, ready)
