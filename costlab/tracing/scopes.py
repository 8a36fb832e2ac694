"""Where a forward is: the path of the module that is running, and what each module returned.

Does not know operations.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules import module as hooks

from costlab.graph import Module, TensorSpec
from costlab.tracing.tensors import tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def registered(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """Every path of the model and the module that is registered there, in registration order.

    A module that is registered in several places is listed at each; one that contains itself is
    not entered again.
    """
    found: list[tuple[str, torch.nn.Module]] = []

    def walk(path: str, module: torch.nn.Module, above: frozenset[int]) -> None:
        found.append((path, module))
        above = above | {id(module)}
        for name, child in module._modules.items():  # noqa: SLF001 - named_modules never ends on a cycle
            if child is not None and id(child) not in above:
                walk(f"{path}.{name}" if path else name, child, above)

    walk("", model, frozenset())
    return found


class Scopes:
    """The stack of running modules, kept by global hooks while a forward is traced."""

    def __init__(self, modules: list[tuple[str, torch.nn.Module]]) -> None:
        """The scopes of a model, given its paths and modules."""
        self.modules = modules
        self.current = ""
        self.calls: dict[str, int] = {}
        self.outputs: dict[str, tuple[TensorSpec, ...]] = {}
        self._paths: dict[int, list[str]] = {}
        for path, module in modules:
            self._paths.setdefault(id(module), []).append(path)
        self._above: list[str] = []
        self._thread = threading.get_ident()

    def _nearest(self, places: list[str]) -> str:
        """Of the paths of a shared module, the one below the running module; else the first."""
        prefix = f"{self.current}." if self.current else ""
        return next((place for place in places if place.startswith(prefix)), places[0])

    @contextmanager
    def followed(self, spec: Callable[[torch.Tensor], TensorSpec]) -> Iterator[None]:
        """Follows module calls of this thread until the block ends."""
        handles = (
            hooks.register_module_forward_pre_hook(self._before()),
            hooks.register_module_forward_hook(self._after(spec), always_call=True),
        )
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self) -> Callable[..., None]:
        """The hook that goes down into a module."""
        here, thread, above, paths = threading.get_ident, self._thread, self._above, self._paths
        calls = self.calls

        def before(module: torch.nn.Module, args: Any) -> None:
            del args
            if here() != thread:
                return
            above.append(self.current)
            places = paths.get(id(module))
            if places is not None:
                path = places[0] if len(places) == 1 else self._nearest(places)
                self.current = path
                calls[path] = calls.get(path, 0) + 1

        return before

    def _after(self, spec: Callable[[torch.Tensor], TensorSpec]) -> Callable[..., None]:
        """The hook that comes up from a module, also when it raised."""
        here, thread, above, paths = threading.get_ident, self._thread, self._above, self._paths
        outputs = self.outputs

        def after(module: torch.nn.Module, args: Any, result: Any) -> None:
            del args
            if here() != thread:
                return
            if id(module) in paths:
                outputs[self.current] = (
                    (spec(result),)
                    if type(result) is torch.Tensor
                    else tuple([spec(tensor) for tensor in tensors_in(result)])
                )
            self.current = above.pop()

        return after

    def summary(self) -> tuple[Module, ...]:
        """Every registered module, with its calls and what its last call returned."""
        return tuple(
            Module(path, type(module).__name__, self.calls.get(path, 0), self.outputs.get(path, ()))
            for path, module in self.modules
        )
