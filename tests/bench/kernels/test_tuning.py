"""The choice of a tiling: bounded, right before fast, kept by GPU and shape."""

from __future__ import annotations

import json
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import pytest

from costlab.bench.kernels import tuning
from costlab.bench.kernels.tilings import Processors, Tiling, fusions, lines_of, tilings
from costlab.bench.kernels.tuning import Budget, adopt, best, choices, keep, kept, path
from costlab.bench.kernels.work import Lines, Shape
from costlab.bench.roofline import FEED
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL, LARGE = Tiling(64, 32, 32), Tiling(128, 64, 32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user's cache of its own, and a process that has chosen nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tuning, "SETTLED", {})
    monkeypatch.setattr(tuning, "BUDGET", Budget())
    tuning._kept.cache_clear()
    yield
    tuning._kept.cache_clear()


@pytest.mark.parametrize("filters", [3, 48, 96, 160, 192, 384])
@pytest.mark.parametrize("channels", [3, 48, 80, 768])
@pytest.mark.parametrize("element", [2, 4])
def test_candidates_are_few_and_fit(filters: int, channels: int, element: int) -> None:
    """Sides are powers of two from 16 on, loads fit, and there are at most a few dozen."""
    found = tilings(32 * 35 * 35, filters, channels, element)
    assert 1 <= len(found) <= 40
    for one in found:
        for side in (one.block_m, one.block_f, one.block_k):
            assert side >= 16
            assert side & (side - 1) == 0
        assert one.shared_bytes(element) <= Processors().shared_bytes


def test_the_fastest_that_is_right() -> None:
    """A wrong candidate is never chosen, however fast."""
    times = {SMALL: 1e-6, LARGE: 3e-6}
    assert best("conv", [SMALL, LARGE], lambda one: one is LARGE, times.__getitem__) == LARGE
    assert kept("conv") == LARGE


class Clock:
    """A clock that is moved on by what is tried: so many seconds a candidate."""

    def __init__(self, each_s: float) -> None:
        self.now_s, self.each_s = 0.0, each_s
        self.tried: list[Tiling] = []

    def __call__(self) -> float:
        """The time."""
        return self.now_s

    def right(self, one: Tiling) -> bool:
        """Takes its time over each candidate; the first is wrong."""
        self.now_s += self.each_s
        self.tried.append(one)
        return len(self.tried) > 1


MANY = tilings(32 * 35 * 35, 64, 64, 2)


def test_a_choice_ends_in_time() -> None:
    """Candidates are tried until the time of a choice is over, and then no more."""
    clock = Clock(each_s=2.0)
    chosen = best("conv", MANY, clock.right, lambda one: one.block_k, clock)
    assert clock.tried == list(MANY[:4])  # 8 s
    assert chosen == min(MANY[1:4], key=lambda one: one.block_k)
    assert kept("conv") == chosen


def test_a_slow_compiler_still_finds_one_that_is_right() -> None:
    """Time ends no choice before there is a candidate that is right."""
    clock = Clock(each_s=100.0)
    assert best("conv", MANY, clock.right, lambda _: 1e-6, clock) == MANY[1]


def test_all_choices_together_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the time of all, the first that is right is taken untimed, and kept by nobody."""
    monkeypatch.setattr(tuning, "BUDGET", Budget(each_s=8.0, all_s=3.0))

    def refuse(one: Tiling) -> float:
        raise AssertionError(one)

    clock = Clock(each_s=2.0)
    best("conv", MANY, clock.right, lambda _: 1e-6, clock)
    assert tuning.BUDGET.left_s == 0
    clock = Clock(each_s=2.0)
    assert best("conv2", MANY, clock.right, refuse, clock) == MANY[1]
    assert kept("conv2") is None
    assert tuning.SETTLED["conv2"] == MANY[1]


def test_what_cannot_be_timed_is_not_chosen() -> None:
    """A candidate that is right and whose launches cannot be recorded is passed over."""

    def time_s(one: Tiling) -> float:
        if one == SMALL:
            raise RuntimeError("operation not permitted when stream is capturing")
        return 1.0

    assert best("conv", [SMALL, LARGE], lambda _: True, time_s) == LARGE


@pytest.mark.parametrize("images", [1, 32, 256])
def test_the_first_candidate_takes_the_fewest_turns(images: int) -> None:
    """No other tile that waits no longer for its operands leaves fewer processors idle."""
    positions = images * 35 * 35

    def taken(one: Tiling) -> float:
        tiles = -(-positions // one.block_m) * -(-64 // one.block_f)
        area = one.block_m * one.block_f
        return -(-tiles // 132) * area * max(1.0, FEED * (one.block_m + one.block_f) / area)

    found = tilings(positions, 64, 64, 2)
    assert taken(found[0]) == min(map(taken, found))
    assert found[0].block_k == 64
    # Not the flows of one tile before any other tile.
    assert len({(one.block_m, one.block_f) for one in found[:8]}) > 1


@pytest.mark.parametrize("images", [1, 32, 256])
def test_pairs_are_cut_for_as_many_processors_as_there_are(images: int) -> None:
    """Of all cuts into lines, the first that is tried has the fewest lines a processor."""
    sides = (1, 0, 1, 0), (0, 1, 0, 1)
    one, two = (
        Shape(images, (35, 35), 64, 64, kernel, padding=padding)
        for kernel, padding in zip(((3, 1), (1, 3)), sides, strict=True)
    )
    pair = Lines(one, two, 1)
    cached = [tiling for tiling in fusions(pair, 2) if not tiling.shared]
    lines = dict.fromkeys(tiling.lines for tiling in cached)
    least = min(
        ceil(ceil(images * 35 / count) / 132) * ceil(count * 35 / height) * height
        for height in (64, 128)
        for count in lines_of(35, height, 8 * 128)
    )
    first = cached[0]
    turns = ceil(ceil(images * 35 / first.lines) / 132)
    assert turns * ceil(first.lines * 35 / first.block_m) * first.block_m == least
    assert len(lines) <= 3
    assert len(fusions(pair, 2)) <= 24


def test_a_smaller_device_is_offered_less() -> None:
    """Loads that do not fit in a device's shared memory are not tried."""
    small = Processors(64, 99 * 1024)
    found = tilings(32 * 35 * 35, 128, 128, 4, small)
    assert found
    assert max(one.shared_bytes(4) for one in found) <= small.shared_bytes
    assert max(one.shared_bytes(4) for one in tilings(32 * 35 * 35, 128, 128, 4)) > 99 * 1024


def test_what_raises_is_passed_over() -> None:
    """A tiling that the compiler has no room for is none; if all are such, it is an error."""

    def right(one: Tiling) -> bool:
        if one == SMALL:
            raise RuntimeError("out of resource: shared memory")
        return True

    assert best("conv", [SMALL, LARGE], right, lambda _: 1e-6) == LARGE
    with pytest.raises(ArmError, match="none of 1 tilings of conv2 gives the right result"):
        best("conv2", [SMALL], right, lambda _: 1e-6)


def test_a_kept_choice_is_not_timed_again() -> None:
    """It is checked again, and timed no more; if it is wrong here, another is chosen."""

    def refuse(one: Tiling) -> float:
        raise AssertionError(one)

    keep("conv", LARGE)
    assert best("conv", [SMALL, LARGE], lambda _: True, refuse) == LARGE
    wrong = best("conv", [SMALL, LARGE], lambda one: one == SMALL, lambda _: 1e-6)
    assert wrong == SMALL
    assert kept("conv") == SMALL


def test_the_file() -> None:
    """Choices add up in one sorted file, and nothing is left beside it."""
    keep("b", LARGE)
    keep("a", replace(SMALL, lines=7, shared=True))
    document = json.loads(path().read_text(encoding="utf-8"))
    assert list(document["chosen"]) == ["a", "b"]
    assert kept("a") == replace(SMALL, lines=7, shared=True)
    assert [file.name for file in path().parent.iterdir()] == ["kernels.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"version": 0, "chosen": {"a": {}}}', '{"version": 1}',
                                  '{"version": 1, "chosen": {"a": {"rows": 1}}}'])  # fmt: skip
def test_a_damaged_file_holds_no_choice(text: str) -> None:
    """What cannot be read is found anew, and written over."""
    path().parent.mkdir(parents=True)
    path().write_text(text, encoding="utf-8")
    assert kept("a") is None
    keep("a", LARGE)
    assert kept("a") == LARGE


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs time, and is no error."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert best("conv", [SMALL], lambda _: True, lambda _: 1e-6) == SMALL
    assert tuning.SETTLED == {"conv": SMALL}


def test_choices_are_taken_to_another_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was chosen elsewhere is known here; what was chosen here stays."""
    keep("a", LARGE)
    keep("b", LARGE)
    elsewhere = choices()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    keep("b", SMALL)
    adopt(elsewhere)
    assert (kept("a"), kept("b")) == (LARGE, SMALL)
