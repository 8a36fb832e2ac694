"""What is known of the values of a traced module before anything runs: their shapes and types.

It knows no kernel, and no layer.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from costlab.bench.seams import ArmError


class Known(NamedTuple):
    """What is known of a tensor before anything runs."""

    shape: torch.Size
    dtype: torch.dtype


class _OnMeta(fx.Interpreter):
    """A forward on meta that notes each value that is a tensor."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.found: dict[str, Known] = {}

    def run_node(self, n: fx.Node) -> Any:
        """What the node gives."""
        made = super().run_node(n)
        if isinstance(made, Tensor):
            self.found[n.name] = Known(made.shape, made.dtype)
        return made


def tensors_of(traced: fx.GraphModule, example: tuple[Tensor, ...]) -> dict[str, Known]:
    """The shape and type of each value that is a tensor, by a forward on meta.

    Raises:
        ArmError: the forward needs values, or does not take such arguments.
    """
    forward = _OnMeta(copy.deepcopy(traced).to("meta"))
    try:
        forward.run(*(one.to("meta") for one in example))
    except Exception as error:  # a forward may raise anything
        said = str(error).partition("\n")[0]
        message = f"the forward cannot be run on shapes alone: {type(error).__name__}: {said}"
        raise ArmError(message) from error
    return forward.found
