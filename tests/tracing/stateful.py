"""Arrays and generators that a model may hold: how each is made, changed, and told in full."""

from __future__ import annotations

import random
from array import array
from collections import ChainMap
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

of_numpy: Any = np.random
"""Whose annotations leave out some of what is asked of it here."""


class Ramp(np.ndarray[Any, Any]):
    """An array of a class of the user's, with an attribute, and code of its own."""

    seen = 0

    def copy(self, order: Any = "C") -> Any:
        """Not to be asked."""
        raise NotImplementedError(order)

    def __array_finalize__(self, _: Any) -> None:
        Ramp.seen += 1


class Dice(random.Random):
    """A generator of the user's that counts how often it is asked."""

    rolled = 0

    def roll(self) -> None:
        """Draws a number."""
        self.rolled += 1
        self.random()


def ramp() -> Ramp:
    """One of them."""
    made = np.arange(6.0).view(Ramp)
    made.note = "old"  # type: ignore[attr-defined]  # as users do
    return made


def write(value: Any) -> None:
    """Writes to all of an array."""
    value[...] = 7


def draw(value: torch.Generator) -> None:
    """Takes some numbers."""
    torch.randn(3, generator=value)
    torch.randint(5, (2,), generator=value)


def swap(value: Any) -> None:
    """Puts other objects into an array of them."""
    value[0] = [9]


def annotate(value: Any) -> None:
    """Writes to an array and its attribute."""
    value[0], value.note = 9, "new"


def mask(value: Any) -> None:
    """Writes to an array and hides elements of it."""
    value[0] = 9
    value[1] = np.ma.masked


def both(value: Any) -> None:
    """Two numbers of a pair, of which the second is remembered."""
    value.standard_normal()
    value.uniform()


HELD: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "an array": (lambda: np.arange(6.0), write),
    "an array with NaN": (lambda: np.array([np.nan, 0.0, -0.0]), write),
    "integers": (
        lambda: np.arange(6).reshape(2, 3),
        lambda value: write(value.T),
    ),
    "a column": (lambda: np.arange(6).reshape(2, 3)[:, 1], write),
    "a number": (lambda: np.array(3.0), write),
    "a structure": (lambda: np.zeros(2, [("a", "i1"), ("b", "f8")]), write),
    "texts": (lambda: np.array(["a", "b"]), write),
    "dates": (lambda: np.array(["2020-01-01"], "datetime64[D]"), write),
    "objects": (lambda: np.array([None, "a"], object), swap),
    "an array of the user's": (ramp, annotate),
    "a masked array": (lambda: np.ma.array([1.0, 2.0], mask=[True, False]), mask),
    "a generator of torch's": (lambda: torch.Generator().manual_seed(3), draw),
    "a generator of numpy's": (lambda: of_numpy.default_rng(3), both),
    "one with a Mersenne twister": (lambda: of_numpy.Generator(of_numpy.MT19937(3)), both),
    "an old one": (lambda: of_numpy.RandomState(3), both),
    "an old one with other bits": (lambda: of_numpy.RandomState(of_numpy.PCG64(3)), both),
    "bits": (lambda: of_numpy.Philox(3), lambda value: value.random_raw(5)),
    "a generator of Python's": (lambda: random.Random(3), lambda value: value.gauss(0, 1)),  # noqa: S311 - it is the state that matters
    "one of the user's": (lambda: Dice(3), Dice.roll),
    "bytes": (lambda: bytearray(b"abc"), lambda value: value.extend(b"d")),
    "numbers": (lambda: array("d", [1, 2]), lambda value: value.append(3)),
    "maps": (lambda: ChainMap({"a": 1}), lambda value: value.update(b=2)),
}
"""By what it is: how it is made, and what a forward does to it."""


def told(value: Any) -> Any:
    """What is within one, in full."""
    if isinstance(value, np.ndarray):
        plain = np.asarray(value)
        texts = [plain.tolist(), getattr(value, "note", None), np.ma.getmaskarray(value).tolist()]
        return (
            repr(texts),
            value.shape,
            value.dtype,
            np.signbit(plain).tolist() if plain.dtype.kind == "f" else None,
        )
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    if isinstance(value, random.Random):
        return value.getstate(), vars(value)
    if isinstance(value, of_numpy.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, of_numpy.RandomState):
        return repr(value.get_state(legacy=False))
    return repr(value.state) if isinstance(value, of_numpy.BitGenerator) else repr(value)
