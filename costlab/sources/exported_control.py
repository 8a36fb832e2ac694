"""Branches and loops of an exported program: graphs in the graph, run as often as shapes tell.

Does not know how a program is stored. What depends on values is one operation without a rule, so
that a report names it and calls its total a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import TraceError
from costlab.sources.exported_values import BrokenError, argument, flat
from costlab.tracing.bodies import cond, scan, while_loop

if TYPE_CHECKING:
    from costlab.sources.exported_steps import Step

    Given = Sequence[tuple[str, Any]]

MOST_TURNS = 1 << 13
NAMESPACE = "program"
"""Where operations stand that no shape decides, so that a report calls them `program::cond`."""


@dataclass(frozen=True, slots=True)
class Part:
    """A graph within the graph, as a function of what it is given."""

    names: Sequence[str]
    steps: Sequence[Step]
    results: Sequence[Any]

    def __call__(self, *given: Any) -> Any:
        """What it returns, in a list.

        Raises:
            BrokenError: it takes another number of values.
        """
        if len(given) != len(self.names):
            raise BrokenError(f"a graph within it takes {len(self.names)} values, not {len(given)}")
        values = dict(zip(self.names, given, strict=True))
        for step in self.steps:
            step.do(values)
        return [argument(told, values) for told in self.results]


def _branch(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (predicate, operands), (yes, no) = given, parts
    try:
        made: list[Any] = cond(predicate, yes, no, operands)
    except TraceError:
        return _undecided("cond", yes, (), [predicate, *operands], operands)
    return made


def _loop(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (again, body), (carried, more) = parts, given
    turns = count(1)

    def holds(*now: Any) -> Any:
        if next(turns) > MOST_TURNS:
            raise TraceError(f"a loop that takes more than {MOST_TURNS} turns is not followed")
        return again(*now)[0]

    try:
        return list(while_loop(holds, body, carried, more))
    except TraceError:
        return _undecided("while_loop", None, carried, [*carried, *more], ())


def _scan(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (step,), (first, rows, more) = parts, given
    return scan(step, first, rows, more)


def _map(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (body,), (rows, more) = parts, given
    return scan(body, (), rows, more)


Run = Callable[[Sequence[Part], Sequence[Any]], list[Any]]
CONTROL: dict[str, tuple[Run, int, int]] = {
    "cond": (_branch, 2, 2),
    "while_loop": (_loop, 2, 2),
    "scan": (_scan, 1, 3),
    "map_impl": (_map, 1, 2),
}
"""By the last part of the target: what is done, with how many graphs and other arguments."""


def controlled(name: str, parts: Sequence[Part]) -> Callable[[Given], Any]:
    """What a branch or loop does with its arguments, which are those that are no graphs.

    Raises:
        BrokenError: it has not the graphs that it should have; when run, not the arguments.
    """
    what, graphs, others = CONTROL[name]
    if len(parts) != graphs:
        raise BrokenError(f"{name} in it has {len(parts)} graphs, not {graphs}")

    def run(given: Given) -> list[Any]:
        values = [value for _, value in given]
        lists = values[1:] if name == "cond" else values
        if len(values) != others or not all(isinstance(value, list) for value in lists):
            raise BrokenError(f"{name} in it has not the arguments that torch gives it")
        return what(parts, values)

    return run


_TOKENS = count()
_WAITING: dict[int, tuple[Part | None, Sequence[Any], Sequence[Any]]] = {}
"""What an operation that no shape decides returns while it is called, by the number it is given."""


def _undecided(
    name: str,
    like: Part | None,
    carried: Sequence[Any],
    reads: Sequence[Any],
    operands: Sequence[Any],
) -> list[Any]:
    """What a branch or a loop returns whose course depends on values, as one unknown operation."""
    token = next(_TOKENS)
    _WAITING[token] = like, operands, carried
    tensors = [value for value in flat(list(reads)) if isinstance(value, torch.Tensor)]
    try:
        return list(_operation(name)(tensors, token))
    finally:
        del _WAITING[token]


@cache
def _operation(name: str) -> Any:
    """An operation without a rule; its results' shapes are those of a branch or of what is carried.

    torch has branches return the same shapes, and a body what it is given.
    """

    def shapes(tensors: list[torch.Tensor], token: int) -> list[torch.Tensor]:
        del tensors
        like, operands, carried = _WAITING[token]
        made = carried if like is None else like(*operands)
        return [torch.empty_like(value, device="meta") for value in flat(list(made))]

    library: Any = torch.library.Library(NAMESPACE, "FRAGMENT")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    library.define(f"{name}(Tensor[] given, int token) -> Tensor[]")
    library.impl(name, shapes, "Meta")
    KEPT_ALIVE.append(library)
    return getattr(getattr(torch.ops, NAMESPACE), name)


KEPT_ALIVE: list[Any] = []
"""A Library takes its definitions back when it is collected."""
