"""The recorder that computes: the forward runs on real tensors, and counts as it does on shapes.

Operations are recorded by the same rules and descents; only what they return is computed, on
copies of the model's tensors. Does not know when that is to be done.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from costlab.errors import TraceError
from costlab.graph import Coverage
from costlab.tracing.descent import Descent
from costlab.tracing.entries import Entry, Treatment
from costlab.tracing.factories import where_it_is
from costlab.tracing.launches import run
from costlab.tracing.leaves import RULE_MISMATCH
from costlab.tracing.leaving import LEAVING, leaves
from costlab.tracing.livetensors import LiveRegistry
from costlab.tracing.names import names_of
from costlab.tracing.realtensors import FILLED, Filling
from costlab.tracing.recorder import ASIDE, Recorder
from costlab.tracing.scripts import run_as_written, unseen_kernels
from costlab.tracing.settings import ATENS_OWN
from costlab.tracing.tensors import map_tensors, tensors_in, tensors_of
from costlab.tracing.transforms import is_wrapped
from costlab.tracing.watch import Watch
from costlab.tracing.where import user_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from costlab.ops import Effect
    from costlab.tracing.entries import Entries
    from costlab.tracing.inputs import Call
    from costlab.tracing.registry import Registry
    from costlab.tracing.scopes import Scopes


CREATES_GRAPH = {"grad": 4, "backward": 3}
"""The place of the argument by which a gradient has a history of its own."""


class Computing(Recorder):
    """Records each call as on shapes, and answers it with what it computes."""

    short = False

    def __init__(self, registry: Registry, scopes: Scopes, entries: Entries, device: str) -> None:
        """A recorder of one forward whose tensors are on that device."""
        super().__init__(registry, scopes, entries, device)
        self.busy = self.lasting = False
        self.varies: set[int] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The result of a call, computed."""
        outer, self.busy = self.busy, True
        try:
            if any(map(is_wrapped, tensors_of(args, kwargs or {}))):
                self.busy = False  # the watch prices what the transform makes of it
                values, named = map_tensors(self._of_a_transform, (args, kwargs or {}))
                return func(*values, **named)
            return super().__torch_function__(func, types, args, kwargs)
        finally:
            self.busy = outer

    def launch(
        self, call: Any, kernel: Any, args: Any, kwargs: Any, written: list[torch.Tensor]
    ) -> Any:
        """What a launch of a kernel returns."""
        del written
        return run(self, call, kernel, args, kwargs)

    def enter_script(self, call: Any, script: Any, args: Any, kwargs: Any) -> Any:
        """What scripted code returns; the watch prices the kernels that it sees."""
        for kernel in unseen_kernels(script):
            self.unknown(kernel)
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
            return run_as_written(call, script, args, kwargs)

    def enter_transform(self, inside: Callable[[], Any]) -> Any:
        """What the inside of a function transform returns; the watch prices its kernels."""
        with ATENS_OWN, torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
            return inside()

    def within_transform(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor itself: the watch copies what is the caller's."""
        return tensor

    def _of_a_transform(self, tensor: torch.Tensor) -> torch.Tensor:
        """What to compute with; what a transform wraps is itself, as its history is its own."""
        return tensor if is_wrapped(tensor) else self.value(tensor)

    def arguments(self, inputs: Any, args: Any, kwargs: Any) -> Call:
        """Copies of the caller's tensors, and tensors made from specs."""
        filling = Filling(self.aside.device)
        call = filling.call(inputs, args, kwargs)
        if filling.filled:
            self.remarks.setdefault(FILLED)
        return call

    def begin(self, varies: tuple[int, ...]) -> None:
        """Takes note of the tensors whose values are not the same for all: inputs and weights."""
        self.varies.update(varies)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The watch for hidden kernels; the states of a device's random generators are kept."""
        devices = [self.aside.device] if self.aside.device.type == "cuda" else []
        with torch.random.fork_rng(devices), Watch(self, computes=True):
            yield

    def write(self, *args: Any, **kwargs: Any) -> None:
        """Writes a node down, and whether what it made depends on an input or a weight."""
        super().write(*args, **kwargs)
        node = self.nodes[-1]
        if not self.varies.isdisjoint(node.inputs):
            self.varies.update(node.outputs)

    def depends(self, name: str, tensors: list[torch.Tensor]) -> None:
        """Notes a call whose result decided what was counted, if it is not the same for all."""
        if any(self.number(tensor) in self.varies for tensor in tensors):
            at = user_line(traceback.extract_stack())
            place = f"{self.scopes.current or 'the model'}{at and f' [{at}]'}"
            self.remarks.setdefault(
                f"{name} in {place} depends on values: what is counted after it is so for the "
                "values seen"
            )

    def run_kernel(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The result of a kernel, on values."""
        tags = getattr(func, "tags", ())
        if torch.Tag.dynamic_output_shape in tags or torch.Tag.data_dependent_output in tags:
            self.depends(names_of(func)[-1], tensors_of(args, kwargs))
        return func(*args, **kwargs)

    def caught(self) -> str:
        """Nothing: there are values, and what the forward catches it catches without a trace."""
        return ""

    def enter(self, body: Any, args: Any, kwargs: Any) -> Any:
        """The result of a Python functional's body, whose hidden calls are watched."""
        outer, self.busy = self.busy, False
        try:
            return super().enter(body, args, kwargs)
        finally:
            self.busy = outer

    def _produce(
        self, entry: Entry, effect: Effect, tensors: Any, func: Any, args: Any, kwargs: Any
    ) -> Any:
        del entry, effect, tensors
        values, named = map_tensors(self.value, (args, kwargs))
        return func(*values, **named)

    def take_view(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """What a view returns; one that picks by a mask depends on values."""
        if entry.name == "__getitem__":
            self.depends("a mask", [x for x in tensors_of(args[1:], {}) if x.dtype is torch.bool])
        if not entry.in_place or entry.op is None:
            return super().take_view(entry, func, args, kwargs)
        tensors = tensors_of(args, kwargs)
        values, named = map_tensors(self.value, (args, kwargs))
        made = func(*values, **named)
        family, coverage = entry.op.family, entry.op.coverage
        self.record(entry.name, family, coverage, tensors, made, None, view=True)
        return made

    def _ask_value(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        tensors = tensors_of(args, kwargs)
        self.depends(entry.name, tensors)
        varies = any(self.number(tensor) in self.varies for tensor in tensors)
        if leaves(entry.name, tensors, varies=varies):
            # What is computed outside of torch, here or before it comes back, is not seen.
            self.record(LEAVING[entry.name], "unknown", Coverage.UNKNOWN, tensors, (), None)
        values, named = map_tensors(self.value, (args, kwargs))
        if entry.name in ("numpy", "__array__"):
            values = map_tensors(torch.Tensor.cpu, values)
        return func(*values, **named)

    def _differentiate(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """The gradients; the watch prices the kernels of the backward."""
        place = CREATES_GRAPH[entry.name]
        lasting = args[place] if len(args) > place else kwargs.get("create_graph", False)
        values, named = map_tensors(self.value, (args, kwargs))
        self.busy = False  # __torch_function__ puts it back
        self.switches.append((len(self.nodes), bool(lasting)))
        outer, self.lasting = self.lasting, bool(lasting)
        try:
            return func(*values, **named)
        finally:
            self.lasting = outer
            self.switches.append((len(self.nodes), torch.is_grad_enabled()))

    def kept_result(self, tensor: torch.Tensor) -> int | None:
        """The number of the result that autograd kept as this tensor; None if it is none.

        What an operation keeps of its own result it hands to its backward as a new tensor, detached
        from the one that it kept, and gives that the result's history.
        """
        registry = self.registry
        assert isinstance(registry, LiveRegistry)  # noqa: S101 - for the type checker
        return None if registry.knows(tensor) else registry.same_place(tensor)

    def _leave_aside(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        if entry.treatment is Treatment.INITIALIZER:
            values, named = map_tensors(self.value, (args, kwargs))
            func(*values, **named)
            return args[0] if args else kwargs.get("tensor", kwargs.get("input"))
        if entry.name == "data.__set__" and self.registry.is_foreign(args[0]):
            return self.registry.stand_in(args[0], self.value(args[1]).detach())
        if entry.name == "requires_grad.__set__" and self.registry.is_foreign(args[0]):
            self.value(args[0]).requires_grad_(args[1])
        return ASIDE[entry.treatment](self.aside, entry, func, args, kwargs)

    def _tell_history(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """As it is of what is computed with: a copy, if the tensor is the caller's."""
        del entry
        values, named = map_tensors(self.value, (args, kwargs))
        return func(*values, **named)

    def _make(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        if tensors_of(args, kwargs):
            kwargs = where_it_is(entry.name, kwargs, self.aside.device)
            return self.descend(entry, func, args, kwargs)
        named = {name: value for name, value in kwargs.items() if name != "pin_memory"}
        if named.get("device") is not None:
            named["device"] = self.aside.device
        made = func(*args, **named)
        self.registry.own(made)
        return made

    def _kernels(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Records the kernels that shapes run, as ever, and computes by those of the device."""
        before = len(self.nodes)
        numbers = dict(self.registry.numbers)
        try:
            twins, named = map_tensors(self.twin, (args, kwargs))
            with Descent(self, on_meta=True):
                shapes = func(*twins, **named)
        except (TraceError, *RULE_MISMATCH, RuntimeError):
            del self.nodes[before:]
            self.registry.numbers.update(numbers)
            values, named = map_tensors(self.value, (args, kwargs))
            with Descent(self, computes=True):
                return func(*values, **named)
        values, named = map_tensors(self.value, (args, kwargs))
        made = func(*values, **named)
        twins, found = tensors_in(shapes), tensors_in(made)
        if len(twins) != len(found):  # of a tensor's history shapes know nothing: its tangent
            del self.nodes[before:]
            self.registry.numbers.update(numbers)
            tensors = tensors_of(args, kwargs)
            self.record(entry.name, "unknown", Coverage.UNKNOWN, tensors, found, None)
            return made
        for twin, out in zip(twins, found, strict=True):
            number = self.registry.number_of(twin)
            if number is not None:
                self.registry.adopt(out, number)
        return made

    CARRY_OUT: ClassVar[dict[Treatment, Callable[..., Any]]] = {
        **Recorder.CARRY_OUT,
        Treatment.METADATA: _leave_aside,
        Treatment.HISTORY: _tell_history,
        Treatment.VIEW: take_view,
        Treatment.DEVICE: _leave_aside,
        Treatment.VALUE: _ask_value,
        Treatment.FACTORY: _make,
        Treatment.GRADIENT: _differentiate,
        Treatment.INITIALIZER: _leave_aside,
    }
    """How each treatment is carried out."""
