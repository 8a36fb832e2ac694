"""What a forward does about gradients: where it turns them off, and what it will compute anew.

Does not know operations, nor what a backward costs.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import checkpoint

from costlab.graph import Autograd, Checkpoint
from costlab.tracing.calls import Interception, handled
from costlab.tracing.inputs import as_call
from costlab.tracing.tensors import tensors_in
from costlab.tracing.transforms import is_wrapped
from costlab.training.flow import Flow, Noted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from costlab.tracing.recorder import Recorder
    from costlab.tracing.returned import Returned

CHECKPOINTS = Interception("_checkpoint_without_reentrant_generator", checkpoint)
"""What surrounds a checkpointed region, of the variant that is not re-entrant."""
REENTRANT_CHECKPOINTS = Interception("apply", checkpoint.CheckpointFunction)
"""A checkpointed region of the re-entrant variant."""
FUNCTIONS = Interception("apply", torch.autograd.Function)
"""A call of a function whose backward is written by hand."""
ENTERED_INFERENCE = Interception("__enter__", torch.inference_mode)
"""The beginning of a region in inference mode, of which function modes are not told."""
TURNED = Interception("requires_grad_", torch.Tensor)
"""What has a tensor want a gradient, or want none."""
LEFT_INFERENCE = Interception("__exit__", torch.inference_mode)
"""Its end."""

NOTHING_KEPT = checkpoint.noop_context_fn
"""The contexts of a checkpoint that keeps nothing of its region, as most do."""

Range = tuple[int, int]


class Regions:
    """The ranges of nodes that ran within a checkpoint, and where gradients were switched."""

    def __init__(self, recorder: Recorder) -> None:
        """Of one forward."""
        self.recorder = recorder
        self.checkpoints = recorder.checkpoints
        self.functions: dict[str, None] = {}
        self.guessed: dict[str, None] = {}
        self.turned = recorder.turned

    @property
    def here(self) -> int:
        """The number of the next node."""
        return len(self.recorder.nodes)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follows the checkpoints and the inference modes of this thread until the block ends."""
        pairs = (
            (CHECKPOINTS, self._around),
            (REENTRANT_CHECKPOINTS, self._apply),
            (FUNCTIONS, self._note),
            (ENTERED_INFERENCE, self._switch),
            (LEFT_INFERENCE, self._switch),
            (TURNED, self._turn),
        )
        aside = self.recorder.aside
        aside.turned = self._note_turned
        try:
            with handled(pairs):
                yield
        finally:
            aside.turned = None

    def _around(self, call: Any, function: Any, args: Any, kwargs: Any) -> Iterator[None]:
        start = self.here
        told = signature(call).bind(function, *args, **kwargs).arguments
        everywhere = checkpoint._enable_checkpoint_early_stop  # noqa: SLF001 - as set by a context
        stops = told.get("early_stop", True) if everywhere is None else everywhere
        if torch.is_grad_enabled() and told.get("context_fn", NOTHING_KEPT) is not NOTHING_KEPT:
            self.guessed.setdefault("a checkpoint with a context_fn")
        noted = len(self.recorder.switches)
        inside = call(function, *args, **kwargs)
        next(inside)
        # What keeps the arguments runs with gradients off, of whose end no mode is told.
        del self.recorder.switches[noted:]
        try:
            yield
            yield from inside
        except BaseException as error:
            inside.throw(error)
            raise
        finally:
            self._region(start, reentrant=False, stops_early=bool(stops))

    def _apply(self, call: Any, function: Any, args: Any, kwargs: Any) -> Any:
        del call, kwargs
        start = self.here
        try:
            # Without what surrounds it: it turns gradients off only to run again with them, if it
            # is given any. On shapes no tensor has one itself (`costlab.training.flow`).
            given = tensors_in(args)
            none = all(
                type(x) is torch.Tensor and not (x.is_meta or x.requires_grad) for x in given
            )
            with torch.no_grad() if none else nullcontext():
                return function(*args[1:])  # after whether to keep the random state
        finally:
            self._region(start, reentrant=True, stops_early=False)

    def _note(self, call: Any, kind: Any, args: Any, kwargs: Any) -> Any:
        """Runs a function of the user's, whose backward nobody calls here, and notes its name."""
        if torch.is_grad_enabled() and not kind.__module__.startswith("torch."):
            self.functions.setdefault(kind.__name__)
        noted = len(self.recorder.switches)
        try:
            return call(kind, *args, **kwargs)
        finally:
            # Gradients are off within it, and what it turns off there ends with it: its backward
            # is there all the same.
            del self.recorder.switches[noted:]

    def _region(self, start: int, *, reentrant: bool, stops_early: bool) -> None:
        if torch.is_grad_enabled():
            self.checkpoints.append(Checkpoint(start, self.here, reentrant, stops_early))

    def _switch(self, call: Any, mode: Any, args: Any, kwargs: Any) -> Any:
        made = call(mode, *args, **kwargs)
        self.recorder.switches.append((self.here, torch.is_grad_enabled()))
        return made

    def _turn(self, call: Any, tensor: Any, args: Any, kwargs: Any) -> Any:
        on = bool(args[0] if args else kwargs.get("requires_grad", True))
        # One of the caller's on meta would be its own twin, and stays as it is.
        foreign = tensor.is_meta and self.recorder.registry.is_foreign(tensor)
        theirs = foreign and not is_wrapped(tensor)
        made = tensor if theirs else call(tensor, *args, **kwargs)
        self._note_turned(tensor, on)  # afterwards, as one of the trace's own has another number
        return made

    def _note_turned(self, tensor: torch.Tensor, on: bool) -> None:
        number = self.recorder.registry.number_of(tensor)
        if number is not None:
            self.turned.append((self.here, number, on))

    def off(self) -> tuple[Range, ...]:
        """The ranges of nodes that ran with gradients turned off."""
        found: list[Range] = []
        since: int | None = None
        for place, enabled in self.recorder.switches:
            if enabled and since is not None:
                found.append((since, place))
                since = None
            elif not enabled and since is None:
                since = place
        return (*found, (since, self.here)) if since is not None else tuple(found)

    def told(self, asking: Mapping[int, bool], held: range, found: Returned) -> Autograd:
        """All that a backward has to know; `asking`, which tensors want a gradient themselves."""
        closed = [f"of type {kind}" for kind in found.closed]
        if not found.tensors:
            closed = ["without a tensor that costlab finds"]
        registry = self.recorder.registry
        leaves = {number for number, wants in asking.items() if wants}
        known = {number for _, number, _ in self.turned}.union(asking)
        # Besides parameters and inputs: what the forward made or found that wants one.
        followed: set[int] = set()
        for tensor in registry.alive():
            number = registry.number_of(tensor)
            if number is not None and number not in known and tensor.requires_grad:
                leaves.add(number)
                if not tensor.is_leaf:
                    followed.add(number)
        if followed:
            leaves -= self._made(leaves, followed, held)
        return Autograd(
            leaves=frozenset(leaves),
            held=frozenset(held).union(self.recorder.strays),
            strays=frozenset(self.recorder.strays),
            off=self.off(),
            checkpoints=tuple(self.checkpoints),
            repeated=dict(self.recorder.repeated),
            functions=tuple(self.functions),
            guessed=tuple(self.guessed),
            turned=tuple(self.turned),
            lost=tuple(f"a result {kind}" for kind in closed) if leaves else (),
        )

    def _made(self, leaves: set[int], followed: set[int], held: range) -> set[int]:
        """Those that come of another one by the nodes, as what scripted code makes does.

        The result of a function of the user's whose nodes carry no gradient comes of none.
        """
        recorder, registry = self.recorder, self.recorder.registry
        noted = Noted(recorder.switches, self.turned, self.checkpoints, recorder.repeated, held)
        flow = Flow(registry.specs, registry.storages, leaves, enabled=recorder.gradients)
        flow.advance(recorder.nodes, noted)
        return set(filter(flow.is_made, followed))


def wanting(inputs: Any) -> list[bool]:
    """Of each tensor among the inputs of a forward, whether it wants a gradient; specs do not.

    >>> wanting((torch.ones(2, requires_grad=True), "f32[2]"))
    [True, False]
    """
    return list(_wanting(inputs))


def _wanting(value: Any) -> Iterable[bool]:
    if isinstance(value, str):
        # A container of specs stands for several tensors.
        return (False for _ in tensors_in(as_call((value,))))
    if isinstance(value, tuple | list) and any(isinstance(item, str) for item in value):
        return (wants for item in value for wants in _wanting(item))
    return (tensor.requires_grad for tensor in tensors_in(value))
