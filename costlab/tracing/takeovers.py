"""Tensors that are handed the memory of another one: `x.set_(y)`, and `x.data = y`.

Does not know how torch is kept from hiding the first of the two (`costlab.tracing.hidden`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.graph import Coverage
from costlab.tracing.tensors import meta
from costlab.training.flow import TAKEOVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.tracing.recorder import Recorder
    from costlab.tracing.registry import Registry


def set_memory(recorder: Recorder, call: Any, target: torch.Tensor, args: Any, kwargs: Any) -> Any:
    """What `target.set_(…)` returns, the target, whose elements are now those of the source."""
    source = kwargs.get("source", args[0] if args else None)
    size = next(iter(args[2:]), kwargs.get("size"))  # after the source and the offset
    shape: tuple[int, ...] | None
    if isinstance(source, torch.Tensor) and size is None:
        shape = None
    elif size is None:
        shape = (0 if source is None else source.nbytes() // target.element_size(),)
    else:
        shape = tuple(size)

    def write(seen: Any) -> None:
        if "source" in kwargs:
            call(target, *args, **{**kwargs, "source": seen})
        else:
            call(target, *((seen, *args[1:]) if args else ()), **kwargs)

    take_over(recorder, "set_", target, source, shape, write)
    return target


def set_data(recorder: Recorder, func: Any, target: torch.Tensor, source: torch.Tensor) -> None:
    """Nothing, as `target.data = source` does."""
    take_over(recorder, "data", target, source, None, lambda seen: func(target, seen))


def alike(registry: Registry, one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have one shape and element type, as the forward sees them."""
    return registry.spec(registry.seen_as(one)) == registry.spec(registry.seen_as(other))


def take_over(
    recorder: Recorder,
    name: str,
    target: torch.Tensor,
    given: Any,
    shape: tuple[int, ...] | None,
    write: Callable[[Any], None],
) -> None:
    """Has the target be what it is given, a tensor, or a part of its memory of this shape.

    Memory alone, without a tensor, has no number; None is no memory.

    A tensor of the caller's, or one that has values where the source has none, only seems to: if
    it has another shape from now on that is unknown, as whoever asks it is told what it was.
    """
    registry = recorder.registry
    before = recorder.number(target)
    source = given if isinstance(given, torch.Tensor) else None
    seen: Any = given if given is None else _ours(recorder, given)
    number = None if source is None else recorder.number(source)
    on_meta = target.is_meta if seen is None else seen.device.type == "meta"
    if not registry.is_foreign(target) and on_meta == target.is_meta:
        write(seen)
        seen = target
    else:
        if source is None or shape is not None:
            seen = torch.empty(shape or (), dtype=target.dtype, device="meta")
        elif not seen.is_meta:
            seen = meta(seen) if target.is_meta else seen.detach().clone()
        if (seen.shape, seen.dtype) != (target.shape, target.dtype):
            recorder.unknown(name)
        registry.stand_in(target, seen)
    after = registry.reserve(registry.spec(seen))
    if number is not None:
        registry.storages[after] = registry.storages[number]
    registry.numbers[id(target)] = after
    # The values are the source's; the history stays the target's own, which is read last.
    read = (before,) if number is None else (number, before)
    recorder.write(TAKEOVER, "view", Coverage.FREE, tuple(dict.fromkeys(read)), (after,), None)


def _ours(recorder: Recorder, given: Any) -> Any:
    """What a source is seen as: one of the caller's as a copy, since the target is written to."""
    registry = recorder.registry
    if not isinstance(given, torch.Tensor):
        # Memory that none of the trace's tensors is known to have may be the caller's.
        return (
            given
            if any(_has(registry, tensor, given) for tensor in registry.alive())
            else (given.clone())
        )
    seen = registry.seen_as(given)
    if seen is given and registry.is_foreign(given):
        return recorder.value(given) if registry.is_constant([given]) else meta(given)
    return seen


def _has(registry: Registry, tensor: torch.Tensor, memory: Any) -> bool:
    """Whether a tensor of the trace's own, with values, lies in this memory."""
    if registry.is_foreign(tensor) or tensor.is_meta or tensor.layout is not torch.strided:
        return False
    found: bool = tensor.untyped_storage()._cdata == memory._cdata  # noqa: SLF001 - torch has no public name for it
    return found
