"""The seams of the bench: what a device must offer, so that a fake one can drive it in a test.

It knows no device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from costlab.errors import CostlabError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.bench.document import Ceilings, Correctness, Kernel
    from costlab.bench.study import Case, Side


class ArmError(CostlabError):
    """An arm that cannot be measured: it does not compile, is wrong, or has no room in memory."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """How many graphs a compiler has made in this process until now, and why the latest."""

    times: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The device at one moment; None for what cannot be read.

    Units: `clock_mhz` of the processors, `base_mhz` the clock that it should hold, `power_w`,
    `energy_j` used so far. `throttle` are the reasons why the clock is held down. `waited_s` is
    how long threads of this process were ready to run, all together, while others had the cores.
    """

    clock_mhz: float | None = None
    base_mhz: float | None = None
    power_w: float | None = None
    energy_j: float | None = None
    throttle: tuple[str, ...] = ()
    waited_s: float | None = None


class Timer(Protocol):
    """Times calls on a device."""

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """Seconds that so many calls in a row take, all of them together.

        Starts when the device has nothing left to do, and ends when the last call is done.
        """
        ...

    def wait_s(self) -> float:
        """The host's time now, in seconds: for limits, not for results."""
        ...


class Gauge(Protocol):
    """Reads the state of a device."""

    def read(self) -> State:
        """The state now."""
        ...


class Prepared(Protocol):
    """A side of a case, ready to run: inputs are filled, whatever compiles has compiled."""

    def call(self) -> None:
        """Runs once, on the next of the rotating inputs; returns before the device is done."""
        ...

    def check(self) -> Correctness:
        """The error against a float64 oracle, on fresh inputs, with outputs poisoned before.

        `after` is None: the caller joins the checks before and after timing.

        Raises:
            ArmError: the outputs are wrong.
        """
        ...

    @property
    def how(self) -> Mapping[str, str]:
        """What is not the same everywhere, as in `document.Timing.how`."""
        ...

    @property
    def flags(self) -> Mapping[str, Any]:
        """The device's flags on precision and the choice of kernels, as they are now."""
        ...

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that a call took, None where it cannot be read."""
        ...

    def compiled(self) -> Compiled:
        """What compilers did until now: a call during which they do more is not timed."""
        ...

    def close(self) -> None:
        """Gives back what it holds."""
        ...


class Backend(Protocol):
    """A device with all that the bench does on it."""

    @property
    def timer(self) -> Timer:
        """Its timer for the regimes cold and warm."""
        ...

    @property
    def wall(self) -> Timer:
        """Its timer for the regime wall."""
        ...

    @property
    def gauge(self) -> Gauge:
        """Its clocks, power and throttle reasons."""
        ...

    def arms(self) -> tuple[str, ...]:
        """The arms that can run here."""
        ...

    def environment(self) -> Mapping[str, Any]:
        """Everything about the machine that a number depends on, as plain data."""
        ...

    def refuse_if_busy(self, *, force: bool) -> tuple[str, ...]:
        """Notes on other users of the device.

        Raises:
            UsageError: others use it, and it is not forced.
        """
        ...

    def ceilings(self, limit_s: float) -> Ceilings:
        """What the device can do, measured within about so many seconds."""
        ...

    def prepare(self, side: Side, case: Case, seed: int) -> Prepared:
        """A side of a case, ready to run.

        Raises:
            ArmError: it cannot be.
        """
        ...

    def kernels(self, prepared: Prepared) -> tuple[tuple[Kernel, ...], float]:
        """The kernels of one call by the profiler, and the idle seconds between them."""
        ...
