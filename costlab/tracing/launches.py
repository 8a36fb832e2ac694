"""Kernels in Triton's language that a forward launches itself (`kernel[grid](x, out)`).

A launch is an operation `triton::NAME`: unknown, or priced by a rule of that name. Does not know
what a kernel computes; of its source it reads only which of its arguments it writes to.
"""

from __future__ import annotations

import sys
from functools import cache, partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch

from costlab.graph import Coverage
from costlab.tracing.calls import CASTS, SETS, Interception, handled
from costlab.tracing.leaves import RULE_MISMATCH
from costlab.tracing.pointers import written_by
from costlab.tracing.tensors import map_tensors, meta, tensors_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costlab.ops import Effect, Op
    from costlab.tracing.calls import Handler
    from costlab.tracing.computing import Computing
    from costlab.tracing.recorder import Recorder

LAUNCHERS = (
    ("triton.runtime.jit", "JITFunction"),
    ("triton.runtime.autotuner", "Autotuner"),
    ("triton.runtime.autotuner", "Heuristics"),
    ("triton.runtime.interpreter", "InterpretedFunction"),
)
"""The classes of Triton's whose `run` launches a kernel, by the modules that have them."""


def launches(recorder: Recorder) -> tuple[tuple[Interception, Handler], ...]:
    """What has the recorder write launches of kernels down; nothing where Triton is not loaded."""
    modules = sys.modules
    if LAUNCHERS[0][0] not in modules:
        return ()
    kinds = [getattr(modules.get(module), name, None) for module, name in LAUNCHERS]
    found = _of(tuple(kind for kind in kinds if kind is not None))
    return ((found, partial(launched, recorder)),)


@cache
def _of(kinds: tuple[type, ...]) -> Interception:
    return Interception("run", *kinds)


def launched(recorder: Recorder, call: Any, kernel: Any, args: Any, kwargs: Any) -> Any:
    """What a launch returns: nothing on shapes, where none takes place."""
    if kwargs.get("warmup"):  # it is compiled, and not launched
        return call(kernel, *args, **kwargs)
    if recorder.within or recorder.busy:  # a step of an operation that is recorded itself
        return recorder.launch(call, kernel, args, kwargs, [])
    with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
        given = [value for name, value in kwargs.items() if name != "grid"]
        tensors = list({id(x): x for x in tensors_in(_bases((*args, *given)))}.values())
        written = [x for x in tensors if _is_written(recorder, kernel, args, kwargs, x)]
        _record(recorder, kernel, args, kwargs, tensors, written)
        return recorder.launch(call, kernel, args, kwargs, written)


def forgotten(recorder: Recorder, written: Iterable[torch.Tensor]) -> None:
    """Has what a kernel writes to, and its views, no values, since the kernel does not run."""
    registry = recorder.registry
    for tensor in written:
        memory = _memory(registry.seen_as(tensor))
        if memory is None:
            continue
        sharing = [x for x in registry.alive() if _memory(registry.seen_as(x)) == memory]
        for other in (tensor, *sharing):
            registry.stand_in(other, meta(other))


def _memory(tensor: torch.Tensor) -> int | None:
    """What tells where a tensor has its values; None if it has none."""
    if tensor.is_meta:
        return None
    try:
        return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 - torch has no public name for it
    except (NotImplementedError, RuntimeError):  # one of a library's, without memory of its own
        return -id(tensor)


def run(recorder: Computing, call: Any, kernel: Any, args: Any, kwargs: Any) -> Any:
    """What a launch returns that takes place, on copies of the caller's tensors."""
    recorder.within += 1
    busy, recorder.busy = recorder.busy, True
    try:
        values, named = map_tensors(recorder.value, (args, kwargs))
        with torch._C.DisableTorchFunction(), handled(UNHEARD):  # noqa: SLF001 - as above
            return call(kernel, *values, **named)
    finally:
        recorder.busy = busy
        recorder.within -= 1


def _plainly(call: Any, first: Any, args: Any, kwargs: Any) -> Any:
    return call(first, *args, **kwargs)


UNHEARD = [(SETS, _plainly), (CASTS, _plainly)]
"""What Triton itself does with tensors in a launch, of which nobody is told."""


def _record(
    recorder: Recorder,
    kernel: Any,
    args: Any,
    kwargs: Any,
    tensors: list[torch.Tensor],
    written: list[torch.Tensor],
) -> None:
    """Writes a launch down: priced if a rule of its name covers the arguments, unknown if not."""
    name = f"triton::{_function(kernel).__name__}"
    op = recorder.entries.ops.get(name)
    effect = None if op is None else _effect(op, kernel, args, kwargs)
    registry = recorder.registry
    inputs = tuple(map(recorder.number, tensors))
    outputs = tuple(
        registry.add(tensor, registry.storages[recorder.number(tensor)]) for tensor in written
    )
    here = len(recorder.nodes)
    if op is None or (effect is None and op.rule is not None):
        recorder.write(name, "unknown", Coverage.UNKNOWN, inputs, outputs, None)
    else:
        recorder.write(name, op.family, op.coverage, inputs, outputs, effect)
    if torch.is_grad_enabled():
        # Autograd is not told of it. (In a function of the user's with a backward of its own,
        # gradients are off already.)
        recorder.switches += [(here, False), (here + 1, True)]


def _effect(op: Op, kernel: Any, args: Any, kwargs: Any) -> Effect | None:
    if op.rule is None:
        return None
    named = {name: value for name, value in kwargs.items() if name in _parameters(kernel)}
    try:
        return op.rule(*_bases(args), **_bases(named))
    except RULE_MISMATCH:
        return None


def _is_written(
    recorder: Recorder, kernel: Any, args: Any, kwargs: Any, tensor: torch.Tensor
) -> bool:
    """Whether a kernel may write to a tensor: by its source, or to any that is no parameter."""
    names = _parameters(kernel)
    passed = {**dict(zip(names, args, strict=False)), **kwargs}
    places = {name for name, value in passed.items() if _holds(value, tensor)}
    written = written_by(_function(kernel))
    if written is not None and places:  # one of many that have no names of their own has no place
        return not places.isdisjoint(written)
    return not (recorder.registry.is_foreign(tensor) and isinstance(tensor, torch.nn.Parameter))


def _holds(value: Any, tensor: torch.Tensor) -> bool:
    return any(found is tensor for found in tensors_in(_bases(value)))


def _function(kernel: Any) -> Any:
    """The function that a kernel is written as, whatever is wrapped around it."""
    while hasattr(kernel, "fn"):
        kernel = kernel.fn
    return kernel


def _parameters(kernel: Any) -> tuple[str, ...]:
    return tuple(signature(_function(kernel)).parameters)


def _bases(value: Any) -> Any:
    """The value with a tensor in place of what says how a kernel sees it (Triton's descriptors)."""
    if isinstance(value, tuple | list):
        return tuple(map(_bases, value))
    if isinstance(value, dict):
        return {name: _bases(item) for name, item in value.items()}
    base = None if isinstance(value, torch.Tensor) else getattr(value, "base", None)
    return base if isinstance(base, torch.Tensor) else value
