"""The choice of a tiling: bounded, right before fast, kept by GPU and shape."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from costlab.bench.kernels import tuning
from costlab.bench.kernels.tuning import SHARED_BYTES, Tiling, best, keep, kept, path, tilings
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
        assert one.shared_bytes(element) <= SHARED_BYTES


def test_the_fastest_that_is_right() -> None:
    """A wrong candidate is never chosen, however fast."""
    times = {SMALL: 1e-6, LARGE: 3e-6}
    assert best("conv", [SMALL, LARGE], lambda one: one is LARGE, times.__getitem__) == LARGE
    assert kept("conv") == LARGE


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
