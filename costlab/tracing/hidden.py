"""Calls that torch hides from function modes, made visible while a forward is traced.

Does not know rules: what a call costs is the recorder's to say.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from costlab.graph import Coverage
from costlab.tracing.calls import (
    ADDRESSES,
    ASKING,
    AUTOCASTS,
    CASTS,
    FUNCTIONALS,
    JIT_TRACES,
    SCRIPTS,
    SETS,
    SWAPS,
    asking,
    handled,
)
from costlab.tracing.launches import launches
from costlab.tracing.livetensors import LiveRegistry
from costlab.tracing.scripts import AS_WRITTEN
from costlab.tracing.settings import EAGER, UNCHECKED
from costlab.tracing.stops import NeedsMoreError
from costlab.tracing.takeovers import set_memory
from costlab.tracing.transforms import LINEARIZED, carried_out
from costlab.tracing.where import for_torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.tracing.calls import Handler, Interception
    from costlab.tracing.recorder import Recorder

UNPACK = "unpack"
"""The method by which torch's packed weights say what they are."""
NO_ADDRESS = (
    "the forward asks where a tensor lies in memory (data_ptr), to hand it to what torch does not "
    "see; on shapes alone it lies nowhere"
)
Pair = tuple[torch.Tensor, torch.Tensor]


@contextmanager
def made_visible(recorder: Recorder) -> Iterator[None]:
    """Hands the hidden calls of this thread to the recorder; swapped tensors are swapped back."""
    swapped: list[Pair] = []

    def write(call: Any, target: torch.Tensor, args: Any, kwargs: Any) -> torch.Tensor:
        made: torch.Tensor
        busy, recorder.busy = recorder.busy, True  # a copy that is made of the caller's is no work
        try:
            with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
                strange = target.is_meta and not recorder.registry.knows(target)
                if strange and for_torch(sys._getframe(1)):  # noqa: SLF001 - there is no public name for it
                    made = call(target, *args, **kwargs)  # torch's own: what a fake kernel returns
                else:
                    made = set_memory(recorder, call, target, args, kwargs)
        finally:
            recorder.busy = busy
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
        (ADDRESSES, partial(_address, recorder)),
        (FUNCTIONALS, partial(_functional, recorder)),
        (SCRIPTS, script),
        (SETS, write),
        (CASTS, cast),
        (SWAPS, swap),
        (JIT_TRACES, _trace),
        (AUTOCASTS, switch),
        (LINEARIZED, partial(_linearized, recorder)),
        *launches(recorder),
        *carried_out(recorder.enter_transform, recorder.within_transform),
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
        for pair in reversed(swapped):
            _swap_back(recorder, pair)


def _functional(recorder: Recorder, call: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """What a function of `torch.nn.functional` returns, by the short way where there is one."""
    found = recorder.functional(function, args[1:], kwargs)
    return call(function, *args, **kwargs) if found is NotImplemented else found


def _linearized(recorder: Recorder, call: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """What torch makes of a function that it traces; what it computes meanwhile is not all seen."""
    if getattr(function, "__name__", "") == "make_fx":
        recorder.unknown("torch.func.linearize")
    return call(function, *args, **kwargs)


def _swap_back(recorder: Recorder, pair: Pair) -> None:
    """Nothing; two tensors have the content that they had, since a swap undoes itself."""
    if isinstance(recorder.registry, LiveRegistry):
        for tensor in pair:
            recorder.registry.let_go(tensor)
    torch.utils.swap_tensors(*pair)  # type: ignore[no-untyped-call]  # torch leaves it untyped


def _address(recorder: Recorder, call: Any, memory: Any, args: Any, kwargs: Any) -> int:
    """Where memory begins: unknown, as whoever asks hands it to what torch does not see."""
    if not (recorder.within or recorder.busy or for_torch(sys._getframe(1))):  # noqa: SLF001 - there is no public name for it
        recorder.unknown("data_ptr")
        if memory.device.type == "meta":
            raise NeedsMoreError(NO_ADDRESS)
    found: int = call(memory, *args, **kwargs)
    return found


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
