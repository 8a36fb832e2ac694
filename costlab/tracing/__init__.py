"""A module and its inputs to a graph, by running the forward on shapes.

Knows nothing of blocks, reports or text.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import TraceError, UsageError
from costlab.graph import Graph, Parameter, Tensor, rows
from costlab.tracing.calls import SCRIPTS
from costlab.tracing.entries import DEFAULT_ENTRIES, Entries
from costlab.tracing.inputs import as_call
from costlab.tracing.recorder import Recorder
from costlab.tracing.scopes import Scopes, registered
from costlab.tracing.tensors import Registry, tensors_in
from costlab.tracing.untouched import untouched
from costlab.tracing.where import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.ops import Op

__all__ = ["trace"]


def trace(
    model: torch.nn.Module,
    inputs: Any,
    *,
    mode: str | None = None,
    ops: Mapping[str, Op] | None = None,
) -> Graph:
    """The graph of one forward.

    `inputs` is a tensor, a tuple of positional arguments, a mapping of keyword arguments, or
    specs (`"f32[1,3,299,299]"`) in place of tensors. `mode` is "eval" or "train", or None for the
    mode that the model is in. `ops` is the table of operations, costlab's own by default. The
    model is the same afterwards as before.

    Raises:
        UsageError: the model is no module, or the inputs or the mode cannot be used.
        TraceError: the forward stopped; its `partial` is the graph until then.
    """
    _refuse_what_is_no_module(model)
    if mode not in (None, "eval", "train"):
        message = f"mode is {mode!r}; it must be 'eval', 'train' or None"
        raise UsageError(message)
    args, kwargs = as_call(inputs)
    modules = registered(model)
    parameters = _parameters_of(modules)
    registry = Registry()
    scopes = Scopes(modules)
    entries = DEFAULT_ENTRIES if ops is None else Entries(ops)
    recorder = Recorder(registry, scopes, entries, _device(parameters, inputs))
    given = [("", tensor) for tensor in tensors_in(args)]
    given += [(name, tensor) for name, value in kwargs.items() for tensor in tensors_in(value)]
    numbers = [registry.add(tensor) for _, tensor in given]
    held = registry.hold(parameter for _, parameter in parameters)
    registry.hold(_buffers_of(modules))

    def graph(result: Any) -> Graph:
        read = set(chain.from_iterable([node.inputs for node in recorder.nodes]))
        outputs = tuple(recorder.number(tensor) for tensor in tensors_in(result))
        return Graph(
            tensors=rows(Tensor, registry.specs, registry.storages),
            nodes=tuple(recorder.nodes),
            inputs=tuple(numbers),
            outputs=outputs,
            parameters=rows(
                Parameter,
                [path for path, _ in parameters],
                registry.specs[held.start : held.stop],
                [number if number in read else None for number in held],
            ),
            modules=scopes.summary(),
            input_names=tuple(name for name, _ in given),
        )

    distinct = list({id(module): module for _, module in modules}.values())
    with untouched(distinct) as snapshot, torch.no_grad():
        registry.expect(snapshot.attribute_tensors)
        if mode is not None:
            _set_mode(model, distinct, training=mode == "train")
        try:
            with (
                scopes.followed(registry.spec_of, recorder.direct),
                SCRIPTS.handled_by(recorder.enter_script),
                recorder,
            ):
                result = model(*args, **kwargs)
        except Exception as error:
            scopes.current = ""
            message = explain(error, scopes, recorder.failed)
            raise TraceError(message, partial=graph(None)) from error
        scopes.current = ""
        return graph(result)


def _refuse_what_is_no_module(model: object) -> None:
    if not isinstance(model, torch.nn.Module):
        message = f"expected a torch.nn.Module, got {type(model).__name__}"
        raise UsageError(message)


def _set_mode(model: torch.nn.Module, modules: list[torch.nn.Module], *, training: bool) -> None:
    """Puts the model in a mode: by its own `train` where a module has one, directly where not."""
    if any(type(module).train is not torch.nn.Module.train for module in modules):
        model.train(training)
        return
    for module in modules:
        vars(module)["training"] = training


Named = list[tuple[str, torch.Tensor]]


def _device(parameters: Named, inputs: Any) -> str:
    """Where the forward would run: at its inputs, or at its first parameter; never "meta"."""
    first = [parameter for _, parameter in parameters[:1]]
    for tensor in (*tensors_in(inputs)[:1], *first):
        if not tensor.is_meta:
            return str(tensor.device)
    return "cpu"


def _parameters_of(modules: list[tuple[str, torch.nn.Module]]) -> Named:
    """Each parameter once, under the first path that it is registered at.

    Raises:
        UsageError: a lazy module, whose parameters have no shape before its first forward.
    """
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for path, module in modules:
        for name, parameter in module._parameters.items():  # noqa: SLF001 - named_parameters walks the tree again for each module
            if parameter is None or id(parameter) in found:
                continue
            place = f"{path}.{name}" if path else name
            if type(parameter) is not torch.nn.Parameter:
                _refuse_lazy(place, parameter)
            found[id(parameter)] = (place, parameter)
    return list(found.values())


def _refuse_lazy(place: str, parameter: torch.Tensor) -> None:
    lazy: bool = torch.nn.parameter.is_lazy(parameter)
    if lazy:
        message = (
            f"{place} has no shape before the first forward (a lazy module), and the first forward "
            "would change the model; run it once, then analyze it"
        )
        raise UsageError(message)


def _buffers_of(modules: list[tuple[str, torch.nn.Module]]) -> Iterator[torch.Tensor]:
    """Each buffer once."""
    found = chain.from_iterable(module._buffers.values() for _, module in modules)  # noqa: SLF001 - as above
    return iter({id(buffer): buffer for buffer in found if buffer is not None}.values())
