"""Calls that torch hides from function modes, made visible while a forward is traced.

Does not know rules: what a call costs is the recorder's to say.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from costlab.graph import Coverage
from costlab.tracing.calls import (
    ASKING,
    AUTOCASTS,
    CASTS,
    JIT_TRACES,
    SCRIPTS,
    SETS,
    SWAPS,
    asking,
    handled,
)
from costlab.tracing.scripts import AS_WRITTEN
from costlab.tracing.settings import EAGER, UNCHECKED
from costlab.tracing.tensors import meta
from costlab.tracing.transforms import carried_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.tracing.calls import Handler, Interception
    from costlab.tracing.recorder import Recorder

UNPACK = "unpack"
"""The method by which torch's packed weights say what they are."""
Pair = tuple[torch.Tensor, torch.Tensor]


@contextmanager
def made_visible(recorder: Recorder) -> Iterator[None]:
    """Hands the hidden calls of this thread to the recorder; swapped tensors are swapped back."""
    swapped: list[Pair] = []

    def write(call: Any, target: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
            made: torch.Tensor = _set(recorder, call, target, args, kwargs)
            return made

    def cast(call: Any, tensor: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
        made: torch.Tensor
        modes: Any = torch.overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]  # noqa: SLF001 - torch has no public name for it, and leaves it untyped
        if recorder not in modes:
            made = call(tensor, *args, **kwargs)  # torch's own, on what a call returns
            return made
        constant = recorder.registry.is_constant([tensor])
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - as above
            seen = recorder.value(tensor) if constant else recorder.twin(tensor)
            made = call(seen, *args, **kwargs)
            recorder.record("as_subclass", "view", Coverage.FREE, [tensor], [made], None, view=True)
        return made

    def swap(call: Any, one: torch.Tensor, args: Any, kwargs: Any) -> None:
        call(one, *args, **kwargs)
        swapped.append((one, args[0]))
        recorder.registry.swap(one, args[0])

    def script(call: Any, method: Any, args: Any, kwargs: Any) -> Any:
        if getattr(method, "name", "") in (UNPACK, AS_WRITTEN):
            # Asked by a rule, and no part of the forward; or it is seen already.
            return call(method, *args, **kwargs)
        return recorder.enter_script(call, method, args, kwargs)

    def switch(call: Any, first: Any, args: Any, kwargs: Any) -> None:
        call(first, *args, **kwargs)
        recorder.follow_autocast()

    pairs: list[tuple[Interception, Handler]] = [
        (SCRIPTS, script),
        (SETS, write),
        (CASTS, cast),
        (SWAPS, swap),
        (JIT_TRACES, _trace),
        (AUTOCASTS, switch),
        *carried_out(recorder.enter_transform),
        *(
            (question, _has_no_values)
            for module in ASKING
            if module in sys.modules and (question := asking(module)) is not None
        ),
    ]
    # What is not loaded has nothing to turn off, and takes a second to load.
    eager = EAGER if "torch._dynamo" in sys.modules else nullcontext()
    unchecked = UNCHECKED if "torch.distributions.distribution" in sys.modules else nullcontext()
    try:
        with handled(pairs), unchecked, eager:
            yield
    finally:
        for one, other in reversed(swapped):
            torch.utils.swap_tensors(one, other)  # type: ignore[no-untyped-call]  # torch leaves it untyped; a swap undoes itself


def _has_no_values(call: Any, value: Any, args: Any, kwargs: Any) -> bool:
    """Whether a tensor is one of shapes alone, so that a library does not ask for its values.

    A mask that has none is then made and applied, as when the model is exported.
    """
    with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
        return bool(call(value, *args, **kwargs)) or (
            isinstance(value, torch.Tensor) and value.is_meta
        )


def _trace(call: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """What `torch.jit.trace` would trace: the same operations, which the mode then sees."""
    traced = kwargs.get("func", function)
    return call(function, *args, **kwargs) if traced is None else traced  # torch refuses None


def _set(recorder: Recorder, call: Any, target: torch.Tensor, args: Any, kwargs: Any) -> Any:
    """The target, which shares the memory of the source; one of the caller's only seems to."""
    registry = recorder.registry
    source = kwargs.get("source", args[0] if args else None)
    other = source if isinstance(source, torch.Tensor) else None
    seen = target if other is None else registry.seen_as(other)
    if not registry.is_foreign(target) and seen.is_meta == target.is_meta:
        made = call(target, *((seen, *args[1:]) if args else args), **kwargs)
        storage = None if other is None else registry.storages[recorder.number(other)]
        registry.add(target, storage)
        return made
    size = next(iter(args[2:]), kwargs.get("size"))  # after the source and the offset
    if other is None or size is not None:
        shape = (0,) if source is None else size
        seen = torch.empty(
            target.shape if shape is None else shape, dtype=target.dtype, device="meta"
        )
    elif not seen.is_meta:
        seen = meta(seen) if target.is_meta else seen.detach().clone()
    if (seen.shape, seen.dtype) != (target.shape, target.dtype):
        recorder.unknown("set_")  # whoever asks the target itself is told what it was before
    registry.stand_in(target, seen)
    if other is not None:
        registry.numbers[id(target)] = recorder.number(other)
    return target
