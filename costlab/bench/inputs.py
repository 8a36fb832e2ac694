"""The inputs of a side: random, laid out as the case asks, rotating so that none is in the cache.

It knows neither the model that reads them nor how anything is timed.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from costlab.bench.study import Layout, Regime

# Rotated buffers of twice the cache are out of it when their turn comes (CUTLASS, methodology of
# GEMM performance measurement).
CACHES = 2
# Elements that are drawn; a larger buffer repeats them. Drawing takes longer than copying, and a
# cache goes by addresses.
DRAWN = 1 << 22


class Rotation:
    """Sets of inputs of the same kind at different addresses, one after the other.

    Each set is a tree of arguments, `(args, kwargs)`; its floating-point tensors are filled from
    uniform[-1, 1], everything else is as in the example. Never zeros: they hide what is not
    written, and take less power than numbers do.

    `example` gives shapes; tensors may be on meta. `dtype` is that of all floating-point tensors.
    """

    def __init__(
        self,
        example: tuple[tuple[Any, ...], dict[str, Any]],
        sets: int,
        *,
        dtype: torch.dtype,
        device: torch.device,
        layout: Layout,
        generator: torch.Generator,
    ) -> None:
        leaves, self._tree = pytree.tree_flatten(example)
        self._generator = generator
        self._next = 0
        self._sets = [
            [_like(leaf, dtype, device, layout) for leaf in leaves] for _ in range(max(1, sets))
        ]
        self._filled = [index for index, leaf in enumerate(leaves) if _is_float(leaf)]
        self._drawn = torch.empty(0, dtype=dtype, device=device)
        for number in range(len(self._sets)):
            self.refill(number)

    def __len__(self) -> int:
        return len(self._sets)

    @property
    def bytes(self) -> int:
        """The bytes of the floating-point tensors of one set."""
        first = self._sets[0]
        return sum(first[index].nbytes for index in self._filled)

    def at(self, number: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a set."""
        made: tuple[tuple[Any, ...], dict[str, Any]] = pytree.tree_unflatten(
            self._sets[number], self._tree
        )
        return made

    def advance(self) -> int:
        """The number of the set whose turn it is; the next call gives the next."""
        number = self._next
        self._next = (number + 1) % len(self._sets)
        return number

    def skip_to(self, number: int) -> None:
        """Makes it the turn of this set; numbers go round."""
        self._next = number % len(self._sets)

    def refill(self, number: int, *, anew: bool = False) -> None:
        """Fills a set with random numbers, in place; `anew` with such as were in none before."""
        for index in self._filled:
            tensor: Tensor = self._sets[number][index]
            elements = tensor.numel()
            if anew or self._drawn.numel() < min(elements, DRAWN):
                self._drawn = self._draw(min(elements, DRAWN))
            _tile(tensor, self._drawn, number)

    def _draw(self, elements: int) -> Tensor:
        # Drawn on the CPU, so that a seed means the same numbers on each device.
        drawn = torch.empty(elements).uniform_(-1, 1, generator=self._generator)
        return drawn.to(device=self._drawn.device, dtype=self._drawn.dtype)


def sets_for(bytes_of_one: int, cache_bytes: int, regime: Regime) -> int:
    """How many sets of so many bytes a regime rotates through; 1 unless it is cold.

    >>> sets_for(157_000, 50 << 20, "cold"), sets_for(157_000, 50 << 20, "warm")
    (668, 1)
    >>> sets_for(1 << 30, 50 << 20, "cold")
    2
    """
    if regime != "cold" or not bytes_of_one:
        return 1
    return max(2, ceil(CACHES * cache_bytes / bytes_of_one))


def tensors_of(tree: object) -> Sequence[Tensor]:
    """The tensors in whatever a model returns: tuples, lists, dicts, data classes."""
    leaves: list[object] = []
    for leaf in pytree.tree_leaves(tree):
        fields = getattr(leaf, "__dict__", None)
        if isinstance(leaf, torch.Tensor) or not fields:
            leaves.append(leaf)
        else:
            leaves += [part for value in fields.values() for part in tensors_of(value)]
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


def memory_format(layout: Layout, dimensions: int) -> torch.memory_format:
    """The memory format of a tensor of so many dimensions in a layout; only images have channels.

    >>> memory_format("nhwc", 4), memory_format("nhwc", 2)
    (torch.channels_last, torch.contiguous_format)
    """
    images = 4
    channels_last = layout == "nhwc" and dimensions == images
    return torch.channels_last if channels_last else torch.contiguous_format


def _is_float(leaf: object) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.is_floating_point()


def _like(leaf: Any, dtype: torch.dtype, device: torch.device, layout: Layout) -> Any:
    if not isinstance(leaf, torch.Tensor):
        return leaf
    if not leaf.is_floating_point():
        return leaf.to(device, copy=True)
    kept = memory_format(layout, leaf.dim())
    return torch.empty(leaf.shape, dtype=dtype, device=device, memory_format=kept)


def _tile(tensor: Tensor, drawn: Tensor, shift: int) -> None:
    """Fills a tensor, in the order of its memory, with a pattern that begins further on."""
    flat = tensor.as_strided((tensor.numel(),), (1,))
    place, start = 0, (shift * 997) % drawn.numel()
    while place < flat.numel():
        chunk = drawn[start : start + flat.numel() - place]
        flat[place : place + chunk.numel()].copy_(chunk)
        place += chunk.numel()
        start = 0
