"""The function mode that carries a forward out on shapes and records what it did.

It decides what a call is, and answers what is no operation. Does not know modules
(`costlab.tracing.scopes` tells it where it is), nor how operations are carried out.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import ref

import torch

from costlab.errors import TraceError, words_of
from costlab.tracing.aside import Aside
from costlab.tracing.autocast import KEYS, Autocast, is_nested
from costlab.tracing.descent import Descent
from costlab.tracing.entries import Treatment
from costlab.tracing.factories import of_no_tensor, where_it_is
from costlab.tracing.history import History
from costlab.tracing.launches import forgotten
from costlab.tracing.leaving import leaves
from costlab.tracing.operations import Operations
from costlab.tracing.scripts import run_as_written
from costlab.tracing.shortcuts import is_patched
from costlab.tracing.stops import NeedsMoreError, needs_more
from costlab.tracing.takeovers import alike, set_data
from costlab.tracing.tensors import tensors_of
from costlab.tracing.transforms import Exchanged, is_wrapped, outside_of_transforms
from costlab.tracing.where import Failure
from costlab.training.flow import Noted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from costlab.graph import Checkpoint
    from costlab.tracing.entries import Entries, Entry
    from costlab.tracing.fakes import Fakes
    from costlab.tracing.inputs import Call
    from costlab.tracing.registry import Registry
    from costlab.tracing.scopes import Scopes


METADATA = Treatment.METADATA


class Recorder(Operations):
    """Records each torch function call as a node and answers it with a tensor on meta."""

    def __init__(self, registry: Registry, scopes: Scopes, entries: Entries, device: str) -> None:
        """A recorder of one forward; `device` is where the forward believes its tensors are."""
        super().__init__()
        self.registry, self.scopes, self.entries = registry, scopes, entries
        self.nodes, self.repeated, self.turned, self.strays = [], {}, [], {}
        self.aside = Aside(registry, torch.device(device))
        self.failed: Failure | None = None
        self.switches: list[tuple[int, bool]] = []
        self.checkpoints: list[Checkpoint] = []
        self.held = range(0)
        """The numbers of the parameters and buffers."""
        self.depth = self._outside = self.within = 0
        self.fakes: Fakes | None = None
        self.remarks = {}
        self.autocast: Autocast | None = None
        self.treatments = self.CARRY_OUT
        self._entered: set[Any] = set()
        self.leaves: Callable[[], Iterable[int]] = tuple
        """The numbers of the inputs and weights that want a gradient."""
        self.gradients = False
        """Whether gradients are on as the forward begins."""
        self._history: History | None = None
        self._transforming = False
        """Whether the inside of a function transform runs."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The result of a call, on meta."""
        entry = self.entries.known.get(func) or self.entries.find(func)
        try:
            if entry.treatment is METADATA and self.short:  # as half of all calls
                return func(*args, **(kwargs or {}))
            return self.treatments[entry.treatment](self, entry, func, args, kwargs or {})
        except Exception as error:
            if self.failed is None or error is not self.failed.error:
                operands = [
                    self.registry.spec_of(tensor) for tensor in tensors_of(args, kwargs or {})
                ]
                self.failed = Failure(entry.name, tuple(operands), error)
            raise

    def caught(self) -> str:
        """What the forward was not answered and caught, if it came to its end; empty if nothing."""
        if self.failed is None or not needs_more(self.failed.error):
            return ""
        return (
            f"the forward caught an error that it has not with values ({self.failed.op}: "
            f"{words_of(self.failed.error)}) and went the way that it has for it"
        )

    def arguments(self, inputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """What the forward is called with, given what the caller said and the same on meta."""
        del inputs
        return args, kwargs

    def begin(self, varies: tuple[int, ...]) -> None:
        """Takes note of the tensors whose values are not the same for all: inputs and weights."""

    def watching(self) -> AbstractContextManager[Any]:
        """What a forward runs in, so that nothing is hidden: nothing more, on shapes."""
        return nullcontext()

    def launch(
        self, call: Any, kernel: Any, args: Any, kwargs: Any, written: list[torch.Tensor]
    ) -> Any:
        """Nothing, as a launch of a kernel returns: on shapes none takes place."""
        del call, kernel, args, kwargs
        forgotten(self, written)

    def enter_script(self, call: Any, script: Any, args: Any, kwargs: Any) -> Any:
        """What scripted code returns, priced kernel by kernel."""
        # In a function transform its kernels are priced already, below what the transform wraps.
        priced = nullcontext() if self._transforming else Descent(self)
        # Kernels that are written in Python call functions too: those are not the model's.
        with priced, torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
            return run_as_written(call, script, args, kwargs)

    def enter_transform(self, inside: Callable[[], Any]) -> Any:
        """What the inside of a function transform returns, priced kernel by kernel."""
        depth, self.depth = self.depth, -1  # no leaf is taken the short way: tensors are wrapped
        outer, self._transforming = self._transforming, True
        try:
            with Descent(self), Exchanged(self.entries, self.within_transform):
                return inside()
        finally:
            self.depth, self._transforming = depth, outer

    def within_transform(self, tensor: torch.Tensor) -> torch.Tensor:
        """What a tensor is within a function transform: its twin, unless the transform wraps it."""
        if is_wrapped(tensor):
            return tensor
        with outside_of_transforms():
            return self.twin(tensor)

    def __enter__(self) -> Self:
        """Starts recording; the number of modes says later whether another one came between."""
        entered: Self = super().__enter__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._outside = torch._C._len_torch_function_stack()  # noqa: SLF001 - torch has no public name for it
        self.follow_autocast()
        return entered

    def follow_autocast(self) -> None:
        """Has operands converted where autocast is on; where it is off, that takes no time."""
        device = self.aside.device.type
        on = device in KEYS and torch.is_autocast_enabled(device)
        self.depth = -1 if on or is_patched() else self._outside  # no shortcuts
        self.treatments = {**self.CARRY_OUT, **CONVERTING} if on else self.CARRY_OUT
        if on and (self.autocast is None or not is_nested()):
            self.autocast = Autocast(device, partial(_converted, ref(self)))

    def convert(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The tensor in another type; that is an operation as any other."""
        entry = self.entries.find(torch.Tensor.to)
        made: torch.Tensor = self.apply_rule(entry, torch.Tensor.to, (tensor, dtype), {})
        return made

    def _leave_aside(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        return ASIDE[entry.treatment](self.aside, entry, func, args, kwargs)

    def _assign(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Nothing; an attribute of a tensor is set, and what its data are from now on is known."""
        if entry.name == "data.__set__" and isinstance(args[1], torch.Tensor):
            target, source = args[:2]
            registry = self.registry
            # One of the caller's that looks as before costs what it did.
            if not registry.is_foreign(target) or not alike(registry, target, source):
                return set_data(self, func, target, source)
        return self._leave_aside(entry, func, args, kwargs)

    def _ask_value(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        try:
            found = self.aside.ask_value(entry, func, args, kwargs)
            if entry.name == "data_ptr" and leaves("data_ptr", [], varies=True):
                self.unknown(entry.name)  # what is computed there with constants is not seen
            return found  # noqa: TRY300 - both are within: what is refused is unknown too
        except TraceError:
            # Said in the report as well: a model may catch the error and go another way.
            self.unknown(entry.name)
            raise

    def _switch(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Turns gradients on or off, and writes down where."""
        del entry
        made = func(*args, **kwargs)
        self.switches.append((len(self.nodes), torch.is_grad_enabled()))
        return made

    def _tell_history(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        if self._history is None:
            noted = Noted(self.switches, self.turned, self.checkpoints, self.repeated, self.held)
            self._history = History(
                self.nodes, self.registry, noted, self.leaves, enabled=self.gradients
            )
        return self._history.ask(entry.name, args[0], partial(func, *args, **kwargs))

    def _differentiate(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Refuses, and says so in the report as well: what is made on shapes has no history.

        What a transform wrapped has one: a function of `torch.func.vjp` asks for its gradients.
        """
        if any(map(is_wrapped, tensors_of(args, kwargs))):
            return self.enter_transform(lambda: func(*args, **kwargs))
        self.unknown(f"autograd.{entry.name}")
        message = (
            f"the forward asks for gradients itself (autograd.{entry.name}), and what a trace on "
            "shapes makes has no history; --on real (on='real') computes and counts it"
        )
        raise NeedsMoreError(message)

    def _make(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        plain = of_no_tensor(entry.name, func, args, kwargs)
        if tensors_of(plain.args, plain.kwargs):
            kwargs = where_it_is(entry.name, kwargs, self.aside.device)
            return self.descend(entry, func, args, kwargs)
        return self.aside.make(entry, *plain)

    # Functions, not the methods of one recorder: those would have it hold itself, and every tensor
    # of the trace with it, until the garbage collector comes by.
    CARRY_OUT: ClassVar[dict[Treatment, Callable[..., Any]]] = {
        Treatment.METADATA: _leave_aside,
        Treatment.MEMORY: _leave_aside,
        Treatment.DEVICE: _leave_aside,
        Treatment.VALUE: _ask_value,
        Treatment.RULE: Operations.apply_rule,
        Treatment.VIEW: Operations.take_view,
        Treatment.FACTORY: _make,
        Treatment.SETTER: _assign,
        Treatment.INITIALIZER: _leave_aside,
        Treatment.HISTORY: _tell_history,
        Treatment.GRADIENT: _differentiate,
        Treatment.SWITCH: _switch,
        Treatment.DESCENT: Operations.descend,
    }
    """How each treatment is carried out."""


ASIDE: dict[Treatment, Callable[..., Any]] = {
    Treatment.METADATA: Aside.ask,
    Treatment.MEMORY: Aside.ask_memory,
    Treatment.HISTORY: Aside.ask,
    Treatment.DEVICE: Aside.ask_device,
    Treatment.SETTER: Aside.set,
    Treatment.INITIALIZER: Aside.initialize,
}
"""The treatments that are carried out beside the work, and make no node."""


def _converting(carry_out: Callable[..., Any]) -> Callable[..., Any]:
    """A treatment under autocast: the same, of operands that have been converted."""

    def converted(recorder: Recorder, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        assert recorder.autocast is not None  # noqa: S101 - for the type checker
        args, kwargs = recorder.autocast.operands(entry.name, args, kwargs)
        return carry_out(recorder, entry, func, args, kwargs)

    return converted


CONVERTING = {
    treatment: _converting(Recorder.CARRY_OUT[treatment])
    for treatment in (Treatment.RULE, Treatment.DESCENT)
}
"""The treatments that are others under autocast."""


def _converted(recorder: ref[Recorder], tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    # By a weak reference, so that no recorder holds itself.
    alive = recorder()
    assert alive is not None  # noqa: S101 - for the type checker
    return alive.convert(tensor, dtype)
