"""How an operation is carried out on shapes: by its rule, as a view, or by its body or kernels.

Does not know which of these a call is (`costlab.tracing.entries`), nor what is no operation.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from costlab.errors import TraceError, words_of
from costlab.graph import Coverage
from costlab.ops import RuleError
from costlab.tracing.bodies import WRITTEN
from costlab.tracing.descent import Descent
from costlab.tracing.factories import SMALL
from costlab.tracing.kernels import KERNELS
from costlab.tracing.leaves import RULE_MISMATCH, Leaves
from costlab.tracing.names import body_of, is_in_place, names_of
from costlab.tracing.outputs import allocate, fits
from costlab.tracing.record import ENDLESS, MOST
from costlab.tracing.stops import NeedsMoreError, no_kernel
from costlab.tracing.tensors import map_tensors, meta, tensors_in, tensors_of
from costlab.tracing.transforms import outside_of_transforms

if TYPE_CHECKING:
    from costlab.ops import Effect
    from costlab.tracing.autocast import Autocast
    from costlab.tracing.entries import Entry
    from costlab.tracing.fakes import Fakes


class Operations(TorchFunctionMode, Leaves):
    """A record that carries operations out itself, and answers each with a tensor on meta."""

    fakes: Fakes | None
    """What runs a kernel that shapes alone do not carry; None where nothing may."""
    autocast: Autocast | None
    _entered: set[Any]
    """The functionals whose bodies are being followed."""
    within: int
    """In how many kernels the trace is, of operations that are recorded themselves."""
    busy: bool = False
    """Whether what runs is a part of a recorded call."""

    def apply_rule(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """What an operation with a rule returns; where the rule declines, what its kernels do."""
        op = entry.op
        assert op is not None and op.rule is not None  # noqa: S101, PT018 - for the type checker
        answer = self.quick(entry, args, kwargs)
        if answer is not NotImplemented:
            return answer
        effect: Effect | None
        try:
            effect = op.rule(*args, **kwargs)
        except RULE_MISMATCH:
            effect = None  # out of here: what a kernel raises is no consequence of it
        except RuleError:
            self.unknown(entry.name)  # a forward may catch the error, and go on without it
            raise
        tensors = tensors_of(args, kwargs)
        in_place = entry.in_place or kwargs.get("inplace") is True
        if effect is None or (in_place and not (effect.unchanged or fits(effect, tensors))):
            if in_place and op.family == "elementwise":
                refuse_types(func, args, kwargs)
            return self.descend(entry, func, args, kwargs)
        if effect.unchanged:
            return tensors[0]
        made: Any
        if in_place:
            made = tensors[0]
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

    def take_view(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """What a view returns, by its own kernel; an index by tensors makes a copy."""
        op = entry.op
        assert op is not None  # noqa: S101 - for the type checker
        if entry.name in APART and pieces(entry.name, *args, **kwargs) > MOST:
            raise TraceError(ENDLESS)
        answer = self.view(entry, func, args, kwargs)
        if answer is not NotImplemented:
            return answer
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
            run = _plainly if constant else Operations.run_kernel
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

    def descend(self, entry: Entry, func: Any, args: Any, kwargs: Any) -> Any:
        """What a function without a rule returns, by its body or by its kernels."""
        body = body_of(func)
        if entry.name == "__setitem__":
            args = (args[0], as_positions(args[1]), *args[2:])
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
            return KERNELS.run(func, args, kwargs)
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


def refuse_types(func: Any, args: Any, kwargs: Any) -> None:
    """Does what the real kernels do, those on meta not all: refuses a result of another type.

    Raises:
        RuntimeError: of operands of these types, empty ones, torch does not write it to the first.
    """

    def empty(tensor: torch.Tensor) -> torch.Tensor:
        return torch.zeros((0,) * tensor.ndim, dtype=tensor.dtype)

    with outside_of_transforms(), torch.no_grad():
        empties, named = map_tensors(empty, (args, kwargs))
        try:
            func(*empties, **named)
        except RuntimeError as error:
            if NO_CAST in words_of(error):
                raise


NO_CAST = "can't be cast to the desired output type"
"""What torch says of it."""
APART = frozenset({"unbind", "split", "unsafe_split"})
"""Views that make as many tensors as an axis is long."""


def pieces(
    name: str,
    x: torch.Tensor,
    size: Any = 0,
    dim: int = 0,
    *,
    split_size: Any = None,
    split_size_or_sections: Any = None,
) -> int:
    """How many tensors a view takes a tensor apart into, at most."""
    if name == "unbind":
        axis, step = size or dim, 1
    else:
        axis, step = dim, next(filter(None, (split_size, split_size_or_sections, size)), 1)
    if type(axis) is not int or not -x.ndim <= axis < x.ndim or type(step) is not int:
        return 0  # of another spelling, or an error: torch says which
    return x.shape[axis] // max(step, 1)


def as_positions(index: Any) -> Any:
    """An index whose lists are tensors: torch makes them where no mode sees it.

    >>> as_positions((slice(1), [0, 2]))
    (slice(None, 1, None), tensor([0, 2]))
    """
    if isinstance(index, tuple):
        return tuple(map(as_positions, index))
    if not isinstance(index, list | range):
        return index
    try:
        return torch.tensor(index, dtype=None if len(index) else torch.int64)
    except (TypeError, ValueError, RuntimeError):
        return index  # of slices or tensors: torch says what it makes of it


def _plainly(_: Operations, func: Any, args: Any, kwargs: Any) -> Any:
    return func(*args, **kwargs)
