"""What an analysis is found at, when its stack is looked at now and then."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from torch import nn

import costlab
from benchmarks import _sampling
from costlab.tracing.kernels import Kernels

if TYPE_CHECKING:
    import pytest

SPEC = "f32[1,4,8,8]"


def net() -> nn.Module:
    """Many layers of two kinds, one of them taken straight to its function, and one not."""
    layers = [layer for _ in range(30) for layer in (nn.Conv2d(4, 4, 1), nn.Softshrink())]
    return nn.Sequential(*layers)


def test_an_analysis_is_found_at_its_operations() -> None:
    """Operations by name, the report, and what follows the modules; nothing is left out."""
    model = net()
    wanted = {"conv2d", "softshrink", _sampling.REPORT, _sampling.FOLLOWING}
    for _ in range(20):  # on a machine that is busy few looks fall into a second
        looks = _sampling.sampled(lambda: costlab.analyze(model, SPEC), 1)
        wanted -= set(looks)
        assert not any(place.endswith(_sampling.KERNELS) for place in looks)
        assert list(looks.values()) == sorted(looks.values(), reverse=True)
        if not wanted:
            break
    assert wanted == set()


def test_an_operation_without_a_rule_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an empty table each operation is priced kernel by kernel, and is found at that."""
    model = net()
    # Of which each is asked: what they made before would hardly be found.
    monkeypatch.setattr(Kernels, "run", lambda _, func, args, kwargs: func(*args, **kwargs))
    looks = _sampling.sampled(lambda: costlab.analyze(model, SPEC, ops={}), 2)
    assert max(looks, key=looks.__getitem__).endswith(_sampling.KERNELS)
    looks = _sampling.sampled(lambda: costlab.analyze(model, SPEC), 1)
    assert not any(name.endswith(_sampling.KERNELS) for name in looks)


def test_the_signal_is_as_it_was() -> None:
    """A handler of the caller's own is there again, and no clock goes on."""
    before = signal.signal(signal.SIGPROF, signal.SIG_IGN)
    try:
        _sampling.sampled(lambda: None, 0.05)
        assert signal.getsignal(signal.SIGPROF) is signal.SIG_IGN
        assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGPROF, before)
