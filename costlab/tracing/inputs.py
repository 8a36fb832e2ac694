"""What goes into a forward: tensors, containers of them, or specs such as `f32[1,3,299,299]`.

Every tensor is replaced by one on meta; the caller's are only looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from costlab.errors import UsageError
from costlab.inputspec import parse
from costlab.tracing.tensors import map_tensors, meta

Call = tuple[tuple[Any, ...], dict[str, Any]]


def as_call(inputs: Any) -> Call:
    """The positional and keyword arguments that `inputs` means, with every tensor on meta.

    A tensor or a spec is the one positional argument, a tuple or list the positional arguments, a
    mapping the keyword arguments. A spec with a name (`tokens=i64[2,128]`) is a keyword argument.

    Raises:
        UsageError: a spec that does not parse, or an element type that torch does not have.
    """
    if isinstance(inputs, Mapping):
        return (), {str(key): _on_meta(value) for key, value in inputs.items()}
    if not isinstance(inputs, tuple | list):
        inputs = (inputs,)
    if inputs and all(type(value) is int for value in inputs):
        sizes = ",".join(map(str, inputs))
        message = f"the inputs {tuple(inputs)} are a shape; write it as a spec: 'f32[{sizes}]'"
        raise UsageError(message)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for value in inputs:
        spec = parse(value) if isinstance(value, str) else None
        if spec is not None and spec.name is not None:
            if spec.name in kwargs:
                message = f"the input {spec.name!r} is given twice"
                raise UsageError(message)
            kwargs[spec.name] = _on_meta(value)
        elif kwargs:
            message = f"the positional input {value!r} follows a named one; put it first"
            raise UsageError(message)
        else:
            args.append(_on_meta(value))
    return tuple(args), kwargs


def _on_meta(value: Any) -> Any:
    if isinstance(value, str):
        spec = parse(value).spec
        return torch.empty(spec.shape, dtype=getattr(torch, spec.dtype), device="meta")
    if isinstance(value, tuple | list):
        items = [_on_meta(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, Mapping):
        return {key: _on_meta(item) for key, item in value.items()}
    return map_tensors(meta, value)
