"""Tensors in the arguments and results of calls, and the names of their element types.

Does not know a trace.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from costlab.ops import FLOAT, SAME

if TYPE_CHECKING:
    from collections.abc import Callable


def meta(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the same shape and element type that has no memory."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors in a value: itself, or those in its tuples, lists, mappings and dataclasses."""
    found: list[torch.Tensor] = []
    _collect(value, found)
    return found


def tensors_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The tensors among the arguments of a call."""
    found: list[torch.Tensor] = []
    for value in args:
        kind = type(value)
        if kind in TENSOR_TYPES:
            found.append(value)
        elif kind is tuple or kind is list:
            for item in value:
                if type(item) not in ATOMS:
                    _collect(item, found)
        elif kind not in ATOMS:
            _collect(value, found)
    for value in kwargs.values():
        if type(value) not in ATOMS:
            _collect(value, found)
    return found


TENSOR_TYPES = frozenset({torch.Tensor, torch.nn.Parameter})
ATOMS = frozenset(
    {int, float, bool, str, complex, type(None), torch.dtype, torch.device, torch.Size}
)


def _collect(value: Any, found: list[torch.Tensor]) -> None:
    if isinstance(value, torch.Tensor):
        found.append(value)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            if type(item) not in ATOMS:
                _collect(item, found)
    elif isinstance(value, Mapping):
        for item in value.values():
            _collect(item, found)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            _collect(getattr(value, field.name, None), found)


def map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """The value with each tensor in its tuples, lists and dicts changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, list):
        return [map_tensors(change, item) for item in value]
    if isinstance(value, tuple):
        items = [map_tensors(change, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, dict):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(map_tensors(change, item) for item in (value.start, value.stop, value.step)))
    return value


DTYPE_NAMES: dict[torch.dtype, str] = {}


def dtype_name(dtype: torch.dtype) -> str:
    """The name of an element type, without torch's prefix: `float32`."""
    name = DTYPE_NAMES.get(dtype)
    if name is None:
        name = DTYPE_NAMES[dtype] = str(dtype).removeprefix("torch.")
    return name


DTYPES: dict[str, torch.dtype] = {}


def dtype_of(policy: str, tensors: list[torch.Tensor]) -> torch.dtype:
    """The element type that a rule's policy means for these tensors.

    Raises:
        AttributeError: the policy is neither a policy nor the name of a type.
    """
    if policy == SAME and tensors:
        return tensors[0].dtype
    if policy in (SAME, FLOAT):
        return torch.get_default_dtype()
    known = DTYPES.get(policy)
    if known is None:
        known = DTYPES[policy] = getattr(torch, policy)
    return known
