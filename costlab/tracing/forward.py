"""One run of a forward, on tensors of one kind, and the graph of what it did.

Does not know which kind is to be tried, nor what follows if it does not do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.errors import RefusedInputError, TraceError
from costlab.graph import Autograd, Graph, Tensor, rows
from costlab.tracing.autograd import Regions, wanting
from costlab.tracing.calls import handled
from costlab.tracing.elsewhere import given_away
from costlab.tracing.entries import GRADIENTS
from costlab.tracing.fakes import FakeRecorder, Fakes
from costlab.tracing.hidden import made_visible
from costlab.tracing.history import HOOKS
from costlab.tracing.inputs import as_call, as_specs
from costlab.tracing.leftovers import left_behind
from costlab.tracing.packed import packed_in
from costlab.tracing.parameters import buffers_of
from costlab.tracing.recorder import Recorder
from costlab.tracing.registry import Registry
from costlab.tracing.returned import Returned, returned
from costlab.tracing.scopes import Scopes
from costlab.tracing.settings import DEEPER
from costlab.tracing.stops import OtherWayError
from costlab.tracing.tensors import tensors_in
from costlab.tracing.untouched import untouched
from costlab.tracing.warned import at_users_lines
from costlab.tracing.where import explain

if TYPE_CHECKING:
    from costlab.tracing.entries import Entries
    from costlab.tracing.fallbacks import Carrier
    from costlab.tracing.parameters import Held, Modules


class Forward(NamedTuple):
    """A forward that can be run: the model, what it is called with, and how it is counted."""

    model: torch.nn.Module
    inputs: Any
    modules: Modules
    parameters: Held
    entries: Entries
    device: str
    mode: str | None

    def run(self, carrier: Carrier, *, alone: bool) -> Graph:
        """The graph of one run; `alone`, no single call may be run on other tensors.

        Raises:
            TraceError: the forward stopped; its `partial` is the graph until then.
        """
        as_it_is = self.mode is None and bool(getattr(self.model, "training", False))
        recorder = self._recorder(carrier, alone=alone)
        recorder.gradients = self.mode == "train" or as_it_is
        try:
            return self._graph(recorder, alone=alone)
        except OtherWayError:
            raise
        except TraceError:
            stopped = recorder.failed.op if recorder.failed else ""
            wanted = carrier == "real" and stopped in GRADIENTS | HOOKS
            if recorder.gradients or not (wanted and torch.is_grad_enabled()):
                raise
        # An evaluation does without gradients, but torch has them on unless it is told otherwise.
        recorder = self._recorder(carrier, alone=alone)
        recorder.gradients = True
        return self._graph(recorder, alone=alone)

    def _graph(self, recorder: Recorder, *, alone: bool) -> Graph:
        """The graph of one run, and what the forward left.

        Raises:
            OtherWayError: it caught an error that it has not with values; not if it runs `alone`.
        """
        graph, given = self._followed(recorder)
        caught = recorder.caught()
        # What autocast converted, and what an error that was caught points to, no forward keeps.
        recorder.autocast = recorder.failed = None
        remarks = left_behind(recorder.registry, given)
        # What could not be put back is known only now.
        remarks += tuple(each for each in recorder.remarks if each not in graph.remarks)
        if caught and not alone:
            raise OtherWayError(caught, partial=graph)
        remarks = (caught, *remarks) if caught else remarks
        return replace(graph, remarks=(*graph.remarks, *remarks)) if remarks else graph

    def _followed(self, recorder: Recorder) -> tuple[Graph, list[torch.Tensor]]:
        """The graph of what the forward did, and the tensors that it was given."""
        registry, scopes = recorder.registry, recorder.scopes
        args, kwargs = recorder.arguments(self.inputs, *as_call(self.inputs))
        given = [("", tensor) for tensor in tensors_in(args)]
        given += [(name, tensor) for name, value in kwargs.items() for tensor in tensors_in(value)]
        numbers = [registry.add(tensor) for _, tensor in given]
        held = registry.hold(parameter for _, parameter in self.parameters.named)
        buffers = registry.hold(buffers_of(self.modules))
        recorder.held = range(held.start, buffers.stop)
        recorder.begin((*numbers, *held))
        arguments = as_specs(args, kwargs)
        training = self.mode == "train"
        regions = Regions(recorder)

        def asking() -> dict[int, bool]:
            """Of each input and parameter, whether it wants a gradient."""
            parameters = [tensor.requires_grad for _, tensor in self.parameters.named]
            inputs = zip(numbers, wanting(self.inputs), strict=True)
            return {**dict(inputs), **dict(zip(held, parameters, strict=True))}

        recorder.leaves = lambda: [number for number, wants in asking().items() if wants]

        def autograd(found: Returned) -> Autograd | None:
            if not training:
                return None
            return regions.told(asking(), recorder.held, found)

        def graph(result: Any) -> Graph:
            read = set(chain.from_iterable([node.inputs for node in recorder.nodes]))
            found = returned(result)
            outputs = tuple(recorder.number(tensor) for tensor in found.tensors)
            packed, silent = packed_in(
                self.modules,
                lambda path, spec: registry.reserve(spec) if scopes.calls.get(path) else None,
            )
            return Graph(
                tensors=rows(Tensor, registry.specs, registry.storages),
                nodes=tuple(recorder.nodes),
                inputs=tuple(numbers),
                outputs=outputs,
                parameters=(
                    *self.parameters.described(
                        registry.specs[held.start : held.stop],
                        [number if number in read else None for number in held],
                    ),
                    *packed,
                ),
                modules=scopes.summary(registry.specs),
                input_names=tuple(name for name, _ in given),
                buffers=tuple(registry.specs[buffers.start : buffers.stop]),
                arguments=arguments,
                autograd=autograd(found),
                remarks=(*silent, *recorder.unregistered(), *recorder.remarks),
            )

        distinct = list({id(module): module for _, module in self.modules}.values())
        # A forward in training may ask whether there are gradients, and turn them off.
        with (
            untouched(distinct, (*args, *kwargs.values()), recorder.remarks) as snapshot,
            torch.set_grad_enabled(recorder.gradients),
        ):
            registry.expect(snapshot.attribute_tensors)
            if self.mode is not None:
                _set_mode(self.model, distinct, training=self.mode == "train")
            try:
                with (
                    scopes.followed(registry, recorder.direct),
                    made_visible(recorder),
                    handled((*given_away(recorder), *at_users_lines())),
                    regions.followed() if recorder.gradients else nullcontext(),
                    DEEPER,
                    recorder.watching(),
                    recorder,
                ):
                    result = self.model(*args, **kwargs)
            except RefusedInputError:
                raise
            except Exception as error:
                scopes.current = ""
                message = explain(error, scopes, recorder.failed)
                raise TraceError(message, partial=graph(None)) from error
            scopes.current = ""
            if isinstance(result, Iterator | AsyncIterator | Awaitable):
                recorder.unknown(type(result).__name__)  # what it is to do has not been done
            if not returned(result).tensors:
                recorder.remarks.setdefault(
                    f"the forward returned no tensor that costlab finds ({type(result).__name__}): "
                    "what it returns is not held to be alive until the end"
                )
            return graph(result), [tensor for _, tensor in given]

    def _recorder(self, carrier: Carrier, *, alone: bool) -> Recorder:
        """What records a run on tensors of this kind."""
        scopes = Scopes(self.modules)
        if carrier == "meta":
            recorder = Recorder(Registry(), scopes, self.entries, self.device)
        elif carrier == "fake":
            recorder = FakeRecorder(Registry(), scopes, self.entries, self.device)
        else:
            from costlab.tracing.computing import Computing
            from costlab.tracing.livetensors import LiveRegistry

            return Computing(LiveRegistry(), scopes, self.entries, self.device)
        if carrier == "fake" or not alone:
            recorder.fakes = Fakes(recorder.aside.device)
        return recorder


def _set_mode(model: torch.nn.Module, modules: list[torch.nn.Module], *, training: bool) -> None:
    """Puts the model in a mode: by its own `train` where a module has one, directly where not."""
    kinds: set[type[torch.nn.Module]] = set(map(type, modules))
    if any(kind.train is not torch.nn.Module.train for kind in kinds):
        model.train(training)
        return
    for module in modules:
        vars(module)["training"] = training


def device_of(parameters: list[tuple[str, torch.Tensor]], inputs: Any) -> str:
    """Where the forward would run: at its inputs, or at its first parameter; never "meta"."""
    first = [parameter for _, parameter in parameters[:1]]
    for tensor in (*tensors_in(inputs)[:1], *first):
        if not tensor.is_meta:
            return str(tensor.device)
    return "cpu"
