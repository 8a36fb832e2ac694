"""An exported program as a module: its graph is run, and its modules are those it was made of.

Does not know how the program is stored.
"""

from __future__ import annotations

import sys
from itertools import count, zip_longest
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.inputspec import format_spec
from costlab.sources.exported_control import Allowance
from costlab.sources.exported_trees import Tree, flat, ordered
from costlab.sources.exported_values import BrokenError, argument, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from costlab.sources.exported_limits import Limits
    from costlab.sources.exported_steps import Step, Values

MOST_MODULES = 1 << 18
"""In a program; the largest mixtures of experts have 60,000. One takes 5 kB."""


class Scope(nn.Module):
    """A module of the exported model, which runs its part of the program.

    `module_at` finds the other modules, by their paths in the whole.
    """

    module_at: Callable[[str], nn.Module]

    def forward(self, steps: Sequence[tuple[int, Step]], depth: int, values: Values) -> Any:
        """What others read of what it made."""
        run(self.module_at, steps, depth, values)
        end = steps[-1][0]
        made = [values[name] for _, step in steps if step.until > end for name in step.outputs]
        return made[0] if len(made) == 1 else tuple(made)


def run(
    module_at: Callable[[str], nn.Module],
    steps: Sequence[tuple[int, Step]],
    depth: int,
    values: Values,
) -> None:
    """Runs steps in their order, those inside a module further down by a call of that module."""
    place = 0
    while place < len(steps):
        step = steps[place][1]
        if len(step.stack) <= depth:
            step.do(values)
            place += 1
            continue
        inner, end = step.stack[depth], place
        while end < len(steps) and steps[end][1].stack[depth : depth + 1] == (inner,):
            end += 1
        module_at(inner[1])(steps[place:end], depth + 1, values)
        place = end


class Program(nn.Module):
    """The whole: it takes what the exported model took."""

    without_weights = (
        "a program's weights are not read, so that it runs on shapes only; count the model that it "
        "was exported from"
    )

    def __init__(
        self,
        steps: Sequence[Step],
        limits: Limits,
        results: Sequence[Any],
        tree: Tree | None,
        names: Sequence[str],
    ) -> None:
        """A program without weights: `limits` say what it may be given."""
        super().__init__()
        self.steps = list(enumerate(steps))
        self.limits = limits
        self.results = results
        self.tree = tree
        self.names = names
        self.held: list[tuple[str, str, bool]] = []
        """Value, path, and whether it is a parameter, of each tensor that modules hold."""
        self.trains: bool | None = None
        """Whether it was exported in train mode; None if it is the same in both."""
        self.allowance = Allowance()

    def at(self, path: str) -> nn.Module:
        """The module at a path."""
        return self.get_submodule(path)

    def train(self, mode: bool = True) -> Program:
        """A program runs in the mode in which it was exported, or in both if they are the same.

        Raises:
            UsageError: it was exported in the other.
        """
        if self.trains is not None and mode != self.trains:
            was = "train" if self.trains else "eval"
            message = f"the program was exported in {was} mode; give --mode {was}"
            raise UsageError(message)
        super().train(mode)
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the exported model returned, in a row."""
        self.allowance.renew()
        leaves = self._leaves(args, kwargs)
        given = self.limits.given
        if len(leaves) != len(given):
            message = f"the program takes {len(given)} inputs, and was given {len(leaves)}"
            raise TypeError(message)
        self.limits.check(leaves)
        values: Values = {name: leaf for (name, _), leaf in zip(given, leaves, strict=True)}
        for name, path, is_parameter in self.held:
            values[name] = self.get_parameter(path) if is_parameter else self.get_buffer(path)
        try:
            run(self.at, self.steps, 0, values)
        except (IndexError, RuntimeError, BrokenError) as error:
            asked = [spec for _, spec in given]
            if not any(map(_differs, leaves, asked)):
                raise
            exported = ", ".join(format_spec(x) for x in asked if isinstance(x, TensorSpec))
            message = (
                f"the program was exported for {exported} and does not run on other shapes "
                f"({error}); give those, or export it with dynamic_shapes"
            )
            raise RuntimeError(message) from error
        made = [argument(told, values) for told in self.results]
        return made[0] if len(made) == 1 else tuple(made)

    def _leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The inputs in the program's order, which names may be given in another."""
        if self.tree is None:
            return flat((args, kwargs))
        positional, named = self.tree.below
        order = [*self.names[: len(positional.below)], *named.keys]
        trees = dict(zip(order, (*positional.below, *named.below), strict=False))
        unknown = [name for name in kwargs if name not in order]
        if unknown:
            message = f"the program takes {', '.join(order)}, and no {unknown[0]!r}"
            raise TypeError(message)
        rest = sorted(kwargs, key=order.index)
        places = zip_longest(args, positional.below[: len(args)], fillvalue=Tree(""))
        return flat(
            (
                [ordered(value, each) for value, each in places],
                [ordered(kwargs[name], trees[name]) for name in rest],
            )
        )


