"""The tensors of a trace by number, with their specs and whose memory they share.

Does not know operations, nor what a tensor is seen as (`costlab.tracing.registry`).
"""

from __future__ import annotations

from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

import torch

from costlab.errors import TraceError
from costlab.graph import TensorSpec
from costlab.tracing.tensors import dtype_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RAGGED = (
    "a nested tensor has rows of different lengths, which no shape says: give padded tensors and a "
    "mask, or trace one row"
)
SHAPE_AND_DTYPE = attrgetter("shape", "dtype")


class Specs(dict[tuple[tuple[int, ...], torch.dtype], TensorSpec]):
    """The spec of each shape and element type, made when it is first asked for."""

    MOST = 1 << 14
    """How many are kept: a server may analyze models of ever new shapes."""

    def __missing__(self, key: tuple[tuple[int, ...], torch.dtype]) -> TensorSpec:
        shape, dtype = key
        if not all(type(size) is int for size in shape):
            raise TraceError(RAGGED)
        if len(self) >= self.MOST:
            self.clear()
        spec = self[key] = TensorSpec(tuple(shape), dtype_name(dtype))
        return spec


SPECS = Specs()
"""Those of all traces: what is known of a spec (`costlab.tracing.priced`) is known in the next."""


class Numbered:
    """Every tensor of a trace by number.

    Tensors are known by identity and kept alive until the trace ends, so that no number is given
    twice. On meta they take no memory to speak of.
    """

    def __init__(self) -> None:
        """Without a tensor."""
        self.specs: list[TensorSpec] = []
        self.storages: list[int] = []
        self.numbers: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []
        self._held = 0
        self._owned: set[int] = set()
        self._held_elsewhere: Callable[[], Iterable[torch.Tensor]] = tuple
        self._twins: dict[int, torch.Tensor] = {}  # which have the number of what they stand for
        self._originals: dict[int, int] = {}  # of what is seen in place of a tensor, by identity
        self._known = SPECS

    def spec(self, tensor: torch.Tensor) -> TensorSpec:
        """The shape and element type of a tensor; one object for all tensors that share them."""
        return self._known[SHAPE_AND_DTYPE(tensor)]

    def spec_of(self, tensor: torch.Tensor) -> TensorSpec:
        """The shape and element type of a tensor, without asking it if it has a number."""
        number = self.numbers.get(id(tensor))
        return self.specs[number] if number is not None else self.spec(tensor)

    def add(self, tensor: torch.Tensor, storage: int | None = None, *, owned: bool = True) -> int:
        """Gives a tensor the next number; one that has a number gets a new one (it was written).

        `storage` is the number of the tensor whose memory it shares, None for its own.
        """
        number = len(self.specs)
        self.specs.append(self._known[tensor.shape, tensor.dtype])
        self.storages.append(number if storage is None else storage)
        key = id(tensor)
        if key not in self.numbers:
            self._alive.append(tensor)
            if owned:
                self._owned.add(key)
        self.numbers[key] = number
        if key in self._twins or key in self._originals:
            self._renumber(key, number)
        return number

    def _renumber(self, key: int, number: int) -> None:
        """Gives a number to a tensor, to its twin and to what they are seen in the place of."""
        numbers = self.numbers
        numbers[key] = number
        if key in self._twins:
            numbers[id(self._twins[key])] = number
        original = self._originals.get(key)
        if original is not None and numbers.get(original) != number:
            self._renumber(original, number)

    def storage_of(self, tensor: torch.Tensor, otherwise: int | None) -> int | None:
        """Whose memory a tensor shares; `otherwise` where it has no number."""
        number = self.numbers.get(id(tensor))
        return otherwise if number is None else self.storages[number]

    def made(self, tensor: torch.Tensor, spec: TensorSpec) -> int:
        """The number of a new tensor on meta, of the trace's own, which has that spec."""
        number, key = len(self.specs), id(tensor)
        self.specs.append(spec)
        self.storages.append(number)
        self._alive.append(tensor)
        self._owned.add(key)
        self.numbers[key] = number
        return number

    def reserve(self, spec: TensorSpec) -> int:
        """The number of what is no tensor of torch's."""
        self.specs.append(spec)
        self.storages.append(len(self.storages))
        return len(self.specs) - 1

    def rewrite(self, tensor: torch.Tensor, number: int) -> int:
        """The new number of a tensor that was written to, and looks as it did under its last."""
        fresh = len(self.specs)
        self.specs.append(self.specs[number])
        self.storages.append(self.storages[number])
        key = id(tensor)
        self.numbers[key] = fresh
        if key in self._twins or key in self._originals:
            self._renumber(key, fresh)
        return fresh

    def adopt(self, tensor: torch.Tensor, number: int) -> None:
        """Gives a tensor of the trace a number that is known already."""
        self.own(tensor)
        self.numbers[id(tensor)] = number

    def hold(self, tensors: Iterable[torch.Tensor]) -> range:
        """Gives the tensors that a model holds their numbers, all at once: there are many."""
        held = list(tensors)
        first = len(self.specs)
        numbers = range(first, first + len(held))
        self.specs += map(self._known.__getitem__, map(SHAPE_AND_DTYPE, held))
        self.storages += numbers
        self.numbers.update(zip(map(id, held), numbers, strict=True))
        self._alive += held
        self._held = len(self._alive)
        return numbers

    def expect(self, held: Callable[[], Iterable[torch.Tensor]]) -> None:
        """Names where the model's other tensors are found, for when the first stranger is met."""
        self._held_elsewhere = held

    def is_expected(self, tensor: torch.Tensor) -> bool:
        """Whether the model holds a tensor that has no number: it then comes from no operation."""
        return any(held is tensor for held in self._held_elsewhere())

    def own(self, tensor: torch.Tensor) -> None:
        """Marks a tensor as made by the trace, so that the trace may write to it."""
        self._alive.append(tensor)
        self._owned.add(id(tensor))

    def alive(self) -> Iterable[torch.Tensor]:
        """The tensors that are kept until the trace ends, all but those of the user's classes."""
        return self._alive

    def since_held(self) -> Iterable[torch.Tensor]:
        """The tensors that are kept, but for those that the model held from the start."""
        return islice(self._alive, self._held, None)

    def is_made(self, tensor: torch.Tensor) -> bool:
        """Whether the trace made a tensor, and on meta."""
        return id(tensor) in self._owned and tensor.is_meta

    def number_of(self, tensor: torch.Tensor) -> int | None:
        """The number of a tensor, None if it is not known."""
        return self.numbers.get(id(tensor))

    def knows(self, tensor: torch.Tensor) -> bool:
        """Whether the tensor has a number."""
        return id(tensor) in self.numbers

    def is_foreign(self, tensor: torch.Tensor) -> bool:
        """Whether the tensor is the caller's: a parameter, a buffer, an attribute, a closure's."""
        return id(tensor) not in self._owned
