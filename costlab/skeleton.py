"""Building a model without its weights: large tensors on meta, initializers that do nothing.

Does not know which model is built. Small tensors keep their values, because constructors read
them (`torch.linspace(0, rate, depth).tolist()`).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from costlab.tracing.entries import FILLERS, SIZED_FACTORIES
from costlab.tracing.factories import SMALL, elements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Skeleton(TorchFunctionMode):
    """Makes every large tensor on meta and skips whatever would fill one."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The result of a call, without its memory if that would be large."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in SIZED_FACTORIES and elements(args, kwargs) > SMALL:
            kwargs = {**kwargs, "device": "meta"}
        elif name in FILLERS or getattr(func, "__module__", None) == "torch.nn.init":
            target = args[0] if args else kwargs.get("tensor")
            if isinstance(target, torch.Tensor) and target.is_meta:
                return target
        return func(*args, **kwargs)


@contextmanager
def skeleton() -> Iterator[None]:
    """Within it, models are built without weights; the random number generator stays as it was."""
    state = torch.get_rng_state()
    try:
        with Skeleton():
            yield
    finally:
        torch.set_rng_state(state)


WEIGHTS: ContextVar[bool] = ContextVar("WEIGHTS", default=False)


@contextmanager
def with_weights(wanted: bool) -> Iterator[None]:
    """Within it, `build` builds models with their weights, for who runs them on real tensors."""
    token = WEIGHTS.set(wanted)
    try:
        yield
    finally:
        WEIGHTS.reset(token)


def build(factory: Callable[[], Any]) -> Any:
    """What a factory returns, without weights if it can be built so, with them if not.

    A factory that computes on its weights (loads a checkpoint, prunes, orthogonalizes) fails on a
    skeleton and is called again for real; an error of its own then comes out as it is.
    """
    if WEIGHTS.get():
        # Of the same random numbers each time, as what a forward does may depend on them.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            return factory()
    try:
        with skeleton():
            return factory()
    except Exception:  # noqa: BLE001 - whatever went wrong, the real attempt says whose fault it is
        return factory()
