"""The convention of torchinfo: each module's parameters, times what it takes for its positions.

Source: torchinfo 1.8.0, `torchinfo/layer_info.py`, `calculate_macs`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch

from costlab.conventions.recurrent import LAYERS, UNBATCHED
from costlab.conventions.rules import ANY, Rule, Tool

if TYPE_CHECKING:
    from costlab.conventions.places import Place


def _is_convolution(place: Place) -> bool:
    module = place.module
    scripted = isinstance(module, torch.jit.ScriptModule)
    return "Conv" in (str(module.original_name) if scripted else type(module).__name__)


def _elements(place: Place, name: str) -> int:
    # As registered, never computed; a scripted module has no dict of them.
    registered = dict(place.module.named_parameters(recurse=False))
    return int(registered[name].numel()) if name in registered else 0


def _positions(place: Place) -> int:
    """Positions of a convolution's result, its channels apart; of any other, its first size."""
    out = place.output
    return prod(out[:1] + out[2:]) if _is_convolution(place) else prod(out[:1])


def _weight(place: Place) -> int:
    return _elements(place, "weight") * _positions(place)


def _bias(place: Place) -> int:
    return _elements(place, "bias") * _positions(place)


def _recurrent(place: Place) -> int:
    """All weights and biases, times the first two sizes of the result that the module returns."""
    counted: int = sum(
        parameter.numel()
        for name, parameter in place.module.named_parameters()
        if name not in ("weight", "bias") and ("weight" in name or "bias" in name)
    )
    output = place.output
    if place.kind in LAYERS and len(place.inputs[0]) == UNBATCHED:
        module = place.module
        width: int = module.proj_size or module.hidden_size
        output = (place.inputs[0][0], width * (2 if module.bidirectional else 1))
    return counted * prod(output[:2])


def _is_leaf(place: Place) -> bool:
    """Whether it has no children, a child that is an empty list not counted as one."""
    return not any(place.module.children())


def _has_gates(place: Place) -> bool:
    """Whether it has parameters with names such as `weight_ih_l0`."""
    return _is_leaf(place) and any(
        name not in {"weight", "bias"} and ("weight" in name or "bias" in name)
        for name, _ in place.module.named_parameters()
    )


def _contracts(place: Place) -> bool:
    return _is_leaf(place) and place.macs > 0 and not _has_gates(place)


TOOL = Tool(
    name="torchinfo",
    package="torchinfo",
    version="1.8.0",
    how="hooks; parameters times positions",
    unit="mult-adds",
    unseen="functions called outside a module of their own are not seen",
    by_module=(
        Rule(
            ANY,
            _weight,
            "a convolution's weights at each position of its result",
            replaces=True,
            when=lambda place: _contracts(place) and _is_convolution(place),
        ),
        Rule(
            ANY,
            _weight,
            "a linear layer's weights once an image, whatever its positions",
            replaces=True,
            when=lambda place: _contracts(place) and not _is_convolution(place),
        ),
        Rule(
            ANY,
            _recurrent,
            "parameters with longer names, as those of gates, at each step",
            replaces=True,
            when=_has_gates,
        ),
        Rule(ANY, _bias, "biases", when=_contracts),
        Rule(
            ANY,
            lambda place: _weight(place) + _bias(place),
            "parameters of normalizations and embeddings, once an image",
            when=lambda place: _is_leaf(place) and not place.macs,
        ),
    ),
)
