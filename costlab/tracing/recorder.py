"""The function mode that carries a forward out on shapes and records what it did.

Does not know modules (`costlab.tracing.scopes` tells it where it is) nor what a rule says.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import ref

import torch
from torch.overrides import TorchFunctionMode

from costlab.errors import TraceError
from costlab.graph import Coverage
from costlab.tracing.aside import Aside
from costlab.tracing.autocast import KEYS, Autocast, is_nested
from costlab.tracing.bodies import WRITTEN
from costlab.tracing.descent import Descent
from costlab.tracing.entries import Treatment
from costlab.tracing.factories import SMALL
from costlab.tracing.history import History
from costlab.tracing.leaves import RULE_MISMATCH, Leaves
from costlab.tracing.names import body_of, is_in_place, names_of
from costlab.tracing.outputs import allocate, fits
from costlab.tracing.scripts import run_as_written
from costlab.tracing.shortcuts import is_patched
from costlab.tracing.stops import NeedsMoreError, no_kernel
from costlab.tracing.tensors import map_tensors, meta, tensors_in, tensors_of
from costlab.tracing.where import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from costlab.ops import Effect
    from costlab.tracing.entries import Entries, Entry
    from costlab.tracing.fakes import Fakes
    from costlab.tracing.inputs import Call
    from costlab.tracing.registry import Registry
    from costlab.tracing.scopes import Scopes


class Recorder(TorchFunctionMode, Leaves):
    """Records each torch function call as a node and answers it with a tensor on meta."""

    def __init__(self, registry: Registry, scopes: Scopes, entries: Entries, device: str) -> None:
        """A recorder of one forward; `device` is where the forward believes its tensors are."""
        super().__init__()
        self.registry, self.scopes, self.entries = registry, scopes, entries
        self.nodes, self.repeated = [], {}
        self.aside = Aside(registry, torch.device(device))
        self.failed: Failure | None = None
        self.switches: list[tuple[int, bool]] = []
        self.depth = self._outside = 0
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

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The result of a call, on meta."""
        entry = self.entries.known.get(func) or self.entries.find(func)
        try:
            return self.treatments[entry.treatment](self, entry, func, args, kwargs or {})
        except Exception as error:
            if self.failed is None or error is not self.failed.error:
                operands = [
                    self.registry.spec_of(tensor) for tensor in tensors_of(args, kwargs or {})
                ]
                self.failed = Failure(entry.name, tuple(operands), error)
            raise

    def arguments(self, inputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """What the forward is called with, given what the caller said and the same on meta."""
        del inputs
        return args, kwargs

    def begin(self, varies: tuple[int, ...]) -> None:
        """Takes note of the tensors whose values are not the same for all: inputs and weights."""

    def watching(self) -> AbstractContextManager[Any]:
        """What a forward runs in, so that nothing is hidden: nothing more, on shapes."""
        return nullcontext()

    def enter_script(self, call: Any, script: Any, args: Any, kwargs: Any) -> Any:
        """What scripted code returns, priced kernel by kernel."""
        # Kernels that are written in Python call functions too: those are not the model's.
        with Descent(self), torch._C.DisableTorchFunction():  # noqa: SLF001 - as above
            return run_as_written(call, script, args, kwargs)

    def enter_transform(self, inside: Callable[[], Any]) -> Any:
        """What the inside of a function transform returns, priced kernel by kernel."""
        depth, self.depth = self.depth, -1  # no leaf is taken the short way: tensors are wrapped
        try:
            with Descent(self), torch._C.DisableTorchFunction():  # noqa: SLF001 - as above
                return inside()
        finally:
            self.depth = depth

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
        made: torch.Tensor = self._apply_rule(entry, torch.Tensor.to, (tensor, dtype), {})
        return made

    def _leave_aside(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        return ASIDE[entry.treatment](self.aside, entry, func, args, kwargs)

    def _ask_value(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        try:
            return self.aside.ask_value(entry, func, args, kwargs)
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
        tensor = args[0]
        number = self.registry.number_of(tensor)
        if number is None or self.registry.is_foreign(tensor):
            return func(*args, **kwargs)
        if self._history is None:
            self._history = History(self, self.leaves(), enabled=self.gradients)
        wants = self._history.wants(number, self.switches)
        return self._history.answer(entry.name, tensor, wants=wants)

    def _differentiate(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Refuses, and says so in the report as well: what is made on shapes has no history."""
        del func, args, kwargs
        self.unknown(f"autograd.{entry.name}")
        message = (
            f"the forward asks for gradients itself (autograd.{entry.name}), and what a trace on "
            "shapes makes has no history; --on real (on='real') computes and counts it"
        )
        raise NeedsMoreError(message)

    def _make(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        if tensors_of(args, kwargs):
            return self._descend(entry, func, args, kwargs)
        return self.aside.make(entry, func, args, kwargs)

    def _apply_rule(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        op = entry.op
        assert op is not None and op.rule is not None  # noqa: S101, PT018 - for the type checker
        try:
            effect = op.rule(*args, **kwargs)
        except RULE_MISMATCH:
            return self._descend(entry, func, args, kwargs)
        tensors = tensors_of(args, kwargs)
        if effect.unchanged:
            return tensors[0]
        in_place = entry.in_place or kwargs.get("inplace") is True
        made: Any
        if in_place:
            made = tensors[0]
            if not fits(effect, tensors):
                return self._descend(entry, func, args, kwargs)
            self._write_in_place(made, func, args, kwargs)
        else:
            made = self._produce(entry, effect, tensors, func, args, kwargs)
        self.record(entry.name, op.family, op.coverage, tensors, made, effect, in_place=in_place)
        return made

    def _produce(
        self, entry: Entry, effect: Effect, tensors: Any, func: Any, args: Any, kwargs: Any
    ) -> Any:
        """What an operation returns: its values where they are kept, else what its rule says."""
        if not self.registry.is_constant(tensors) or prod(effect.shape) > SMALL:
            return allocate(entry.name, effect, tensors)
        values, named = map_tensors(self.value, (args, kwargs))
        made = func(*values, **named)
        # Where constants live, whatever device the forward asked for.
        return made.cpu() if isinstance(made, torch.Tensor) else made

    def _view(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        op = entry.op
        assert op is not None  # noqa: S101 - for the type checker
        registry, tensors = self.registry, tensors_of(args, kwargs)
        constant, seen, named = False, args, kwargs
        if entry.in_place:
            # A view in place (`squeeze_`, `requires_grad_`) would change the caller's own tensor.
            registry.part(tensors)
        if not registry.are_twins(tensors):  # as they nearly always are
            constant = not entry.in_place and registry.is_constant(tensors)
            seen, named = map_tensors(self.value if constant else self.twin, (args, kwargs))
        try:
            # By this class's own: views are native on meta; one in place changes what is there.
            run = _plainly if constant else Recorder.run_kernel
            made = run(self, func, seen, named)
        except NotImplementedError as error:
            raise NeedsMoreError(no_kernel(entry.name)) from error
        # A view in place has a number, and from now on another shape: it gets a new one.
        fresh = [out for out in tensors_in(made) if entry.in_place or not registry.knows(out)]
        if not fresh:
            return made
        if entry.name == "__getitem__" and len(tensors) > 1:
            # Indexed by a tensor: elements are gathered, which is no view.
            self.record("index", "indexing", Coverage.PRICED, tensors, fresh, None)
            return made
        self.record(entry.name, op.family, op.coverage, tensors, fresh, None, view=True)
        return made

    def _descend(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        body = body_of(func)
        if body is None or (func in self._entered and body not in WRITTEN):
            return self._kernels(entry, func, args, kwargs)
        self._entered.add(func)
        try:
            return self.enter(body, args, kwargs)
        finally:
            self._entered.discard(func)

    def enter(self, body: Any, args: Any, kwargs: Any) -> Any:
        """What a Python functional returns, whose body the mode follows."""
        with self:
            return body(*args, **kwargs)

    def run_kernel(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What a kernel returns, on meta; on fake tensors where it does not run there."""
        try:
            return func(*args, **kwargs)
        except NotImplementedError:
            if self.fakes is None:
                raise
            made = self.fakes.run(func, args, kwargs)
        name, place = names_of(func)[-1], self.scopes.current or "the model"
        self.remarks.setdefault(
            f"{name} in {place} has no kernel that runs on shapes alone: what it returns is told "
            "by torch's fake tensors"
        )
        return made

    def _kernels(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        constant = self.registry.is_constant(tensors_of(args, kwargs))
        if not constant:
            for written in tensors_in(kwargs.get("out")):
                self.registry.stand_in(written, meta(written))
            if entry.in_place or is_in_place(entry.name):
                self.registry.part(tensors_in(args[:1]))
        seen, named = map_tensors(self.value if constant else self.twin, (args, kwargs))
        with Descent(self, computes=constant):
            return func(*seen, **named)

    def _write_in_place(self, target: Any, func: Any, args: Any, kwargs: Any) -> None:
        """Carries an in-place operation out where values are kept; a model's tensor stays as is."""
        if target.is_meta:
            return
        if self.registry.is_constant(tensors_of(args, kwargs)):
            values, named = map_tensors(self.value, (args, kwargs))
            func(*values, **named)
        else:
            self.registry.stand_in(target, meta(target))

    # Functions, not the methods of one recorder: those would have it hold itself, and every tensor
    # of the trace with it, until the garbage collector comes by.
    CARRY_OUT: ClassVar[dict[Treatment, Callable[..., Any]]] = {
        Treatment.METADATA: _leave_aside,
        Treatment.DEVICE: _leave_aside,
        Treatment.VALUE: _ask_value,
        Treatment.RULE: _apply_rule,
        Treatment.VIEW: _view,
        Treatment.FACTORY: _make,
        Treatment.SETTER: _leave_aside,
        Treatment.INITIALIZER: _leave_aside,
        Treatment.HISTORY: _tell_history,
        Treatment.GRADIENT: _differentiate,
        Treatment.SWITCH: _switch,
        Treatment.DESCENT: _descend,
    }
    """How each treatment is carried out."""


ASIDE: dict[Treatment, Callable[..., Any]] = {
    Treatment.METADATA: Aside.ask,
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


def _plainly(_: Recorder, func: Any, args: Any, kwargs: Any) -> Any:
    return func(*args, **kwargs)


def _converted(recorder: ref[Recorder], tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    # By a weak reference, so that no recorder holds itself.
    alive = recorder()
    assert alive is not None  # noqa: S101 - for the type checker
    return alive.convert(tensor, dtype)
