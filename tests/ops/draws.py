"""Random arguments for operations, of which many are valid and some are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Sizes = int | tuple[int, ...] | list[int]

TYPES = (torch.float32,) * 6 + (
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
    torch.complex64,
)
"""Element types to choose from, float32 as often as all others together."""


def randomly(examples: int) -> Callable[[Callable[[Random], None]], Callable[[], None]]:
    """Runs a test with many generators, the same in every run."""

    def decorate(test: Callable[[Random], None]) -> Callable[[], None]:
        configured = settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        return configured(given(st.randoms(use_true_random=True))(test))

    return decorate


def shape(rng: Random, ranks: tuple[int, int], sizes: tuple[int, int] = (1, 5)) -> list[int]:
    """Sizes of as many axes as the range of ranks allows."""
    return [rng.randint(*sizes) for _ in range(rng.randint(*ranks))]


def tensor(*sizes: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A tensor of ones."""
    return torch.ones(sizes, dtype=dtype)


def like(rng: Random, sizes: list[int]) -> list[int]:
    """A shape that is broadcast with this one, mostly."""
    kept = sizes[rng.randint(0, len(sizes)) :] if rng.random() < 0.5 else sizes
    return [1 if rng.random() < 0.2 else size + (rng.random() < 0.03) for size in kept]


def once_or_each(rng: Random, rank: int, low: int, high: int) -> Sizes:
    """An option as a number, a tuple or list of one, or of one an axis."""
    each = [rng.randint(low, high) for _ in range(rank)]
    choices: list[Sizes] = [rng.randint(low, high), tuple(each), each, each[:1]]
    return rng.choice(choices)


def axis(rng: Random, rank: int) -> int:
    """An axis of a tensor of this rank, or rarely one beyond."""
    reach = max(rank, 1) + (rng.random() < 0.1)
    return rng.randint(-reach, reach - 1)


def axes(rng: Random, rank: int) -> int | tuple[int, ...] | list[int] | None:
    """What the `dim` of a reduction may be."""
    some = [axis(rng, rank) for _ in range(rng.randint(0, 2))]
    return rng.choice([None, axis(rng, rank), axis(rng, rank), tuple(some), some])
