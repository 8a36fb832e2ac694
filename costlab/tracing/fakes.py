"""Kernels run on tensors that have a device but no memory: torch's FakeTensor.

It knows operations that have no kernel on meta: by their own fake implementation, by torch's
decompositions, or by running the real kernel on zeros. It does not know values.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from costlab.tracing.names import names_of
from costlab.tracing.outputs import allocate
from costlab.tracing.recorder import Recorder
from costlab.tracing.stops import needs_more
from costlab.tracing.tensors import map_tensors, tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from costlab.ops import Effect
    from costlab.tracing.entries import Entry


ON_SHAPES = frozenset({"_efficientzerotensor", "_new_zeros_with_same_feature_meta", "resize_as_"})
"""Kernels that run on meta in any case: zeros that torch knows as such, which a fake would hide.

So do those that give their operand itself another shape, as torch's tags say of most.
"""
LOGGER = "torch._subclasses.fake_tensor"
"""Where torch tells at length of an error that it also raises, and that a model may catch."""


@contextmanager
def in_silence(logger: logging.Logger) -> Iterator[None]:
    """Until the block ends nothing is told by a logger."""
    logger.addFilter(_refuse)
    try:
        yield
    finally:
        logger.removeFilter(_refuse)


def _refuse(_: logging.LogRecord) -> bool:
    return False


class Fakes:
    """Runs a call on fake tensors and hands its results back on meta."""

    def __init__(self, device: torch.device) -> None:
        """For a forward whose tensors are believed on that device."""
        self.device = device
        self._mode: Any = None

    def run(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What the call returns; what it was given and returns is the same tensor as before.

        Raises:
            NotImplementedError: the result depends on values, or torch has no such kernel.
        """
        from torch._subclasses import fake_tensor

        if self._mode is None:
            self._mode = fake_tensor.FakeTensorMode(allow_non_fake_inputs=True)
        given: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def fake(tensor: torch.Tensor) -> torch.Tensor:
            made = torch.empty_strided(
                tensor.shape, tensor.stride(), dtype=tensor.dtype, device=self.device
            )
            given[id(made)] = (made, tensor)
            return made

        def back(tensor: torch.Tensor) -> torch.Tensor:
            if id(tensor) in given:
                return given[id(tensor)][1]
            shape, stride = tuple(map(int, tensor.shape)), tuple(map(int, tensor.stride()))
            return torch.empty_strided(shape, stride, dtype=tensor.dtype, device="meta")

        reasons = (
            fake_tensor.DataDependentOutputException,
            fake_tensor.DynamicOutputShapeException,
            fake_tensor.UnsupportedOperatorException,
            fake_tensor.UnsupportedFakeTensorException,
        )
        with self._mode, in_silence(logging.getLogger(LOGGER)):
            fakes, named = map_tensors(fake, (args, kwargs))
            if named.get("device") is not None:
                named["device"] = self.device
            # Packed weights cannot be compared, as the keys of the cache of results are.
            self._mode.cache_enabled = not has_script_objects((args, kwargs))
            try:
                made = func(*fakes, **named)
            except reasons as error:
                raise NotImplementedError(str(error)) from error
        for written, tensor in given.values():
            if written.shape != tensor.shape and tensor.is_meta:
                tensor.resize_(written.shape)  # `out=` takes the shape of what is written to it
        return map_tensors(back, made)


def has_script_objects(given: Any) -> bool:
    """Whether among arguments are objects of TorchScript's, such as packed weights."""
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list | tuple):
        return any(map(has_script_objects, given))
    return isinstance(given, torch.ScriptObject)


class FakeRecorder(Recorder):
    """Records each call as on shapes, and answers it with the shape that its kernel makes."""

    short = False

    def run_kernel(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What a kernel returns, run on fake tensors."""
        assert self.fakes is not None  # noqa: S101 - for the type checker
        if torch.Tag.inplace_view in getattr(func, "tags", ()) or names_of(func)[-1] in ON_SHAPES:
            return func(*args, **kwargs)
        given = tensors_of(args, kwargs)
        if given and not any(tensor.is_meta for tensor in given):
            return func(*args, **kwargs)  # constants, whose values a forward may read
        return self.fakes.run(func, args, kwargs)

    def _produce(
        self, entry: Entry, effect: Effect, tensors: Any, func: Any, args: Any, kwargs: Any
    ) -> Any:
        if self.registry.is_constant(tensors):
            return super()._produce(entry, effect, tensors, func, args, kwargs)
        twins, named = map_tensors(self.twin, (args, kwargs))
        try:
            return self.run_kernel(func, twins, named)
        except RuntimeError as error:
            if not needs_more(error):
                raise
        # The kernel reads values, such as the lengths of packed sequences; its rule needs none.
        return allocate(entry.name, effect, tensors)
