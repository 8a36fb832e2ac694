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
from costlab.tracing.leaves import RULE_MISMATCH
from costlab.tracing.names import names_of
from costlab.tracing.realtensors import FILLED, Filling
from costlab.tracing.recorder import ASIDE, Recorder
from costlab.tracing.scripts import run_as_written
from costlab.tracing.tensors import map_tensors, tensors_in, tensors_of
from costlab.tracing.where import user_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from costlab.ops import Effect
    from costlab.tracing.entries import Entries
    from costlab.tracing.inputs import Call
    from costlab.tracing.registry import Registry
    from costlab.tracing.scopes import Scopes


LEAVING = {"numpy": "numpy", "__array__": "numpy", "__dlpack__": "dlpack", "tolist": "tolist"}
"""Calls after which torch does not see what is computed with a tensor, and what that is named."""
CREATES_GRAPH = {"grad": 4, "backward": 3}
"""The place of the argument by which a gradient has a history of its own."""


class Watch(Descent):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Prices what comes from where the function mode cannot see: functorch, extensions."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The kernel's result; only what no recorded call runs is recorded here."""
        recorder = self.recorder
        assert isinstance(recorder, Computing)  # noqa: S101 - for the type checker
        if recorder.busy:
            return func(*args, **(kwargs or {}))
        recorder.busy = True
        try:
            return super().__torch_dispatch__(func, types, args, kwargs)
        finally:
            recorder.busy = False


def is_wrapped(tensor: torch.Tensor) -> bool:
    """Whether a functorch transform hides dimensions of a tensor, or its history."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))  # noqa: SLF001 - torch has no public name for it


class Computing(Recorder):
    """Records each call as on shapes, and answers it with what it computes."""

    def __init__(self, registry: Registry, scopes: Scopes, entries: Entries, device: str) -> None:
        """A recorder of one forward whose tensors are on that device."""
        super().__init__(registry, scopes, entries, device)
        self.busy = False
        self.varies: set[int] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The result of a call, computed."""
        outer, self.busy = self.busy, True
        try:
            if any(map(is_wrapped, tensors_of(args, kwargs or {}))):
                self.busy = False  # the watch prices what the transform makes of it
                values, named = map_tensors(self.value, (args, kwargs or {}))
                return func(*values, **named)
            return super().__torch_function__(func, types, args, kwargs)
        finally:
            self.busy = outer

    def enter_script(self, call: Any, script: Any, args: Any, kwargs: Any) -> Any:
        """What scripted code returns; the watch prices its kernels."""
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
            return run_as_written(call, script, args, kwargs)

    def enter_transform(self, inside: Callable[[], Any]) -> Any:
        """What the inside of a function transform returns; the watch prices its kernels."""
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
            return inside()

    def direct(self, module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
        """NotImplemented: the ordinary way is always taken."""
        del module, args, kwargs
        return NotImplemented

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

    def record(self, *args: Any, **kwargs: Any) -> None:
        """Writes a node down, and whether what it made depends on an input or a weight."""
        super().record(*args, **kwargs)
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

    def _view(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        if entry.name == "__getitem__":
            self.depends("a mask", [x for x in tensors_of(args[1:], {}) if x.dtype is torch.bool])
        if not entry.in_place or entry.op is None:
            return super()._view(entry, func, args, kwargs)
        tensors = tensors_of(args, kwargs)
        values, named = map_tensors(self.value, (args, kwargs))
        made = func(*values, **named)
        family, coverage = entry.op.family, entry.op.coverage
        self.record(entry.name, family, coverage, tensors, made, None, view=True)
        return made

    def _leaves(self, name: str, tensors: list[torch.Tensor]) -> bool:
        """Whether values that are not the same for all leave torch, to be computed with elsewhere.

        A list of integers does not: those are sizes and positions, which decide and are not summed.
        """
        leaves = name in LEAVING and (
            name != "tolist" or any(tensor.is_floating_point() for tensor in tensors)
        )
        return leaves and any(self.number(tensor) in self.varies for tensor in tensors)

    def _ask_value(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        tensors = tensors_of(args, kwargs)
        self.depends(entry.name, tensors)
        if self._leaves(entry.name, tensors):
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
        try:
            return func(*values, **named)
        finally:
            self.switches.append((len(self.nodes), torch.is_grad_enabled()))

    def _leave_aside(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        if entry.treatment is Treatment.INITIALIZER:
            values, named = map_tensors(self.value, (args, kwargs))
            func(*values, **named)
            return args[0] if args else kwargs.get("tensor", kwargs.get("input"))
        if entry.name == "data.__set__" and self.registry.is_foreign(args[0]):
            return self.registry.stand_in(args[0], self.value(args[1]).detach())
        return ASIDE[entry.treatment](self.aside, entry, func, args, kwargs)

    def _make(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        if tensors_of(args, kwargs):
            return self._descend(entry, func, args, kwargs)
        named = {name: value for name, value in kwargs.items() if name != "pin_memory"}
        if named.get("device") is not None:
            named["device"] = self.aside.device
        made = func(*args, **named)
        self.registry.own(made)
        return made

    def _kernels(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Records the kernels that shapes run, as ever, and computes by those of the device."""
        del entry
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
        for twin, out in zip(tensors_in(shapes), tensors_in(made), strict=True):
            number = self.registry.number_of(twin)
            if number is not None:
                self.registry.adopt(out, number)
        return made

    CARRY_OUT: ClassVar[dict[Treatment, Callable[..., Any]]] = {
        **Recorder.CARRY_OUT,
        Treatment.METADATA: _leave_aside,
        Treatment.HISTORY: _leave_aside,
        Treatment.VIEW: _view,
        Treatment.DEVICE: _leave_aside,
        Treatment.VALUE: _ask_value,
        Treatment.FACTORY: _make,
        Treatment.GRADIENT: _differentiate,
        Treatment.SETTER: _leave_aside,
        Treatment.INITIALIZER: _leave_aside,
    }
    """How each treatment is carried out."""
