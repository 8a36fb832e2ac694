"""A module and its inputs to a graph, by running the forward on shapes.

Knows nothing of blocks, reports or text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import TraceError, UsageError
from costlab.ops import installed, table_of
from costlab.tracing.entries import Entries, default_entries
from costlab.tracing.fallbacks import WITH_WEIGHTS, attempt, checked, what_is_missing
from costlab.tracing.forward import Forward, device_of
from costlab.tracing.inputs import as_call
from costlab.tracing.parameters import buffers_of, parameters_of
from costlab.tracing.scopes import registered
from costlab.tracing.tensors import tensors_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.graph import Graph
    from costlab.ops import Op

__all__ = ["trace"]


def trace(
    model: torch.nn.Module,
    inputs: Any,
    *,
    mode: str | None = None,
    ops: Mapping[str, Op] | None = None,
    on: str = "auto",
) -> Graph:
    """The graph of one forward.

    `inputs` is a tensor, a tuple of positional arguments, a mapping of keyword arguments, or
    specs (`"f32[1,3,299,299]"`) in place of tensors. `mode` is "eval" or "train", or None for the
    mode that the model is in. `ops` is the table of operations, costlab's own by default. `on` is
    "meta" (shapes alone), "fake" (torch's fake tensors), "real" (the weights and inputs as they
    are), or "auto" for the first of these on which the forward comes to its end. The model is the
    same afterwards as before.

    Raises:
        UsageError: the model is no module, or the inputs, the mode, `ops` or `on` cannot be used.
        TraceError: the forward stopped; its `partial` is the graph until then.
    """
    _refuse_what_is_no_module(model)
    if mode not in (None, "eval", "train"):
        message = f"mode is {mode!r}; it must be 'eval', 'train' or None"
        raise UsageError(message)
    choice = checked(on)
    modules = registered(model)
    parameters = parameters_of(modules)
    entries = default_entries() if ops is None else Entries(table_of(ops))
    device = device_of(parameters.named, inputs)
    forward = Forward(model, inputs, modules, parameters, entries, device, mode)

    def obstacle() -> str:
        held = [parameter for _, parameter in parameters.named]
        # A program of torch.export cannot be given weights, and says what can be done instead.
        remedy = getattr(type(model), "without_weights", WITH_WEIGHTS)
        given = tensors_in(as_call(inputs))
        return what_is_missing([*held, *buffers_of(modules)], given, remedy)

    problems = installed().problems if ops is None else ()
    try:
        graph = attempt(choice, lambda carrier: forward.run(carrier, alone=on != "auto"), obstacle)
    except TraceError as error:
        if not problems:
            raise
        message = "; ".join((str(error), *problems))
        raise TraceError(message, partial=error.partial) from error.__cause__
    remarks = (*problems, *parameters.one_memory())
    return replace(graph, remarks=(*remarks, *graph.remarks)) if remarks else graph


def _refuse_what_is_no_module(model: object) -> None:
    if not isinstance(model, torch.nn.Module):
        message = f"expected a torch.nn.Module, got {type(model).__name__}"
        raise UsageError(message)
