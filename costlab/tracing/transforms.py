"""Python code of torch's own that a forward calls, and that a function mode cannot follow.

Function transforms (`torch.vmap`, `torch.func.grad`, …), `torch.compile`, and a question.

A transform wraps tensors, and what a function mode is told of a wrapped one is not all of it: the
axis that `vmap` runs over is hidden. So its inside is priced kernel by kernel, below the wrapping,
where the kernels have every axis. Does not know the kernels.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import torch
from torch._functorch import apis, eager_transforms
from torch.nn.modules import transformer

from costlab.tracing.calls import Interception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from costlab.tracing.calls import Handler

TRANSFORMS = (
    Interception("vmap_impl", apis),
    Interception("grad_impl", eager_transforms),
    Interception("grad_and_value_impl", eager_transforms),
    Interception("_vjp_with_argnums", eager_transforms),
    Interception("_jvp_with_argnums", eager_transforms),
)
"""What carries out the transforms of `torch.func`."""
COMPILERS = Interception("compile", torch)
"""`torch.compile` within a forward, by which torch also runs `cond`, `scan` and their like."""
CAUSALITY = Interception("_detect_is_causal_mask", transformer)
"""Whether the values of a mask are those of a causal one, which an encoder and a decoder ask."""


def carried_out(
    below: Callable[[Callable[[], Any]], Any],
) -> Iterator[tuple[Interception, Handler]]:
    """What has `below(inside)` carry out the inside of each outermost transform."""
    inside = False

    def transform(call: Any, function: Any, args: Any, kwargs: Any) -> Any:
        nonlocal inside
        if inside:
            return call(function, *args, **kwargs)
        inside = True
        try:
            return below(lambda: call(function, *args, **kwargs))
        finally:
            inside = False

    yield from zip(TRANSFORMS, repeat(transform))
    yield COMPILERS, _as_written
    yield CAUSALITY, _as_told


def _as_written(call: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """The function itself: what it does is the same, and is seen."""
    del call, args
    given = kwargs.get("model", function)
    return _itself if given is None else given


def _as_told(call: Any, mask: Any, args: tuple[bool | None, ...] = (), kwargs: Any = None) -> bool:
    """Whether the caller said so: attention costs the same, and a mask may have no values."""
    del call, mask
    return (args[0] if args else (kwargs or {}).get("is_causal")) is True


def _itself(function: Any) -> Any:
    """What decorates a function with nothing."""
    return function
