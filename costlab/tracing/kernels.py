"""What torch's kernels on meta have made: of the same shapes, strides and options the same again.

Most are native and take no time, but some run as torch's decompositions in Python, such as a batch
norm in scripted code. Does not know what a kernel costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch._ops import OpOverload

from costlab.tracing.outputs import META
from costlab.tracing.priced import told
from costlab.tracing.tensors import ATOMS, TENSOR_TYPES, tensors_in
from costlab.tracing.transforms import is_wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ATEN = "aten"
PLAIN = ATOMS - {torch.dtype, torch.device, torch.Size}
"""Options that can be told as bytes."""
NAMED = frozenset({torch.dtype, torch.device, torch.layout, torch.memory_format})
"""Options that are equal only to themselves."""
SEVERAL = frozenset({tuple, list, torch.Size})
MOST = 1 << 12
"""The calls of one kernel that are kept."""
OPEN, CLOSED = "(", ")"


class Made(NamedTuple):
    """An output of a kernel."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype

    def again(self) -> torch.Tensor:
        """The same once more."""
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=META)


class Outputs(NamedTuple):
    """What a kernel returned: `kind` is None for one tensor, else the class that holds several."""

    kind: Callable[[list[Any]], Any] | None
    made: list[Made | None]

    def again(self) -> Any:
        """The same once more."""
        made = [None if one is None else one.again() for one in self.made]
        return made[0] if self.kind is None else self.kind(made)


class Kernels:
    """The outputs of calls of torch's own kernels that write to nothing and return no view."""

    def __init__(self) -> None:
        """None has been called yet."""
        self._known: dict[OpOverload, dict[Any, Outputs] | None] = {}

    def run(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What the call returns: made again where it is known, else by the kernel."""
        known = self._of(func) if type(func) is OpOverload else None
        key = None if known is None else key_of(args, kwargs)
        if known is None or key is None:
            return func(*args, **kwargs)
        found = known.get(key)
        if found is not None:
            return found.again()
        made = func(*args, **kwargs)
        found = outputs_of(made, args, kwargs)
        if found is not None:
            if len(known) >= MOST:
                known.clear()
            known[key] = found
        return made

    def _of(self, func: OpOverload) -> dict[Any, Outputs] | None:
        if func.namespace != ATEN:  # somebody's own, who may register another kernel for it
            return None
        try:
            return self._known[func]
        except KeyError:
            known: dict[Any, Outputs] | None = {} if is_functional(func) else None
            self._known[func] = known
            return known


KERNELS = Kernels()
"""Those of this process."""


def is_functional(func: OpOverload) -> bool:
    """Whether an operation writes to nothing and returns new tensors."""
    schema = func._schema  # noqa: SLF001 - torch has no public name for it
    return (
        not schema.is_mutable
        and not any(one.alias_info for one in schema.returns)
        and all(str(one.type) in ("Tensor", "List[Tensor]") for one in schema.returns)
    )


def key_of(args: Iterable[Any], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """What is the same for calls that make the same; None if there is no telling."""
    key: list[Any] = [torch.get_default_dtype()]
    plain: list[Any] = []
    if not (_tell(args, key, plain) and _tell(kwargs.values(), key, plain)):
        return None
    key.append(told(plain, list(kwargs)))
    return tuple(key)


def _tell(values: Iterable[Any], key: list[Any], plain: list[Any]) -> bool:
    """Adds values to a key, those that are told as bytes to others; whether that is possible."""
    for value in values:
        kind = type(value)
        if kind in TENSOR_TYPES:
            if not is_plain(value):
                return False
            key += (value.shape, value.stride(), value.dtype)
            plain.append(...)
        elif kind in PLAIN:
            plain.append(value)
        elif kind in NAMED:
            key.append(value)
            plain.append(...)
        elif kind in SEVERAL:
            plain.append(OPEN)
            if not _tell(value, key, plain):
                return False
            plain.append(CLOSED)
        else:
            return False
    return True


def is_plain(tensor: torch.Tensor) -> bool:
    """Whether shape, strides and type are all that there is of a tensor."""
    return (
        tensor.is_meta
        and tensor.layout is torch.strided
        and not (tensor.is_conj() or tensor.is_neg() or tensor._is_zerotensor())  # noqa: SLF001 - torch has no public name for it
        and not is_wrapped(tensor)
    )


def outputs_of(made: Any, args: Any, kwargs: Any) -> Outputs | None:
    """What a kernel returned, to be made again; None if it is more than new tensors on meta."""
    several = type(made) in (tuple, list)
    found: list[Any] = list(made) if several else [made]
    tensors = [one for one in found if one is not None]
    if not all(type(one) is torch.Tensor and is_plain(one) for one in tensors):
        return None
    memories = [one.untyped_storage()._cdata for one in tensors]  # noqa: SLF001 - torch has no public name for it
    given = {one.untyped_storage()._cdata for one in tensors_in((args, kwargs))}  # noqa: SLF001 - as above
    if len(set(memories)) < len(memories) or not given.isdisjoint(memories):
        return None
    rows = [None if one is None else Made(one.shape, one.stride(), one.dtype) for one in found]
    return Outputs(type(made) if several else None, rows)
