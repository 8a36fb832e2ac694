"""The tensors of a trace: their numbers, their meta twins and what stands in for a model's own.

Does not know operations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import torch

from costlab.graph import TensorSpec
from costlab.ops import FLOAT, SAME
from costlab.tracing.factories import SMALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def meta(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the same shape and element type that has no memory."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors in a value: itself, or those in its tuples, lists, mappings and dataclasses."""
    found: list[torch.Tensor] = []
    _collect(value, found)
    return found


def tensors_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The tensors among the arguments of a call."""
    found: list[torch.Tensor] = []
    for value in args:
        kind = type(value)
        if kind in TENSOR_TYPES:
            found.append(value)
        elif kind is tuple or kind is list:
            for item in value:
                if type(item) not in ATOMS:
                    _collect(item, found)
        elif kind not in ATOMS:
            _collect(value, found)
    for value in kwargs.values():
        if type(value) not in ATOMS:
            _collect(value, found)
    return found


TENSOR_TYPES = frozenset({torch.Tensor, torch.nn.Parameter})
ATOMS = frozenset(
    {int, float, bool, str, complex, type(None), torch.dtype, torch.device, torch.Size}
)


def _collect(value: Any, found: list[torch.Tensor]) -> None:
    if isinstance(value, torch.Tensor):
        found.append(value)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            if type(item) not in ATOMS:
                _collect(item, found)
    elif isinstance(value, Mapping):
        for item in value.values():
            _collect(item, found)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            _collect(getattr(value, field.name, None), found)


def map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """The value with each tensor in its tuples, lists and dicts changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, list):
        return [map_tensors(change, item) for item in value]
    if isinstance(value, tuple):
        items = [map_tensors(change, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, dict):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(map_tensors(change, item) for item in (value.start, value.stop, value.step)))
    return value


DTYPE_NAMES: dict[torch.dtype, str] = {}


def dtype_name(dtype: torch.dtype) -> str:
    """The name of an element type, without torch's prefix: `float32`."""
    name = DTYPE_NAMES.get(dtype)
    if name is None:
        name = DTYPE_NAMES[dtype] = str(dtype).removeprefix("torch.")
    return name


DTYPES: dict[str, torch.dtype] = {}


def dtype_of(policy: str, tensors: list[torch.Tensor]) -> torch.dtype:
    """The element type that a rule's policy means for these tensors.

    Raises:
        AttributeError: the policy is neither a policy nor the name of a type.
    """
    if policy == SAME and tensors:
        return tensors[0].dtype
    if policy in (SAME, FLOAT):
        return torch.get_default_dtype()
    known = DTYPES.get(policy)
    if known is None:
        known = DTYPES[policy] = getattr(torch, policy)
    return known


SHAPE_AND_DTYPE = attrgetter("shape", "dtype")


class _Specs(dict[tuple[torch.Size, torch.dtype], TensorSpec]):
    """The spec of each shape and element type, made when it is first asked for."""

    def __missing__(self, key: tuple[torch.Size, torch.dtype]) -> TensorSpec:
        shape, dtype = key
        spec = self[key] = TensorSpec(tuple(shape), dtype_name(dtype))
        return spec


class Registry:
    """Every tensor of a trace by number, and what the forward's tensors are seen as.

    Tensors are known by identity and kept alive until the trace ends, so that no number is given
    twice. On meta they take no memory to speak of.
    """

    def __init__(self) -> None:
        """An empty registry."""
        self.specs: list[TensorSpec] = []
        self.storages: list[int] = []
        self.numbers: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []
        self._owned: set[int] = set()
        self._held_elsewhere: Callable[[], Iterable[torch.Tensor]] = tuple
        self._stand_ins: dict[int, torch.Tensor] = {}
        self._twins: dict[int, torch.Tensor] = {}
        self._known = _Specs()

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
        if key in self._twins:
            self.numbers[id(self._twins[key])] = number
        return number

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

    def number_of(self, tensor: torch.Tensor) -> int | None:
        """The number of a tensor, None if it is not known."""
        return self.numbers.get(id(tensor))

    def knows(self, tensor: torch.Tensor) -> bool:
        """Whether the tensor has a number."""
        return id(tensor) in self.numbers

    def is_foreign(self, tensor: torch.Tensor) -> bool:
        """Whether the tensor is the caller's: a parameter, a buffer, an attribute, a closure's."""
        return id(tensor) not in self._owned

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
        self._alive.append(tensor)
        self._owned.add(id(replacement))
        self._stand_ins[id(tensor)] = replacement

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
        if (first in self._owned) != (second in self._owned):
            self._owned ^= {first, second}

    def twin(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor's twin on meta, which has the same number; itself if it is on meta."""
        seen = self.seen_as(tensor)
        # What wants a gradient has a twin even on meta, so that no kernel builds a graph of it.
        if not seen.is_meta or seen.requires_grad:
            known = self._twins.get(id(seen))
            if known is None:
                known = self._twins[id(seen)] = meta(seen)
                self._alive += (seen, known)
            seen = known
        number = self.numbers.get(id(tensor))
        if seen is not tensor and number is not None:
            self.numbers[id(seen)] = number
        return seen
