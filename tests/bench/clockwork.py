"""A device of springs: it takes the time it is told, on a clock of its own, and is never late."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, floor, inf
from random import Random
from typing import TYPE_CHECKING, Any

from costlab.bench.document import Correctness
from costlab.bench.harness import measure
from costlab.bench.plan import Plan
from costlab.bench.seams import Compiled, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.bench.paired import Paired

BASE_MHZ = 1000.0
PLAN = Plan(limit_s=8.0, sample_s=0.02, settle_s=0.2, resamples=500)
MS = 0.001


@dataclass
class Clockwork:
    """A timer and a gauge; its time goes on only while it works.

    `noise` gives the logarithm of a factor on each sample, `clock` the clock at a time (None:
    unknown), `throttle` the reasons at a time; `step_s` is the timer's resolution, `read_s` what
    reading the gauge takes, `waited_s` how long it waited for a core until now.
    """

    noise: Callable[[], float] = lambda: 0.0
    clock: Callable[[float], float | None] = lambda _: None
    throttle: Callable[[float], tuple[str, ...]] = lambda _: ()
    step_s: float = 0.0
    read_s: float = 0.0
    joules_per_s: float = 0.0
    watts: Callable[[float], float | None] = lambda _: None
    waited_s: float | None = None
    now: float = 0.0
    due: float = 0.0
    waits: float = 0.0
    timed: list[int] = field(default_factory=list)

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """The time of so many calls, of which only the first is made."""
        self.due = self.waits = 0.0
        call()
        if self.waited_s is not None:
            self.waited_s += self.waits * calls
        self.timed.append(calls)
        start = self.now
        self.now += self.due * calls * exp(self.noise())
        if not self.step_s:
            return self.now - start
        return (floor(self.now / self.step_s) - floor(start / self.step_s)) * self.step_s

    def wait_s(self) -> float:
        """Its own time."""
        return self.now

    def read(self) -> State:
        """Its clock, throttle reasons and energy."""
        self.now += self.read_s
        return State(
            clock_mhz=self.clock(self.now),
            base_mhz=BASE_MHZ,
            power_w=self.watts(self.now),
            energy_j=self.joules_per_s * self.now if self.joules_per_s else None,
            throttle=self.throttle(self.now),
            waited_s=self.waited_s,
        )


@dataclass
class Spring:
    """A side whose call takes `seconds` at base clock, and which breaks after so many calls."""

    device: Clockwork
    seconds: float | Callable[[], float]
    lasts: float = inf
    error: BaseException = field(default_factory=lambda: RuntimeError("it broke"))
    peak_bytes: int | None = None
    made: int = 0
    compiles: Callable[[int], int] = lambda _: 0

    def call(self) -> None:
        """Takes its time; the slower the clock, the more."""
        if self.made >= self.lasts:
            raise self.error
        self.made += 1
        seconds = self.seconds() if callable(self.seconds) else self.seconds
        self.device.due += seconds * BASE_MHZ / (self.device.clock(self.device.now) or BASE_MHZ)

    def check(self) -> Correctness:
        """Right, always."""
        return Correctness(0.0, None, 0.0, poisoned=True)

    @property
    def how(self) -> Mapping[str, str]:
        """As everywhere."""
        return {}

    @property
    def flags(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def compiled(self) -> Compiled:
        """As often as `compiles` says, by the calls made until now."""
        return Compiled(self.compiles(self.made), "a counter differs")

    def close(self) -> None:
        """Holds nothing."""


def seeded(seed: int) -> Random:
    """Random numbers that come again."""
    return Random(seed)  # noqa: S311 - a simulation, and no secret


def gaussian(random: Random) -> float:
    """Noise of 3 %."""
    return random.gauss(0.0, 0.03)


def heavy_tailed(random: Random) -> float:
    """One sample in twenty takes half as long again, on average: an interrupt."""
    return random.gauss(0.0, 0.005) + (random.expovariate(2.0) if random.random() < 0.05 else 0.0)


def bimodal(random: Random) -> float:
    """Three samples in ten take a tenth longer: another placement in memory."""
    return random.gauss(0.0, 0.005) + (0.1 if random.random() < 0.3 else 0.0)


def spiky(random: Random) -> float:
    """One sample in twenty takes ten times as long, and nothing else happens."""
    return 2.3 if random.random() < 0.05 else 0.0


class Autocorrelated:
    """Noise of 2 % of which nine tenths stay from one sample to the next: a wandering clock."""

    def __init__(self) -> None:
        self.past = 0.0

    def __call__(self, random: Random) -> float:
        """The next."""
        self.past = 0.9 * self.past + random.gauss(0.0, 0.02 * (1 - 0.9**2) ** 0.5)
        return self.past


@dataclass
class Bursts:
    """Noise of 0.3 %, but in bursts of `burst_s`, each `quiet_s` apart, of `size` and `spread`.

    Both lengths are exponential, so that nothing tells when the next begins.
    """

    device: Clockwork
    random: Random
    quiet_s: float
    burst_s: float
    size: float = 0.7
    spread: float = 0.5
    until: float = 0.0
    busy: bool = False

    def advance(self) -> bool:
        """Whether there is a burst now."""
        while self.device.now >= self.until:
            self.busy = not self.busy
            mean_s = self.burst_s if self.busy else self.quiet_s
            self.until += self.random.expovariate(1 / mean_s)
        return self.busy

    def __call__(self) -> float:
        """The next."""
        if not self.advance():
            return self.random.gauss(0, 0.003)
        return max(0.0, self.random.gauss(self.size, self.spread))


@dataclass
class Shared:
    """A side whose every kernel waits for a core of which others take `slice_s` while `busy`."""

    device: Clockwork
    seconds: float
    kernels: int
    busy: Callable[[], bool]
    slice_s: float = 0.004

    def __call__(self) -> float:
        """What a call takes now."""
        if not self.busy():
            return self.seconds
        waited_s = self.kernels * self.slice_s
        self.device.waits += waited_s
        return self.seconds + waited_s


def shapes() -> dict[str, Callable[[Random], float]]:
    """Every shape of noise, each new."""
    return {
        "gaussian": gaussian,
        "heavy-tailed": heavy_tailed,
        "bimodal": bimodal,
        "autocorrelated": Autocorrelated(),
    }


def run(
    device: Clockwork,
    ratio: float = 0.8,
    plan: Plan = PLAN,
    seconds: float = MS,
    seed: int = 0,
) -> Paired:
    """Two springs of a ratio on a device, measured."""
    sides = Spring(device, seconds), Spring(device, seconds * ratio)
    return measure(*sides, device, device, plan, seed)
