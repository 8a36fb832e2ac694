"""Kernels run on tensors that have a device but no memory: torch's FakeTensor.

It knows operations that have no kernel on meta: by their own fake implementation, by torch's
decompositions, or by running the real kernel on zeros. It does not know values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.tracing.recorder import Recorder
from costlab.tracing.tensors import map_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.ops import Effect
    from costlab.tracing.entries import Entry


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
        with self._mode:
            fakes, named = map_tensors(fake, (args, kwargs))
            if named.get("device") is not None:
                named["device"] = self.device
            # Packed weights cannot be compared, as the keys of the cache of results are.
            self._mode.cache_enabled = not has_script_objects((args, kwargs))
            try:
                made = func(*fakes, **named)
            except reasons as error:
                raise NotImplementedError(str(error)) from error
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

    def direct(self, module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
        """NotImplemented: the ordinary way is always taken."""
        del module, args, kwargs
        return NotImplemented

    def run_kernel(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What a kernel returns, run on fake tensors."""
        assert self.fakes is not None  # noqa: S101 - for the type checker
        return self.fakes.run(func, args, kwargs)

    def _produce(
        self, entry: Entry, effect: Effect, tensors: Any, func: Any, args: Any, kwargs: Any
    ) -> Any:
        if self.registry.is_constant(tensors):
            return super()._produce(entry, effect, tensors, func, args, kwargs)
        twins, named = map_tensors(self.twin, (args, kwargs))
        return self.run_kernel(func, twins, named)
