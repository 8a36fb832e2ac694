"""What the tensors of a trace are seen as: their meta twins, and what stands in for a model's own.

Does not know operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.tracing.factories import SMALL
from costlab.tracing.numbered import SHAPE_AND_DTYPE, Numbered
from costlab.tracing.tensors import meta

if TYPE_CHECKING:
    from collections.abc import Iterable


class Registry(Numbered):
    """Every tensor of a trace by number, and what the forward's tensors are seen as."""

    def __init__(self) -> None:
        """An empty registry."""
        super().__init__()
        self._stand_ins: dict[int, torch.Tensor] = {}

    def tables_of_tensors(self) -> tuple[Any, ...]:
        """What holds tensors here."""
        return (self._alive, self._stand_ins, self._twins)

    def references(self) -> Iterable[torch.Tensor]:
        """Each tensor as often as it is held here."""
        return (*self._alive, *self._stand_ins.values(), *self._twins.values())

    @property
    def has_stand_ins(self) -> bool:
        """Whether anything stands in for a tensor, which then is not what it looks like."""
        return bool(self._stand_ins)

    def is_constant(self, tensors: list[torch.Tensor]) -> bool:
        """Whether each tensor is small and has values that a forward may read.

        A parameter never has: what a network costs does not depend on its weights.
        """
        if tensors and tensors[0].is_meta:
            return False  # as nearly always
        for tensor in tensors:
            if isinstance(tensor, torch.nn.Parameter):
                return False
            seen = self.seen_as(tensor)
            if seen.is_meta or seen.numel() > SMALL:
                return False
        return True

    def seen_as(self, tensor: torch.Tensor) -> torch.Tensor:
        """What stands in for a tensor; itself where nothing does."""
        return self._stand_ins.get(id(tensor), tensor) if self._stand_ins else tensor

    def value_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """A constant to compute with; a tensor of the caller's is copied and its copy seen.

        So no operation ever runs on a tensor of the caller's, whatever it writes to.
        """
        seen = self.seen_as(tensor)
        if seen is tensor and self.is_foreign(tensor):
            seen = tensor.detach().to("cpu", copy=True)  # where constants live
            self.stand_in(tensor, seen)
        number = self.numbers.get(id(tensor))
        if number is not None:
            self.numbers[id(seen)] = number
        return seen

    def stand_in(self, tensor: torch.Tensor, replacement: torch.Tensor) -> None:
        """From now on the tensor is seen as its replacement."""
        # Both: what is freed leaves its identity, and the number it has, to another tensor.
        self._alive += (tensor, replacement)
        self._owned.add(id(replacement))
        self._stand_ins[id(tensor)] = replacement
        self._originals[id(replacement)] = id(tensor)

    def part(self, tensors: list[torch.Tensor]) -> None:
        """Has a stand-in for each tensor of the caller's that is on meta: its shape is to change.

        One that is not on meta has a twin as it is.
        """
        for tensor in tensors:
            if tensor.is_meta and self.is_foreign(tensor) and self.seen_as(tensor) is tensor:
                self.stand_in(tensor, meta(tensor))

    def swap(self, one: torch.Tensor, other: torch.Tensor) -> None:
        """From now on each of two tensors is what the other was, as they swapped their content."""
        known: list[dict[int, Any]] = [self.numbers, self._stand_ins, self._twins]
        first, second = id(one), id(other)
        for table in known:
            held = table.pop(first, None), table.pop(second, None)
            table.update(
                (key, kept)
                for key, kept in zip((second, first), held, strict=True)
                if kept is not None
            )
        exchanged = {first: second, second: first}
        for key, original in self._originals.items():
            self._originals[key] = exchanged.get(original, original)
        if (first in self._owned) != (second in self._owned):
            self._owned ^= {first, second}

    def are_twins(self, tensors: list[torch.Tensor]) -> bool:
        """Whether each tensor is known and is its own twin, so that a kernel may be given it."""
        if self._stand_ins:
            return False
        for tensor in tensors:
            if not tensor.is_meta or tensor.requires_grad or id(tensor) not in self.numbers:
                return False
        return True

    def twin(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor's twin on meta, which has the same number; itself if it is on meta."""
        seen = self.seen_as(tensor)
        # What wants a gradient has a twin even on meta, so that no kernel builds a graph of it.
        if not seen.is_meta or seen.requires_grad:
            known = self._twins.get(id(seen))
            if known is None or SHAPE_AND_DTYPE(known) != SHAPE_AND_DTYPE(seen):
                known = self._twins[id(seen)] = meta(seen)
                self._originals[id(known)] = id(seen)
                self._alive.append(seen)  # one by one: what computes lets go of them so
                self._alive.append(known)
            seen = known
        number = self.numbers.get(id(tensor))
        if seen is not tensor and number is not None:
            self.numbers[id(seen)] = number
        return seen
