"""Calls beside the work of a forward: questions, constants, assignments and initializers.

They cost nothing and are not recorded. Does not know rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.tracing.entries import SIZED_FACTORIES
from costlab.tracing.factories import SMALL, elements
from costlab.tracing.stops import NeedsMoreError
from costlab.tracing.tensors import map_tensors, tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from costlab.tracing.entries import Entry
    from costlab.tracing.registry import Registry


class Aside:
    """Answers each such call, given the tensors of the trace and the device it pretends."""

    def __init__(self, registry: Registry, device: torch.device) -> None:
        """For one forward; `device` is where it believes its tensors are."""
        self.registry, self.device = registry, device
        self.turned: Callable[[torch.Tensor, bool], None] | None = None

    def ask(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Whatever torch says of a tensor."""
        del entry
        return func(*args, **kwargs)

    def ask_memory(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """The memory of what stands in for a tensor: whoever has it may write there."""
        del entry
        constant = self.registry.is_constant(tensors_in(args))
        args = map_tensors(self.registry.value_of if constant else self.registry.twin, args)
        return func(*args, **kwargs)

    def ask_device(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """Where the forward believes its tensors are."""
        del args, kwargs, func
        kind = self.device.type
        if entry.name == "device":
            return self.device
        if entry.name == "get_device":
            return -1 if kind == "cpu" else (self.device.index or 0)
        return entry.name == f"is_{kind}"

    def ask_value(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """A value, where the tensor has one.

        Raises:
            TraceError: it depends on an input or a weight.
        """
        if not self.registry.is_constant(tensors_in(args)):
            message = (
                f"the forward reads the values of a tensor ({entry.name}), and a trace has only "
                "shapes; give the value as an argument, or trace the part that does not need it"
            )
            raise NeedsMoreError(message)
        return func(*map_tensors(self.registry.value_of, args), **kwargs)

    def set(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> None:
        """Nothing; the attribute is set if the tensor is the trace's own."""
        if entry.name == "requires_grad.__set__" and self.turned is not None:
            self.turned(args[0], bool(args[1]))
        if not self.registry.is_foreign(args[0]):
            func(*args, **kwargs)

    def initialize(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """The tensor, filled if it is a constant of the trace's own."""
        del entry
        target = args[0] if args else kwargs.get("tensor", kwargs.get("input"))
        if self.registry.is_constant(tensors_in(args)) and not self.registry.is_foreign(target):
            return func(*args, **kwargs)
        return target

    def make(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """A constant: with its values if it is small, on meta if not."""
        kwargs = {**kwargs, "pin_memory": False} if "pin_memory" in kwargs else dict(kwargs)
        if kwargs.get("device") is not None:
            kwargs["device"] = "cpu"
        if entry.name in SIZED_FACTORIES and elements(args, kwargs) > SMALL:
            kwargs["device"] = "meta"
            made = func(*args, **kwargs)
            # It has a number from the start: a tensor on meta without one came from nowhere.
            self.registry.add(made)
            if made.requires_grad and self.turned is not None:
                self.turned(made, True)
            return made
        made = func(*args, **kwargs)
        # Within `torch.device("meta")` a small one has no values either.
        (self.registry.add if made.is_meta else self.registry.own)(made)
        return made
