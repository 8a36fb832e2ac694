"""What the tuner tried of a launch, and what it took, goes into a document and comes out again."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
import triton.testing
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from costlab.bench.arms import tuned
from costlab.bench.kernels import build, choosing, tuning
from costlab.bench.kernels.outcomes import Outcome, asked, note, read, said
from costlab.bench.kernels.tilings import Tiling
from costlab.bench.kernels.tuning import Budget, best, keep, kept, kept_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

APART = Tiling(64, 32, 32)
EARLY, FUSED = replace(APART, pdl=True), replace(APART, lines=7)
SHARED, PARTED = replace(FUSED, shared=True), replace(APART, parts=4)
WAYS = {
    APART: "a kernel each",
    EARLY: "a kernel each, the second early",
    FUSED: "one kernel, between in the cache",
    SHARED: "one kernel, between in shared memory",
    PARTED: "sums in parts",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user's cache of its own, and a process that has chosen nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for module in (tuning, choosing):
        monkeypatch.setattr(module, "SETTLED", {})
    monkeypatch.setattr(tuning, "TIMES", {})
    monkeypatch.setattr(tuning, "BUDGET", Budget())
    tuning._kept.cache_clear()
    yield
    tuning._kept.cache_clear()


def test_each_way_has_its_words() -> None:
    """No two kinds of launches are called alike."""
    assert {one: one.way for one in WAYS} == WAYS
    assert len(set(WAYS.values())) == len(WAYS)


TIMES = st.dictionaries(st.sampled_from(list(WAYS.values())), st.floats(1e-7, 1e-2), max_size=4)


@given(st.lists(st.builds(Outcome, st.from_regex(r"[a-z ]+: [\w.]+(, [\w.]+)?", fullmatch=True),
                          st.sampled_from(list(WAYS.values())), TIMES), max_size=3))  # fmt: skip
def test_what_is_said_is_read(outcomes: list[Outcome]) -> None:
    """A text tells every launch, what it took, and each time to four digits."""
    again = read(said(outcomes))
    assert [(one.launch, one.took) for one in again] == [(o.launch, o.took) for o in outcomes]
    for one, before in zip(again, outcomes, strict=True):
        assert one.times_s == pytest.approx(before.times_s, rel=1e-3)


def test_the_fastest_of_each_way_is_kept() -> None:
    """With the choice, in this process and in the file; what could not be timed is in neither."""
    times = {APART: 4e-6, replace(APART, warps=8): 3e-6, FUSED: 5e-6, EARLY: math.inf}
    assert best("a", list(times), lambda _: True, times.__getitem__).warps == 8
    wanted = {"a kernel each": 3e-6, "one kernel, between in the cache": 5e-6}
    assert tuning.TIMES["a"] == wanted
    assert kept_times("a") == wanted
    assert kept("a") == replace(APART, warps=8)
    tuning.TIMES.clear()
    best("a", list(times), lambda _: True, times.__getitem__)  # an earlier run has chosen
    assert tuning.TIMES["a"] == wanted


def test_a_choice_without_times_is_read() -> None:
    """One of a file from before times were kept, or of a run that had no time, has none."""
    keep("a", FUSED)
    assert (kept("a"), kept_times("a"), kept_times("b")) == (FUSED, {}, {})
    assert said([Outcome("conv: c", "a kernel each", {})]) == "conv: c by a kernel each (not timed)"


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, times: dict[Tiling, float]) -> Callable[[], Tiling]:
    """A choice among tilings as on a GPU, each of which takes so long, and all are right."""
    now: list[Tiling] = []

    def launch(tiling: Tiling, outputs: Sequence[Tensor]) -> None:
        now[:] = [tiling]
        outputs[0].fill_(1)

    def timed(run: Callable[[], None], **_options: Any) -> float:
        run()
        return 1e3 * times[now[0]]

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    monkeypatch.setattr(triton.testing, "do_bench_cudagraph", timed)
    x: Any = SimpleNamespace(device=SimpleNamespace(type="cuda"), dtype=torch.bfloat16)
    ones = torch.ones(1, 1, 2, 2)
    return lambda: choosing.tried("in series", [], x, list(times), launch, lambda: [ones])


def test_the_tuner_tells_what_it_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice that is made is noted with its way, made anew or known already."""
    choose = on_a_gpu(monkeypatch, {APART: 4e-6, FUSED: 3e-6})
    for _ in range(2):
        with asked() as made:
            assert choose() == FUSED
        ((key, way),) = made
        assert way == "one kernel, between in the cache"
        assert tuning.TIMES[key] == {way: 3e-6, "a kernel each": 4e-6}
    note("nobody", "listens")


def test_a_side_tells_how_it_was_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each launch of a module says what was tried, and the pair whether it runs as one kernel."""
    choose = on_a_gpu(monkeypatch, {APART: 4e-6, FUSED: 3e-6})

    def series(*_arguments: object) -> Tiling:
        note("the halves", "a kernel each")  # are chosen first, and are none of the launch's own
        return choose()

    monkeypatch.setattr(choosing, "for_series", series)
    pair = nn.Sequential(
        nn.Conv2d(16, 16, (3, 1), padding="same"),
        nn.ReLU(),
        nn.Conv2d(16, 16, (1, 3), padding="same"),
        nn.ReLU(),
    ).eval()
    x = torch.randn(1, 16, 6, 6).contiguous(memory_format=torch.channels_last)
    (outcome,) = read(tuned(build(pair, x)))
    assert outcome == Outcome(
        "series: 0, 2",
        "one kernel, between in the cache",
        {"one kernel, between in the cache": 3e-6, "a kernel each": 4e-6},
    )
    assert tuned(pair) == ""
