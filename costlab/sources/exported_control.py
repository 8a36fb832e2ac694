"""Branches and loops of an exported program: graphs in the graph, run as often as shapes tell.

Does not know how a program is stored. What depends on values is one operation without a rule, so
that a report names it and calls its total a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import TraceError
from costlab.sources.exported_trees import flat
from costlab.sources.exported_values import BrokenError, argument
from costlab.tracing.bodies import cond, scan, while_loop

if TYPE_CHECKING:
    from costlab.sources.exported_steps import Step

    Given = Sequence[tuple[str, Any]]

MOST_STEPS = 1 << 16
"""Operations that all loops of a program may run in one forward; a second or two."""
READ = 16
"""So many values are read in the time that one operation takes at least."""
TOO_LONG = "_too_long"
"""Ends the name of a loop that is not followed to its end, in place of one that values decide."""
NAMESPACE = "program"
"""Where operations stand that no shape decides, so that a report calls them `program::cond`."""


class ExhaustedError(TraceError):
    """Loops would run more operations than are followed."""


@dataclass(slots=True)
class Allowance:
    """How many operations the loops of a program may still run, however they are nested."""

    left: int = field(default_factory=lambda: MOST_STEPS)

    def renew(self) -> None:
        """Begins a forward."""
        self.left = MOST_STEPS

    def spend(self, steps: int) -> None:
        """Takes so many.

        Raises:
            ExhaustedError: there are no more.
        """
        if steps > self.left:
            raise ExhaustedError(f"loops of more than {MOST_STEPS} operations are not followed")
        self.left -= steps


@dataclass(slots=True)
class Part:
    """A graph within the graph, as a function of what it is given."""

    names: Sequence[str]
    steps: Sequence[tuple[int, Step]]
    results: Sequence[Any]
    run: Callable[[Sequence[tuple[int, Step]], dict[str, Any]], None] | None = None
    """Runs steps inside the modules in which they ran; by themselves if nobody does."""
    allowance: Allowance = field(default_factory=Allowance)
    """Of all loops of the program."""
    effort: int = 0
    """Its operations, those of graphs within it once, and more for one that reads many values."""

    def __post_init__(self) -> None:
        """Counts its operations."""
        self.effort = 1 + sum(
            1
            + (len(step.inputs) + len(step.outputs)) // READ
            + sum(part.effort for part in step.parts)
            for _, step in self.steps
        )

    def __call__(self, *given: Any) -> Any:
        """What it returns, in a list.

        Raises:
            BrokenError: it takes another number of values.
        """
        if len(given) != len(self.names):
            raise BrokenError(f"a graph within it takes {len(self.names)} values, not {len(given)}")
        values = dict(zip(self.names, given, strict=True))
        if self.run is not None:
            self.run(self.steps, values)
        else:
            for _, step in self.steps:
                step.do(values)
        return [argument(told, values) for told in self.results]


def _read(predicate: Any) -> bool:
    """The value of what decides.

    Raises:
        TraceError: it has none.
    """
    # Not asked where there is none: a report names a question without an answer as unknown too.
    with torch._C.DisableTorchFunction():  # noqa: SLF001 - torch has no public name for it
        unknown = isinstance(predicate, torch.Tensor) and predicate.is_meta
    if unknown:
        raise TraceError("it depends on values")
    try:
        return bool(predicate)
    except RuntimeError as error:  # torch's own, where nobody asks for more than shapes
        raise TraceError(str(error)) from error


def _branch(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (predicate, operands), (yes, no) = given, parts
    try:
        made: list[Any] = cond(_read(predicate), yes, no, operands)
    except TraceError:
        return _undecided("cond", yes, (), [predicate, *operands], operands)
    return made


def _loop(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (again, body), (carried, more) = parts, given
    exhausted = False

    def holds(*now: Any) -> Any:
        nonlocal exhausted
        try:
            body.allowance.spend(again.effort + body.effort)
        except ExhaustedError:
            exhausted = True
            raise
        return _read(again(*now)[0])

    try:
        return list(while_loop(holds, body, carried, more))
    except TraceError:
        name = f"while_loop{TOO_LONG}" if exhausted else "while_loop"
        return _undecided(name, None, carried, [*carried, *more], ())


def _scan(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (step,), (first, rows, more) = parts, given
    return _along("scan", step, first, rows, more)


def _map(parts: Sequence[Part], given: Sequence[Any]) -> list[Any]:
    (body,), (rows, more) = parts, given
    return _along("map", body, (), rows, more)


def _along(
    name: str, step: Part, first: Sequence[Any], rows: Sequence[Any], more: Sequence[Any]
) -> list[Any]:
    """A step for each row, or one and what all others do as one unknown operation."""
    turns = max((len(row) for row in rows), default=0)
    made: list[Any] = []

    def turn(*now: Any) -> Any:
        nonlocal made
        if made:
            step.allowance.spend(step.effort)
        found = step(*now)
        made = made or found
        return found

    # A tensor for each of many rows is made at once, before the first turn.
    if turns * step.effort <= step.allowance.left:
        try:
            return scan(turn, first, rows, more)
        except ExhaustedError:
            pass  # by loops within it
    else:
        turn(*first, *(row[0] for row in rows), *more)
    along = [torch.empty(turns, *each.shape, dtype=each.dtype, device="meta") for each in made]
    like = [*first, *along[len(first) :]]
    return _undecided(f"{name}{TOO_LONG}", None, like, [*first, *rows, *more], ())


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
    # Only for the shapes: no module is called by what is not counted.
    like = None if like is None else replace(like, run=None)
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
