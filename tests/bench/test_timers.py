"""Timers, driven by a device that exists only here."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import pytest

from costlab.bench import timers
from costlab.bench.timers import FASTEST_HZ, EventTimer, HostTimer, WallTimer


class Clock:
    """A host whose time moves only when something takes some."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter_ns(self) -> int:
        """Its time, in nanoseconds."""
        return round(self.now * 1e9)

    def perf_counter(self) -> float:
        """Its time, in seconds."""
        return self.now


class Device:
    """A stream: what is launched runs in order, each after the launch and after the one before.

    It takes `depth` launches that wait; then the host waits until one begins.
    """

    def __init__(self, clock: Clock, depth: int = 1024) -> None:
        self.clock, self.depth = clock, depth
        self.done = 0.0
        self.starts: list[float] = []
        self.held: list[float] = []

    def launch(self, takes_s: float) -> None:
        """Puts work in the stream; launching takes the host 5 µs."""
        self.clock.now += 5e-6
        waiting = len(self.starts) - bisect_right(self.starts, self.clock.now)
        if waiting >= self.depth:
            self.clock.now = self.starts[-self.depth]
        start = max(self.clock.now, self.done)
        self.starts.append(start)
        self.done = start + takes_s

    def _sleep(self, cycles: int) -> None:
        self.held.append(cycles / FASTEST_HZ)
        self.launch(cycles / FASTEST_HZ)

    def synchronize(self) -> None:
        """Waits for everything."""
        self.clock.now = max(self.clock.now, self.done)

    def Event(self, *, enable_timing: bool) -> Any:  # noqa: N802 - torch's name
        """A mark in the stream."""
        assert enable_timing
        return Mark(self)


class Mark:
    """An event."""

    def __init__(self, device: Device) -> None:
        self.device, self.at = device, 0.0

    def record(self) -> None:
        """Marks when all before it is done."""
        self.at = max(self.device.done, self.device.clock.now)

    def query(self) -> bool:
        """Whether the device has passed it."""
        return self.at <= self.device.clock.now

    def synchronize(self) -> None:
        """Waits for it."""
        self.device.synchronize()

    def elapsed_time(self, end: "Mark") -> float:
        """Milliseconds from here to there."""
        return (end.at - self.at) * 1e3


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock in the place of the host's."""
    found = Clock()
    monkeypatch.setattr(timers, "time", found)
    return found


def kernels(device: Device, count: int, takes_s: float) -> Callable[[], None]:
    """A call of so many kernels."""

    def call() -> None:
        for _ in range(count):
            device.launch(takes_s)

    return call


@pytest.mark.parametrize("calls", [1, 7, 100])
def test_launch_gaps_are_not_in_device_time(clock: Clock, calls: int) -> None:
    """Kernels of 1 µs whose launch takes 5 µs are timed as 1 µs each."""
    device = Device(clock)
    timer = EventTimer(device)
    assert timer.time_s(kernels(device, 3, 1e-6), calls) == pytest.approx(3e-6 * calls)
    assert timer.uncovered == 0


def test_without_the_hold_the_gaps_would_show(clock: Clock) -> None:
    """The same kernels in a stream that is not held take the five microseconds of their launch."""
    device = Device(clock)
    timer = EventTimer(device)
    seconds, _, covered = timer._once(kernels(device, 3, 1e-6), 100, 0.0)
    assert not covered
    assert seconds == pytest.approx(300 * 5e-6, rel=0.01)


def test_more_launches_than_the_queue_holds_are_timed_in_parts(clock: Clock) -> None:
    """3000 kernels do not fit into a queue of 1024: they are timed in bursts, all without gaps."""
    device = Device(clock)
    timer = EventTimer(device)
    assert timer.time_s(kernels(device, 30, 1e-6), 100) == pytest.approx(3000e-6)
    assert timer.uncovered == 0


def test_a_call_that_does_not_fit_is_counted(clock: Clock) -> None:
    """One call of 5000 kernels cannot be held; its time is given, and counted as uncovered."""
    device = Device(clock)
    timer = EventTimer(device)
    call = kernels(device, 5000, 1e-6)
    assert timer.time_s(call, 2) >= 2 * 5000e-6
    assert timer.uncovered > 0


def test_what_is_known_of_a_call_is_kept(clock: Clock) -> None:
    """The second time the stream is held long enough at once, also if other calls came between."""
    device = Device(clock)
    timer = EventTimer(device)
    one, two = kernels(device, 50, 1e-6), kernels(device, 2, 1e-6)
    for call in (one, two):
        timer.time_s(call, 10)
    before = len(device.held)
    for call in (one, two, one):
        timer.time_s(call, 10)
    assert len(device.held) == before + 3


def test_a_queue_that_was_full_once_does_not_hold_the_stream_for_good(clock: Clock) -> None:
    """After bursts that did not fit, later ones are held for their own launches, no longer."""
    device = Device(clock)
    timer = EventTimer(device)
    call = kernels(device, 30, 1e-6)
    timer.time_s(call, 100)
    begun_s = clock.now
    timer.time_s(call, 100)
    # 3000 launches of 5 µs, each burst held for half as long again: not the longest hold each.
    assert clock.now - begun_s < 3 * 3000 * 5e-6


def test_an_object_at_the_place_of_another_begins_anew(clock: Clock) -> None:
    """What was learnt of a call that is gone is not taken for what is known of the next."""
    device = Device(clock)
    timer = EventTimer(device)
    call = kernels(device, 5000, 1e-6)
    timer.time_s(call, 2)
    assert timer._of(call).hopeless
    other = kernels(device, 3, 1e-6)
    timer._known[id(other)] = timer._known[id(call)]  # as if it stood at the same address
    assert not timer._of(other).hopeless


def test_wall_includes_launches(clock: Clock) -> None:
    """On the host's clock a call takes its launches and its kernels, each waited for."""
    device = Device(clock)
    wall = WallTimer(device.synchronize)
    assert wall.time_s(kernels(device, 3, 1e-6), 10) == pytest.approx(10 * (3 * 5e-6 + 1e-6))


def test_the_host_times_what_returns_when_done(clock: Clock) -> None:
    """A call that takes the host two seconds takes two seconds."""

    def call() -> None:
        clock.now += 2

    timer = HostTimer()
    assert timer.time_s(call, 3) == pytest.approx(6)
    assert timer.wait_s() == pytest.approx(6)


def test_calls_say_how_they_are_repeated() -> None:
    """What has a `repeat` is asked once for all its calls."""

    class Calls:
        asked: tuple[int, ...] = ()

        def __call__(self) -> None:
            raise AssertionError

        def repeat(self, calls: int) -> None:
            self.asked += (calls,)

    calls = Calls()
    HostTimer().time_s(calls, 9)
    assert calls.asked == (9,)
