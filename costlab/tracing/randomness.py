"""The random generators of the process, put back where an analysis found them.

Does not know who drew: a generator tells only where it is, so that what other threads draw
meanwhile is drawn again afterwards.
"""

from __future__ import annotations

import ctypes
import random
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.tracing.rewinding import Rewinding

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = object.__basicsize__
"""Bytes of an object before its own fields: its class, and how many refer to it."""


class Position(NamedTuple):
    """Where a generator is: what it looks like in memory, and its state as it tells it."""

    mark: bytes
    """Empty where memory does not tell all of the state."""
    state: Any


class Source:
    """A generator that is asked for its state only where its memory is not as it was last time.

    To ask numpy's takes 50 µs and Python's 15, and to move them as long, as each of 624 words is a
    number of Python's on the way; to look at the memory takes a fiftieth.
    """

    def __init__(
        self, mark: Callable[[], bytes], state: Callable[[], Any], move: Callable[[Any], None]
    ) -> None:
        """For what `state` tells; `move` is given it to go back to it."""
        self._mark, self._state, self._move = mark, state, move
        self._last: Position | None = None

    def position(self) -> Position:
        """Where it is."""
        mark, last = self._mark(), self._last
        if last is not None and mark and last.mark == mark:
            return last
        found = Position(mark, self._state())
        # Another thread may have drawn in between: then the mark is not that of the state.
        self._last = found if self._mark() == mark else None
        return found if self._last is not None else Position(b"", found.state)

    def go_back(self, position: Position) -> None:
        """Has it be there again."""
        if not position.mark or self._mark() != position.mark:
            self._move(position.state)


def memory(*objects: Any) -> bytes:
    """The fields of objects that are written in C."""
    parts = [ctypes.string_at(id(one) + HEAD, type(one).__basicsize__ - HEAD) for one in objects]
    return b"".join(parts)


def of_python(source: random.Random) -> bytes:
    """What a generator of Python's looks like."""
    # The other number of a pair drawn from a normal distribution is an attribute beside it.
    return memory(source) + repr(getattr(source, "gauss_next", None)).encode()


def of_numpy(source: Any) -> bytes:
    """What a `RandomState` looks like, and the object that draws its bits."""
    return memory(source, source._bit_generator)  # noqa: SLF001 - numpy has no public name for it


def moves(mark: Callable[[], bytes], uniform: Callable[[], Any], normal: Callable[[], Any]) -> bool:
    """Whether a mark stands still by itself, and is another after each number that is drawn.

    Normal numbers are made in pairs: the second draws no bits, it is only remembered.
    """
    marks = [mark()]
    still = mark() == marks[0]
    for draw in (uniform, normal, normal, uniform):
        draw()
        marks.append(mark())
    return still and len(set(marks)) == len(marks)


@cache
def _is_told_by_python() -> bool:
    source = random.Random(0)  # noqa: S311 - only looked at
    try:
        return moves(lambda: of_python(source), source.random, lambda: source.gauss(0, 1))
    except (AttributeError, TypeError, ValueError):
        return False


@cache
def _is_told_by_numpy() -> bool:
    source: Any = sys.modules["numpy"].random.RandomState(0)
    try:
        return moves(lambda: of_numpy(source), source.rand, source.standard_normal)
    except (AttributeError, TypeError, ValueError):
        return False


def _mark_of_python() -> bytes:
    source: Any = vars(random).get("_inst")  # the module's functions are its methods
    return of_python(source) if _is_told_by_python() else b""


def _mark_of_numpy() -> bytes:
    numpy = sys.modules["numpy"].random
    # A generator of another kind may keep its state elsewhere.
    told = type(numpy.get_bit_generator()) is numpy.MT19937 and _is_told_by_numpy()
    return of_numpy(numpy.mtrand._rand) if told else b""  # noqa: SLF001 - as above


def _state_of_numpy() -> Any:
    numpy = sys.modules["numpy"].random
    # As a dict: the tuple of old is of one kind of generator, and warns of any other.
    return numpy.get_bit_generator(), numpy.get_state(legacy=False)


def _move_numpy(found: Any) -> None:
    bits, state = found
    numpy = sys.modules["numpy"].random
    if numpy.get_bit_generator() is not bits:
        numpy.set_bit_generator(bits)
    numpy.set_state(state)


PYTHON = Source(_mark_of_python, random.getstate, random.setstate)
NUMPY = Source(_mark_of_numpy, _state_of_numpy, _move_numpy)


class Positions(NamedTuple):
    """Where the generators of torch's CPU, of Python and, if it is loaded, of numpy are."""

    torch: torch.Tensor
    python: Position
    numpy: Position | None


def _positions() -> Positions:
    numpy = NUMPY.position() if "numpy" in sys.modules else None
    return Positions(torch.default_generator.get_state(), PYTHON.position(), numpy)


def _go_back(found: Positions) -> None:
    torch.default_generator.set_state(found.torch)
    PYTHON.go_back(found.python)
    if found.numpy is not None:
        NUMPY.go_back(found.numpy)


GENERATORS = Rewinding(_positions, _go_back)
"""Those of this process."""
