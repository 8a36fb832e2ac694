"""Where a forward is: the path of the module that is running, and what each module returned.

Does not know operations.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import UsageError
from costlab.graph import Module, rows
from costlab.tracing.calls import calls_of, handled
from costlab.tracing.tensors import tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from costlab.graph import TensorSpec
    from costlab.tracing.registry import Registry

    Direct = Callable[[torch.nn.Module, tuple[Any, ...], dict[str, Any]], Any]


def registered(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """Every path of the model and the module that is registered there, in registration order.

    A module that is registered in several places is listed at each; one that contains itself is
    not entered again.
    """
    found = [("", model)]
    try:
        _register("", model, found, set())
    except AttributeError as error:
        # What is left half done by a constructor that never called that of torch.nn.Module.
        path, module = found[-1]
        message = (
            f"{type(module).__name__}{path and f' (in {path})'} cannot be read as a module "
            f"({error}); call super().__init__() first in its __init__"
        )
        raise UsageError(message) from error
    except RecursionError:
        depth = found[-1][0].count(".") + 1
        message = (
            f"{type(model).__name__} has modules {depth} levels deep and more, which is deeper "
            "than Python calls may nest; raise sys.setrecursionlimit where it is built"
        )
        raise UsageError(message) from None
    return found


def _register(
    path: str, module: torch.nn.Module, found: list[tuple[str, torch.nn.Module]], above: set[int]
) -> None:
    """Lists the modules below one; `above` are the modules that it is part of, itself not yet."""
    above.add(id(module))
    start = f"{path}." if path else ""
    for name, child in module._modules.items():  # noqa: SLF001 - named_modules never ends on a cycle
        if child is None or id(child) in above:
            continue
        found.append((start + name, child))
        if child._modules:  # noqa: SLF001 - as above; most modules are leaves
            _register(start + name, child, found, above)
    above.remove(id(module))


class Scopes:
    """The path of the running module, kept while a forward is traced."""

    def __init__(self, modules: list[tuple[str, torch.nn.Module]]) -> None:
        """The scopes of a model, given its paths and modules."""
        self.modules = modules
        self.current = ""
        self.calls: dict[str, int] = {}
        self.outputs: dict[str, int | tuple[TensorSpec, ...]] = {}
        self._paths = {id(module): path for path, module in reversed(modules)}
        self._places: dict[int, list[str]] = {}
        if len(self._paths) < len(modules):  # some module has several paths
            for path, module in modules:
                self._places.setdefault(id(module), []).append(path)

    def _nearest(self, places: list[str]) -> str:
        """Of a module's paths the one below the running module; else the first."""
        prefix = f"{self.current}." if self.current else ""
        return next((place for place in places if place.startswith(prefix)), places[0])

    @contextmanager
    def followed(self, registry: Registry, direct: Direct) -> Iterator[None]:
        """Follows module calls of this thread until the block ends.

        `direct` carries a function out where a module comes to no more than that, or declines.
        """
        paths, places, calls, outputs = self._paths, self._places, self.calls, self.outputs
        numbers, spec = registry.numbers, registry.spec_of

        def follow(call: Any, module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
            path = paths.get(id(module))
            if path is None:
                return call(module, *args, **kwargs)
            if places:
                path = self._nearest(places[id(module)])
            calls[path] = calls.get(path, 0) + 1
            above, self.current = self.current, path
            try:
                result = direct(module, args, kwargs)
                if result is NotImplemented:
                    result = call(module, *args, **kwargs)
            finally:
                self.current = above
            number = numbers.get(id(result)) if type(result) is torch.Tensor else None
            outputs[path] = (
                tuple([spec(tensor) for tensor in tensors_in(result)]) if number is None else number
            )
            return result

        begun: list[tuple[torch.nn.Module, set[Any]]] = []

        def follow_once(call: Any, module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
            # A call of its own that goes on to that of its base is still one call.
            if begun and begun[-1][0] is module and call not in begun[-1][1]:
                begun[-1][1].add(call)
                return call(module, *args, **kwargs)
            begun.append((module, {call}))
            try:
                return follow(call, module, args, kwargs)
            finally:
                begun.pop()

        every = calls_of([module for _, module in self.modules])
        handler = follow if len(every) == 1 else follow_once
        with handled((interception, handler) for interception in every):
            yield

    def summary(self, specs: Sequence[TensorSpec]) -> tuple[Module, ...]:
        """Every registered module, with its calls and what its last call returned.

        `specs` are those of the tensors, by their numbers.
        """
        paths = [path for path, _ in self.modules]
        returned = [self.outputs.get(path, ()) for path in paths]
        return rows(
            Module,
            paths,
            [type(module).__name__ for _, module in self.modules],
            [self.calls.get(path, 0) for path in paths],
            [(specs[found],) if type(found) is int else found for found in returned],
        )
