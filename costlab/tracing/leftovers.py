"""Tensors of a trace that something outside the model still holds when the trace is over.

They are shapes alone: a real forward that finds one in a cache fails, or computes nonsense. The
trace cannot know what to put in their place, so it is said.
"""

from __future__ import annotations

import gc
from collections import Counter, deque
from sys import getrefcount
from types import CellType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from costlab.tracing.registry import Registry

OURS = 3
"""References to a tensor that nobody else holds: the registry's, a loop's and the question's."""


def left_behind(registry: Registry, given: Iterable[torch.Tensor]) -> tuple[str, ...]:
    """A remark on what is held elsewhere; nothing if nothing is. `given` are the inputs."""
    inputs = set(map(id, given))
    if not _held(registry, inputs):
        return ()
    gc.collect()  # what only a cycle holds is held by nobody
    held = _held(registry, inputs)
    if not held:
        return ()
    spec, where = registry.spec_of(held[0]), _holder(held, registry)
    shape = ", ".join(map(str, spec.shape))
    more = f" and {len(held) - 1} more" if len(held) > 1 else ""
    remark = (
        f"the forward left a {spec.dtype} of shape ({shape}){more} in {where}, outside the model: "
        "it has no values, and a later forward that finds it there fails or computes nonsense; "
        "clear it, or build the model anew"
    )
    return (remark,)


def _held(registry: Registry, inputs: set[int]) -> list[torch.Tensor]:
    """The tensors that the trace made and that have more references than its own."""
    many = [x for x in registry.since_held() if getrefcount(x) > OURS and registry.is_made(x)]
    found = {id(x): x for x in many if getrefcount(x) > OURS + 1 + _is_viewed(x)}
    del many
    if not found:
        return []
    ours = Counter(map(id, registry.references()))
    # Besides: `found`, the loop's and the question's.
    return [
        x
        for x in found.values()
        if id(x) not in inputs and getrefcount(x) > ours[id(x)] + 3 + _is_viewed(x)
    ]


def _is_viewed(tensor: torch.Tensor) -> bool:
    """Whether torch itself holds a tensor, as it does what another one is a view of."""
    return bool(tensor._use_count() > 1)  # type: ignore[attr-defined]  # noqa: SLF001 - torch has no public name for it, nor a type


def _holder(held: list[torch.Tensor], registry: Registry) -> str:
    """What holds the first of some tensors, in words: an attribute of an object, or a container."""
    own = {id(held), *map(id, registry.tables_of_tensors())}
    for holder in gc.get_referrers(held[0]):
        if id(holder) in own or isinstance(holder, FrameType):
            continue
        if isinstance(holder, CellType):
            return _variable(holder)
        if not isinstance(holder, dict | list | tuple | set | deque):
            return f"an attribute of {type(holder).__name__}"
        for owner in gc.get_referrers(holder) if isinstance(holder, dict) else ():
            if isinstance(owner, type) or _attributes(owner) is holder:
                return f"an attribute of {getattr(owner, '__name__', type(owner).__name__)}"
        return f"a {type(holder).__name__}"
    return "a cache"


def _variable(cell: CellType) -> str:
    """A variable that a function shares with one within it, in words."""
    for closure in gc.get_referrers(cell):
        for function in gc.get_referrers(closure) if isinstance(closure, tuple) else ():
            if isinstance(function, FunctionType) and function.__closure__ is closure:
                return f"a variable of a function ({function.__qualname__})"
    return "a variable of a function"


def _attributes(owner: object) -> Any:
    try:
        return object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return None
