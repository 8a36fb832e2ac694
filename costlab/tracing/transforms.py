"""Python code of torch's own that a forward calls, and that a function mode cannot follow.

Function transforms (`torch.vmap`, `torch.func.grad`, …), `torch.compile`, and a question.

A transform wraps tensors, and what a function mode is told of a wrapped one is not all of it: the
axis that `vmap` runs over is hidden. So its inside is priced kernel by kernel, below the wrapping,
where the kernels have every axis. What is not wrapped, such as a weight in a closure, is exchanged
above it: a transform notes where its operands are, and wants their gradients there. Does not know
the kernels.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import torch
from torch._functorch import apis, eager_transforms
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.nn.modules import transformer
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from costlab.tracing.calls import Interception
from costlab.tracing.entries import Treatment
from costlab.tracing.factories import of_no_tensor
from costlab.tracing.tensors import map_tensors, tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from costlab.tracing.calls import Handler
    from costlab.tracing.entries import Entries

TORCH = str(Path(torch.__file__).parent)
TRANSFORMS = (
    Interception("vmap_impl", apis),
    Interception("grad_impl", eager_transforms),
    Interception("grad_and_value_impl", eager_transforms),
    Interception("_vjp_with_argnums", eager_transforms),
    Interception("_jvp_with_argnums", eager_transforms),
)
"""What carries out the transforms of `torch.func`."""
LINEARIZED = Interception("lazy_dynamo_disallow", eager_transforms)
"""What `torch.func.linearize` traces its function by, whose constants it computes unseen."""
COMPILERS = Interception("compile", torch)
"""`torch.compile` within a forward, by which torch also runs `cond`, `scan` and their like."""
CAUSALITY = Interception("_detect_is_causal_mask", transformer)
"""Whether the values of a mask are those of a causal one, which an encoder and a decoder ask."""


QUESTIONS = frozenset({Treatment.METADATA, Treatment.MEMORY, Treatment.DEVICE, Treatment.HISTORY})
"""What is asked of the tensor itself, and not of what stands for it."""


OF_DATA = frozenset({"tensor", "as_tensor", "asarray", "scalar_tensor", "new_tensor"})
"""Factories that are given their values."""


class Exchanged(TorchFunctionMode):
    """Has each call within a transform see what stands for a tensor that no transform wraps."""

    def __init__(self, entries: Entries, seen: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """`seen` says what stands for a tensor; a question is put to the tensor itself."""
        super().__init__()
        self.entries, self.seen = entries, seen

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The result of a call; the modes further out are not told of it."""
        named = kwargs or {}
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
            entry = self.entries.find(func)
            if entry.treatment is Treatment.FACTORY:
                plain = of_no_tensor(entry.name, func, args, named)
                if entry.name in OF_DATA and not tensors_of(plain.args, plain.kwargs):
                    # Its values are on the host, wherever the tensors are that it is to be with.
                    return plain.function(*plain.args, **{**plain.kwargs, "device": "cpu"})
            if entry.treatment not in QUESTIONS:
                args, named = map_tensors(self.seen, (args, named))
            return func(*args, **named)


def is_wrapped(tensor: torch.Tensor) -> bool:
    """Whether a transform hides dimensions of a tensor, or its history."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))  # noqa: SLF001 - torch has no public name for it


@contextmanager
def outside_of_transforms() -> Iterator[None]:
    """What is made here is a tensor as any other: no transform wraps it, nothing is recorded."""
    with (
        temporarily_clear_interpreter_stack(),
        torch._C.DisableTorchFunction(),  # noqa: SLF001 - torch has no public name for it
        torch._C._DisableTorchDispatch(),  # noqa: SLF001 - as above
    ):
        yield


@contextmanager
def with_its_keys() -> Iterator[None]:
    """Has torch dispatch afterwards as before, also after an error within a transform.

    What torch set there it puts back when its frames are freed, which the error holds: that may be
    in the midst of something else, which then is not seen. So they are freed first.
    """
    with torch._C._PreserveDispatchKeyGuard():  # noqa: SLF001 - torch has no public name for it
        try:
            yield
        except Exception as error:
            for frame, _ in walk_tb(error.__traceback__):
                if frame.f_code.co_filename.startswith(TORCH):
                    with suppress(RuntimeError):  # it still runs
                        frame.clear()
            raise


def carried_out(
    below: Callable[[Callable[[], Any]], Any], seen: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[tuple[Interception, Handler]]:
    """What has `below(inside)` carry out the inside of each outermost transform.

    `seen` says what a transform is given in the place of a tensor.
    """
    inside = False

    def transform(call: Any, function: Any, args: Any, kwargs: Any) -> Any:
        nonlocal inside
        args, kwargs = tree_map_only(torch.Tensor, seen, (args, kwargs))
        if inside:
            return call(function, *args, **kwargs)
        inside = True
        try:
            with with_its_keys():
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
