"""The tensors of a run that computes: with values, and freed as the forward lets go of them.

Does not know operations.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

import torch

from costlab.tracing.registry import Registry


class Passing(list[torch.Tensor]):
    """Tensors that are not kept alive: each is forgotten by the registry when it is freed."""

    def __init__(self, tables: tuple[dict[int, Any], ...]) -> None:
        """Of a registry's tables; the tensors of the model, which it holds, are listed and stay."""
        super().__init__()
        self.tables = tables
        self.watched: dict[int, ref[torch.Tensor]] = {}

    def append(self, tensor: torch.Tensor) -> None:
        """Watches a tensor until it is freed."""
        # By a weak reference to the list: else it would hold itself, and the model with it, until
        # the garbage collector comes by.
        key, weakly = id(tensor), ref(self)

        def forget(_: object) -> None:
            listed = weakly()
            if listed is not None:
                listed.forget(key)

        self.watched[key] = ref(tensor, forget)

    def forget(self, key: int) -> None:
        """Forgets what is known of a tensor that is freed."""
        self.watched.pop(key, None)
        for table in self.tables:
            table.pop(key, None)


class Keys(dict[int, Any]):
    """A set of identities that forgets as a dict does."""

    def add(self, key: int) -> None:
        """Puts an identity in."""
        self[key] = True


class LiveRegistry(Registry):
    """A registry of tensors with values, which live no longer than the forward needs them."""

    def __init__(self) -> None:
        """An empty registry."""
        super().__init__()
        self._owned: Any = Keys()
        self._alive: Passing = Passing(self.tables())
        self._places: dict[object, int] = {}

    def add(self, tensor: torch.Tensor, storage: int | None = None, *, owned: bool = True) -> int:
        """Gives a tensor the next number, and remembers where its values are."""
        number = super().add(tensor, storage, owned=owned)
        self._places[_place(tensor)] = number
        return number

    def adopt(self, tensor: torch.Tensor, number: int) -> None:
        """Gives a tensor of the trace a number that is known already."""
        super().adopt(tensor, number)
        self._places[_place(tensor)] = number

    def same_place(self, tensor: torch.Tensor) -> int | None:
        """The number of what has its values where this tensor has them, seen in the same way."""
        place = _place(tensor)
        return None if place is None else self._places.get(place)

    def tables(self) -> tuple[dict[int, Any], ...]:
        """What is known of tensors, by identity."""
        return (self.numbers, self._owned, self._stand_ins, self._twins, self._originals)

    def is_constant(self, tensors: list[torch.Tensor]) -> bool:
        """Whether each tensor has values: all that are not on meta."""
        return not any(self.seen_as(tensor).is_meta for tensor in tensors)

    def value_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """What to compute with: the tensor, or a copy where it is the caller's."""
        seen = self.seen_as(tensor)
        if seen is tensor and self.is_foreign(tensor):
            seen = tensor.detach().clone()
            self.stand_in(tensor, seen)
            if tensor.requires_grad:
                seen.requires_grad_()
        number = self.numbers.get(id(tensor))
        if number is not None:
            self.numbers[id(seen)] = number
        return seen

    def let_go(self, tensor: torch.Tensor) -> None:
        """Watches a tensor no longer: torch swaps nothing that is watched."""
        self._alive.watched.pop(id(tensor), None)

    def stand_in(self, tensor: torch.Tensor, replacement: torch.Tensor) -> None:
        """From now on the tensor is seen as its replacement; it stays, as a model may hold it."""
        self._alive.append(replacement)  # watched: it goes when another one replaces it
        self._owned.add(id(replacement))
        self._stand_ins[id(tensor)] = replacement
        self._originals[id(replacement)] = id(tensor)
        list.append(self._alive, tensor)


def _place(tensor: torch.Tensor) -> object:
    """What tells where a tensor has its values; that of another memory may be the same later."""
    if tensor.layout is not torch.strided or tensor.is_meta:
        return None
    try:
        memory = tensor.untyped_storage()._cdata  # noqa: SLF001 - torch has no public name for it
    except (NotImplementedError, RuntimeError):  # one of a library's, without memory of its own
        return None
    return memory, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
