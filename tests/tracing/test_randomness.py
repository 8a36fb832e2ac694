"""What a forward draws is drawn again after the analysis, whatever it draws and from where."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import costlab
from costlab.tracing import randomness
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

of_numpy: Any = np.random
"""Whose annotations leave out some of what is asked of it here."""


def swap() -> None:
    """Has numpy draw its bits from another generator."""
    of_numpy.set_bit_generator(of_numpy.PCG64(5))
    of_numpy.rand()


DRAWS: dict[str, Callable[[], Any]] = {
    "a number of Python's": random.random,
    "a normal number of Python's": lambda: random.gauss(0, 1),
    "many of Python's": lambda: [random.random() for _ in range(2000)],  # noqa: S311 - it is the state that matters
    "a seed of Python's": lambda: random.seed(3),
    "a number of numpy's": of_numpy.rand,
    "a normal number of numpy's": of_numpy.standard_normal,
    "a binomial of numpy's": lambda: of_numpy.binomial(10, 0.3),
    "a whole table of numpy's": lambda: of_numpy.rand(624 // 2),
    "a seed of numpy's": lambda: of_numpy.seed(3),
    "another generator of numpy's": swap,
    "a number of torch's": lambda: torch.rand(1),
    "a seed of torch's": lambda: torch.manual_seed(3),
}


def pairs() -> list[float]:
    """Normal numbers of each: every second one of numpy's and Python's is only remembered."""
    return [
        x
        for _ in range(3)
        for x in (random.gauss(0, 1), of_numpy.standard_normal(), torch.randn(1).item())
    ]


@pytest.mark.parametrize("remembered", [0, 1])
@pytest.mark.parametrize("name", DRAWS)
def test_what_is_drawn_is_drawn_again(name: str, remembered: int) -> None:
    """Also where the generators remember the other one of a pair, and twice in a row."""
    model = Calls(lambda m, x: (DRAWS[name](), x @ m.weight)[1])

    def start() -> None:
        random.seed(1)
        of_numpy.seed(1)
        torch.manual_seed(1)
        for _ in range(remembered):
            random.gauss(0, 1)
            of_numpy.standard_normal()

    start()
    bits = of_numpy.get_bit_generator()
    want = pairs(), pairs()
    start()
    costlab.analyze(model, "f32[2,8]")
    first = pairs()
    costlab.analyze(model, "f32[2,8]")
    assert (first, pairs()) == want
    assert of_numpy.get_bit_generator() is bits


def test_the_memory_of_a_generator_tells_its_state() -> None:
    """Here it does, so that no state is asked for in full where nobody draws."""
    asked: list[str] = []
    source = randomness.Source(lambda: b"mark", lambda: asked.append("state"), asked.append)
    source.go_back(source.position())
    source.go_back(source.position())
    assert asked == ["state"]
    generator, numpy = random.Random(0), of_numpy.RandomState(0)  # noqa: S311 - as above
    for mark, uniform, normal in (
        (lambda: randomness.of_python(generator), generator.random, lambda: generator.gauss(0, 1)),
        (lambda: randomness.of_numpy(numpy), numpy.rand, numpy.standard_normal),
    ):
        assert randomness.moves(mark, uniform, normal)


@pytest.mark.parametrize(
    "mark", [lambda: b"", iter(map(bytes, range(100))).__next__], ids=["never", "by itself"]
)
def test_a_memory_that_does_not_tell_is_found_out(mark: Any) -> None:
    """One that stands still while numbers are drawn, or moves while none are."""
    assert not randomness.moves(mark, random.random, random.random)


def test_without_a_mark_the_state_is_asked_for() -> None:
    """Each time, and it is gone back to each time."""
    states = iter(range(9))
    moved: list[int] = []
    source = randomness.Source(lambda: b"", lambda: next(states), moved.append)
    for _ in range(2):
        source.go_back(source.position())
    assert moved == [0, 1]


def test_a_state_is_not_taken_for_another_threads() -> None:
    """Where the memory moves while the state is asked for, the state has no mark."""
    marks = iter([b"1", b"2", b"2", b"2", b"2"])
    moved: list[str] = []
    source = randomness.Source(lambda: next(marks), lambda: "state", moved.append)
    found = source.position()
    assert found == randomness.Position(b"", "state")
    source.go_back(found)
    assert moved == ["state"]
    assert source.position().mark == b"2"
