"""Tensors that are handed the memory of another one: `x.set_(y)`, and `x.data = y`.

Does not know how torch is kept from hiding the first of the two (`costlab.tracing.hidden`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.tracing.tensors import meta

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.tracing.recorder import Recorder
    from costlab.tracing.registry import Registry


def set_memory(recorder: Recorder, call: Any, target: torch.Tensor, args: Any, kwargs: Any) -> Any:
    """What `target.set_(…)` returns, the target, whose elements are now those of the source."""
    source = kwargs.get("source", args[0] if args else None)
    size = next(iter(args[2:]), kwargs.get("size"))  # after the source and the offset
    if isinstance(source, torch.Tensor) and size is None:
        shape = None
    else:
        shape = (0,) if source is None else tuple(target.shape if size is None else size)

    def write(seen: torch.Tensor) -> None:
        call(target, *((seen, *args[1:]) if args else args), **kwargs)

    other = source if isinstance(source, torch.Tensor) else None
    take_over(recorder, "set_", target, other, shape, write)
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
    source: torch.Tensor | None,
    shape: tuple[int, ...] | None,
    write: Callable[[torch.Tensor], None],
) -> None:
    """Has the target be what the source is, or a part of its memory of this shape.

    A tensor of the caller's, or one that has values where the source has none, only seems to: if
    it has another shape from now on that is unknown, as whoever asks it is told what it was.
    """
    registry = recorder.registry
    seen = target if source is None else registry.seen_as(source)
    if not registry.is_foreign(target) and seen.is_meta == target.is_meta:
        write(seen)
        number = None if source is None else recorder.number(source)
        if number is not None and registry.specs[number] == registry.spec(target):
            registry.numbers[id(target)] = number
        else:
            registry.add(target, None if number is None else registry.storages[number])
        return
    if source is None or shape is not None:
        seen = torch.empty(shape or (), dtype=target.dtype, device="meta")
    elif not seen.is_meta:
        seen = meta(seen) if target.is_meta else seen.detach().clone()
    if (seen.shape, seen.dtype) != (target.shape, target.dtype):
        recorder.unknown(name)
    registry.stand_in(target, seen)
    if source is not None:
        registry.numbers[id(target)] = recorder.number(source)