def _differs(leaf: Any, asked: Any) -> bool:
    return isinstance(asked, TensorSpec) and tuple(leaf.shape) != asked.shape


def _in_graphs(program: Program, steps: Iterable[Step]) -> list[Step]:
    """The steps of all graphs within the graph, which from now on run in modules of the program."""

    def inside(steps: Sequence[tuple[int, Step]], values: Values) -> None:
        run(program.at, steps, 0, values)

    found: list[Step] = []
    for step in steps:
        for part in step.parts:
            part.run, part.allowance = inside, program.allowance
            within = [one for _, one in part.steps]
            found += (*within, *_in_graphs(program, within))
    return found


def _maker(program: Program) -> Callable[..., nn.Module]:
    """What finds the module at a path, and makes it and those around it where there is none.

    Raises:
        BrokenError: when called: they are more than are made, or deeper than calls may nest.
    """
    classes: dict[str, type[Scope]] = {}
    number = count(1)

    def at(path: str, kind: str = "Module") -> nn.Module:
        here: nn.Module = program
        levels = path.count(".") + 1
        if levels > sys.getrecursionlimit():
            raise BrokenError(
                f"it has modules {levels:,} levels deep, deeper than Python calls nest"
            )
        parts = path.split(".") if path else []
        for place, part in enumerate(parts, start=1):
            if part not in here._modules:  # noqa: SLF001 - torch refuses some names of attributes here
                if next(number) > MOST_MODULES:
                    raise BrokenError(f"it has more than {MOST_MODULES:,} modules")
                own = kind if place == len(parts) else "Module"
                made = classes.setdefault(own, type(own, (Scope,), {}))()
                made.module_at = program.at
                here._modules[part] = made  # noqa: SLF001 - as above
            here = here._modules[part] or here  # noqa: SLF001 - as above
        return here

    return at


def hold(program: Program, steps: Sequence[Step], weights: Mapping[str, tuple[str, Any, bool]],
         files: Mapping[str, str]) -> None:  # fmt: skip
    """Gives a program its modules and weights: `weights` maps values to path, tensor, parameter."""
    at = _maker(program)
    # Shorter paths first: what is around a module is made before it, as what it is. A graph in the
    # graph does not tell classes: what tells them goes before.
    kinds: dict[str, str] = {}
    for step in (*steps, *_in_graphs(program, steps)):
        for _, path, kind in step.stack:
            kinds.setdefault(path, kind)
    for path in sorted(kinds, key=lambda path: path.count(".")):
        at(path, kinds[path])
    shared: dict[str, torch.Tensor] = {}
    for name, (path, meta, is_parameter) in weights.items():
        home, _, attribute = path.rpartition(".")
        spec = spec_of(meta)
        tensor = torch.empty(spec.shape, dtype=getattr(torch, spec.dtype), device="meta")
        if is_parameter:
            made = nn.Parameter(tensor, requires_grad=tensor.is_floating_point())
            tensor = shared.setdefault(files.get(path, path), made)
            at(home)._parameters[attribute] = tensor  # type: ignore[assignment]  # noqa: SLF001 - as above
        else:
            at(home)._buffers[attribute] = tensor  # noqa: SLF001 - as above
        program.held.append((name, path, is_parameter))
