"""What changes within itself: arrays of numbers and generators of random ones, put back as it was.

By the methods of Python's, numpy's and torch's own classes, so that no code of the user's runs.
Does not know who holds them, and has no numpy loaded that is not.
"""

from __future__ import annotations

import sys
from array import array
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 2**26
"""Of all arrays of a model together, that are copied; that takes some hundredths of a second."""


class State(NamedTuple):
    """How the state of a class's objects is read and written, and the bytes of one that is read."""

    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    size: Callable[[Any], int] = lambda _: 0


def state_of(kind: type) -> State | None:
    """How the state of a class's objects is read and written; None if they have none."""
    known = (*OF_PYTHON, *_of_numpy())
    return next((state for home, state in known if issubclass(kind, home)), None)


def _of_numpy() -> list[tuple[type, State]]:
    """The same of numpy's classes, as far as they are loaded: without them nobody holds any."""
    found: list[tuple[type, State]] = []
    if (numpy := sys.modules.get("numpy")) is not None:
        found.append((numpy.ndarray, State(_array, _write_array, _bytes_of_array)))
    if (drawing := sys.modules.get("numpy.random")) is not None:
        old, new = drawing.RandomState, drawing.Generator
        found += [
            # As a dict: the tuple of old is of one kind of generator, and warns of any other.
            (old, State(lambda held: old.get_state(held, legacy=False), old.set_state)),
            (new, State(lambda held: held.bit_generator.state, _write_bits_of)),
            (drawing.BitGenerator, State(lambda held: held.state, _write_bits)),
        ]
    return found


def _write_tensor(held: torch.Generator, saved: torch.Tensor) -> None:
    torch.Generator.set_state(held, saved)


def _write_bytes(held: bytearray, saved: bytearray) -> None:
    bytearray.__setitem__(held, slice(None), saved)


def _write_numbers(held: array[Any], saved: array[Any]) -> None:
    array.__setitem__(held, slice(None), saved)


def _write_bits(held: Any, saved: Any) -> None:
    held.state = saved


def _write_bits_of(held: Any, saved: Any) -> None:
    held.bit_generator.state = saved


OF_PYTHON: tuple[tuple[type, State], ...] = (
    (torch.Generator, State(torch.Generator.get_state, _write_tensor)),
    (Random, State(Random.getstate, Random.setstate)),
    (bytearray, State(bytearray.copy, _write_bytes, bytearray.__len__)),
    (
        array,
        State(
            lambda held: array.__getitem__(held, slice(None)),
            _write_numbers,
            lambda held: array.__len__(held) * held.itemsize,
        ),
    ),
)
"""Of classes that are there without numpy."""


def _plain(held: Any) -> Any:
    """An array of numpy as one of numpy's own class, over the same memory."""
    home = sys.modules["numpy"].ndarray
    return home.view(held, home)


def _array(held: Any) -> Any:
    """A copy of an array; None of one that nobody may write to."""
    seen = _plain(held)
    return seen.copy(order="K") if seen.flags.writeable else None


def _bytes_of_array(held: Any) -> int:
    seen = _plain(held)
    return int(seen.nbytes) if seen.flags.writeable else 0


def _write_array(held: Any, saved: Any) -> None:
    if saved is None:
        return
    seen = _plain(held)
    if seen.shape != saved.shape or seen.dtype != saved.dtype:
        # To give it its shape again could move the memory that other arrays look at.
        message = "it has another shape or type now"
        raise ValueError(message)
    # By its bytes: a NaN is not equal to itself. A file that an array is a view of is not written
    # to in vain. Of objects the bytes are where they are, and may say the same of others.
    if seen.dtype.hasobject or seen.tobytes() != saved.tobytes():
        seen[...] = saved


class States:
    """The states of some things, as they were."""

    def __init__(self, remarks: dict[str, None]) -> None:
        """Of none yet; to the remarks it adds what cannot be read, or not be put back."""
        self.saved: list[tuple[Any, State, Any]] = []
        self.room, self.remarks = MOST_BYTES, remarks

    def keep(self, held: Any, state: State) -> None:
        """Takes note of the state of one."""
        try:
            size = state.size(held)
            if size > self.room:
                reason = f"it is too large to be copied ({size:,} bytes)"
                self._remark(held, f"{reason}: what the forward writes to it stays there")
                return
            self.room -= size
            self.saved.append((held, state, state.read(held)))
        except Exception as error:  # noqa: BLE001 - whatever a device's generator raises
            self._remark(held, f"{_told(error)}: if the forward changed it, it is so still")

    def restore(self) -> None:
        """Puts back what has changed."""
        for held, state, saved in self.saved:
            try:
                state.write(held, saved)
            except Exception as error:  # noqa: BLE001 - as above
                self._remark(held, f"{_told(error)}: it stays as the forward left it")

    def _remark(self, held: Any, why: str) -> None:
        kind = type(held)
        name = f"{kind.__module__}.{kind.__qualname__}"
        self.remarks.setdefault(
            f"a {name} that the model holds or was given is not put back: {why}; give the model a "
            "copy to analyze it with, or make it anew"
        )


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
