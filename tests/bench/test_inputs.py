"""Inputs: random, laid out, rotating."""

from typing import Any

import pytest
import torch

from costlab.bench.inputs import DRAWN, Rotation, sets_for, tensors_of
from costlab.bench.turns import MOST_SETS, turns_of

META = torch.empty(2, 3, 5, 4, device="meta")


def rotation(sets: int = 3, example: Any = META, seed: int = 0, **changed: Any) -> Rotation:
    """Sets of inputs on the CPU."""
    chosen = {"dtype": torch.float32, "device": torch.device("cpu"), "layout": "nchw", **changed}
    generator = torch.Generator().manual_seed(seed)
    return Rotation(((example,), {}), sets, generator=generator, **chosen)


def first_of(inputs: Rotation, number: int) -> torch.Tensor:
    """The tensor of a set."""
    tensor: torch.Tensor = inputs.at(number)[0][0]
    return tensor


def test_sets_take_turns() -> None:
    """Each call gets the next set, and after the last the first."""
    inputs = rotation(3)
    assert [inputs.advance() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_sets_lie_at_different_addresses_and_hold_different_numbers() -> None:
    """No set is another's memory, nor the same numbers: the cache cannot have it."""
    inputs = rotation(3)
    sets = [first_of(inputs, number) for number in range(3)]
    assert len({tensor.data_ptr() for tensor in sets}) == 3
    assert not torch.equal(sets[0], sets[1])


def test_cold_sets_are_twice_the_cache() -> None:
    """Together, rotating sets are at least twice as large as the cache; and never only one."""
    cache = 1 << 20
    for size in (1000, 4096, 300_000, 5 << 20):
        sets = sets_for(size, cache, "cold")
        assert sets * size >= 2 * cache
        assert sets >= 2


@pytest.mark.parametrize("weights", [0, 40, 4000])
def test_inputs_of_a_few_bytes_are_bounded(weights: int) -> None:
    """A classifier's head is given 32 bytes: no million sets are made of them, and that is told."""
    found = turns_of(32, weights, cache_bytes=32 << 20, room_bytes=1 << 36, regime="cold")
    assert found.sets <= MOST_SETS
    assert ("too small for twice the cache" in found.told) == (found.modules == 1)


@pytest.mark.parametrize("regime", ["warm", "wall"])
def test_warm_is_one_set(regime: Any) -> None:
    """Warm and wall read the same input again."""
    assert sets_for(1000, 1 << 20, regime) == 1


def test_numbers_fill_minus_one_to_one() -> None:
    """No element is left out, none is outside, and hardly one is zero."""
    tensor = first_of(rotation(1, torch.empty(50, 40, device="meta")), 0)
    assert -1 <= float(tensor.min()) < -0.9
    assert 0.9 < float(tensor.max()) <= 1
    assert int((tensor == 0).sum()) < 5


def test_a_tensor_larger_than_what_is_drawn_is_filled() -> None:
    """A large buffer repeats the numbers, to its end."""
    tensor = first_of(rotation(2, torch.empty(DRAWN + 100, device="meta")), 1)
    assert bool((tensor[-200:] != 0).all())


def test_nhwc_lies_channels_last() -> None:
    """An image in NHWC is channels-last in memory, and a matrix is not."""
    last = torch.channels_last
    assert first_of(rotation(1, layout="nhwc"), 0).is_contiguous(memory_format=last)
    assert first_of(rotation(1), 0).is_contiguous()
    matrix = rotation(1, torch.empty(3, 4, device="meta"), layout="nhwc")
    assert first_of(matrix, 0).is_contiguous()


def test_numbers_drawn_anew_are_others_in_the_same_place() -> None:
    """Fresh inputs are written where the old ones were, so that a captured graph reads them."""
    inputs = rotation(1)
    tensor = first_of(inputs, 0)
    before, address = tensor.clone(), tensor.data_ptr()
    inputs.refill(0, anew=True)
    assert first_of(inputs, 0).data_ptr() == address
    assert not torch.equal(tensor, before)


def test_a_seed_means_the_same_numbers() -> None:
    """Both sides of a case read the same."""
    assert torch.equal(first_of(rotation(2), 1), first_of(rotation(2), 1))
    assert not torch.equal(first_of(rotation(2), 1), first_of(rotation(2, seed=1), 1))


def test_whole_numbers_are_kept() -> None:
    """Indices are not random numbers: they are as in the example."""
    indices = torch.tensor([3, 1, 2])
    assert torch.equal(first_of(rotation(2, indices), 1), indices)


def test_tensors_are_found_in_whatever_a_model_returns() -> None:
    """Tuples, dicts and objects with tensors for attributes."""

    class Output:
        def __init__(self) -> None:
            self.logits, self.name = torch.ones(2), "x"

    found = tensors_of((torch.zeros(1), {"a": [torch.zeros(3)]}, Output(), None))
    assert [tensor.numel() for tensor in found] == [1, 3, 2]
