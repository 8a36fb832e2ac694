"""What goes into a forward: tensors, containers of them, or specs such as `f32[1,3,299,299]`.

Every tensor is replaced by one on meta; the caller's are only looked at. What went in can be
written as specs again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence

from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.inputspec import Argument, Value, format_argument, format_spec, read
from costlab.tracing.numbered import RAGGED
from costlab.tracing.tensors import dtype_name, map_tensors, meta, tensors_in

Call = tuple[tuple[Any, ...], dict[str, Any]]


def as_call(inputs: Any, of: Callable[[torch.Tensor], torch.Tensor] = meta) -> Call:
    """The positional and keyword arguments that `inputs` means, with every tensor on meta.

    `of` makes of a tensor what stands in its place, if that is to be something else.

    A tensor or a spec is the one positional argument, a tuple or list the positional arguments, a
    mapping the keyword arguments. A spec with a name (`tokens=i64[2,128]`) is a keyword argument. A
    spec may say a literal or a container, `x=(f32[1,3],True)`.

    Raises:
        UsageError: a spec that does not parse, an element type that torch does not have, or a
            nested tensor.
    """
    if any(tensor.is_nested for tensor in tensors_in(inputs)):
        message = f"an input is a nested tensor: {RAGGED}"
        raise UsageError(message)
    if isinstance(inputs, Mapping):
        return (), {str(key): _placed(value, of) for key, value in inputs.items()}
    if not isinstance(inputs, tuple | list):
        inputs = (inputs,)
    if inputs and all(type(value) is int for value in inputs):
        sizes = ",".join(map(str, inputs))
        message = f"the inputs {tuple(inputs)} are a shape; write it as a spec: 'f32[{sizes}]'"
        raise UsageError(message)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for value in inputs:
        said = read(value) if isinstance(value, str) else None
        if said is not None and said.name is not None:
            if said.name in kwargs:
                message = f"the input {said.name!r} is given twice"
                raise UsageError(message)
            kwargs[said.name] = _made(said.value)
        elif kwargs:
            message = f"the positional input {value!r} follows a named one; put it first"
            raise UsageError(message)
        else:
            args.append(_placed(value, of) if said is None else _made(said.value))
    return tuple(args), kwargs


def as_specs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
    """The texts of the specs that mean these arguments.

    Of an argument that no spec can say, such as one of a class of the user's, the tensors in it.

    >>> as_specs((torch.empty(2, 3),), {"state": (torch.empty(4), None), "train": False})
    ('f32[2,3]', 'state=(f32[4],None)', 'train=False')
    """
    told: list[str] = []
    for name, value in (*(("", value) for value in args), *kwargs.items()):
        try:
            told.append(format_argument(Argument(name or None, _said(value))))
        except _UnsayableError:
            head = f"{name}=" if name else ""
            told += [f"{head}{format_spec(_spec(tensor))}" for tensor in tensors_in(value)]
    return tuple(told)


class _UnsayableError(Exception):
    """A value that no spec can say."""


def _spec(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), dtype_name(tensor.dtype))


def _said(value: Any) -> Value:
    """The value with a spec in place of each tensor.

    Raises:
        _UnsayableError: it holds something else than tensors, literals, tuples, lists and dicts.
    """
    if isinstance(value, torch.Tensor):
        return _spec(value)
    kind = type(value)
    if kind in (bool, int, str, type(None)) or (kind is float and isfinite(value)):
        found: Value = value
        return found
    if kind is tuple:
        return tuple(map(_said, value))
    if kind is list:
        return [_said(item) for item in value]
    if kind is dict and all(type(key) is str for key in value):
        return {key: _said(item) for key, item in value.items()}
    raise _UnsayableError


def _made(value: Value) -> Any:
    """The value with a tensor on meta in place of each spec."""
    if isinstance(value, TensorSpec):
        return torch.empty(value.shape, dtype=getattr(torch, value.dtype), device="meta")
    if isinstance(value, tuple | list):
        return type(value)(_made(item) for item in value)
    if isinstance(value, dict):
        return {key: _made(item) for key, item in value.items()}
    return value


def _placed(value: Any, of: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, str):
        return _made(read(value).value)
    if isinstance(value, PackedSequence):
        rest = (_placed(item, of) for item in (value.sorted_indices, value.unsorted_indices))
        # Layers read how many of the sequences have a step, so that these numbers are kept.
        made = (of(value.data), value.batch_sizes.clone(), *rest)
        return tuple.__new__(PackedSequence, made)  # its own constructor refuses tensors on meta
    if isinstance(value, tuple | list):
        items = [_placed(item, of) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, Mapping):
        return {key: _placed(item, of) for key, item in value.items()}
    return map_tensors(of, value)
