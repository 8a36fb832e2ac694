"""What a forward does about gradients: where it turns them off, and what it will compute anew.

Does not know operations, nor what a backward costs.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import checkpoint

from costlab.graph import Autograd
from costlab.tracing.calls import Interception, handled
from costlab.tracing.inputs import as_call
from costlab.tracing.tensors import tensors_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from costlab.tracing.recorder import Recorder

CHECKPOINTS = Interception("_checkpoint_without_reentrant_generator", checkpoint)
"""What surrounds a checkpointed region, of the variant that is not re-entrant."""
REENTRANT_CHECKPOINTS = Interception("apply", checkpoint.CheckpointFunction)
"""A checkpointed region of the re-entrant variant."""
FUNCTIONS = Interception("apply", torch.autograd.Function)
"""A call of a function whose backward is written by hand."""
ENTERED_INFERENCE = Interception("__enter__", torch.inference_mode)
"""The beginning of a region in inference mode, of which function modes are not told."""
LEFT_INFERENCE = Interception("__exit__", torch.inference_mode)
"""Its end."""

Range = tuple[int, int]


class Regions:
    """The ranges of nodes that ran within a checkpoint, and where gradients were switched."""

    def __init__(self, recorder: Recorder) -> None:
        """Of one forward."""
        self.recorder = recorder
        self.checkpoints: list[tuple[int, int, bool]] = []
        self.functions: dict[str, None] = {}

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
        )
        with handled(pairs):
            yield

    def _around(self, call: Any, function: Any, args: Any, kwargs: Any) -> Iterator[None]:
        start = self.here
        try:
            yield from call(function, *args, **kwargs)
        finally:
            self._region(start, anew=False)

    def _apply(self, call: Any, function: Any, args: Any, kwargs: Any) -> Any:
        del call, kwargs
        start = self.here
        try:
            # Without what surrounds it: it turns gradients off only to run again with them.
            return function(*args[1:])  # after whether to keep the random state
        finally:
            self._region(start, anew=True)

    def _note(self, call: Any, kind: Any, args: Any, kwargs: Any) -> Any:
        """Runs a function of the user's, whose backward nobody calls here, and notes its name."""
        if torch.is_grad_enabled() and not kind.__module__.startswith("torch."):
            self.functions.setdefault(kind.__name__)
        return call(kind, *args, **kwargs)

    def _region(self, start: int, *, anew: bool) -> None:
        if torch.is_grad_enabled():
            self.checkpoints.append((start, self.here, anew))

    def _switch(self, call: Any, mode: Any, args: Any, kwargs: Any) -> Any:
        made = call(mode, *args, **kwargs)
        self.recorder.switches.append((self.here, torch.is_grad_enabled()))
        return made

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

    def told(self, asking: Mapping[int, bool], held: range) -> Autograd:
        """All that a backward has to know; `asking`, which tensors want a gradient themselves."""
        registry = self.recorder.registry
        leaves = {number for number, wants in asking.items() if wants}
        # Besides parameters and inputs: what the forward made or found that wants one.
        for tensor in registry.alive():
            number = registry.number_of(tensor)
            if number is not None and number not in asking and tensor.requires_grad:
                leaves.add(number)
        return Autograd(
            leaves=frozenset(leaves),
            held=frozenset(held),
            off=self.off(),
            checkpoints=tuple(self.checkpoints),
            repeated=dict(self.recorder.repeated),
            functions=tuple(self.functions),
        )


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
