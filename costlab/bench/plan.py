"""How long and how exactly to measure, as data.

It knows neither what is measured nor on which device.
"""

from __future__ import annotations

from dataclasses import dataclass

from costlab.errors import UsageError

FEWEST = 4
"""Two blocks of two pairs have a spread; fewer have none."""
POWER_CAP = "software power cap"
"""The reason of a board that runs as fast as its power limit allows, as large ones do for hours."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of one comparison.

    Pairs are taken until there are `min_pairs`, taken over `span_s` or more, and the 95 % interval
    reaches at most `half_width` (of the logarithm, so 0.01 is 1 %) to either side, or until
    `limit_s` is over, warm-up included. With fewer than `fewest_pairs` there is no verdict; to get
    as many, a comparison may take until `patience_s`, if that is more: what slow calls need, where
    the run has the time.

    A sample takes at least `sample_s`, and `steps` steps of a coarse timer, but not more than
    `longest_sample_s` unless a single call does. Where other processes take the cores, samples are
    made shorter, down to `shortest_sample_s`: what fits between two turns of theirs is not
    disturbed, while of longer ones none would be left. Warm-up ends when nothing drifted by `drift`
    or more during the last `settle_s`, or after `warmup_s`, or after a quarter of `limit_s`.

    `span_s` is there because what disturbs one side alone, as a neighbour in a cache does, comes
    and goes by the second: thirty pairs of short calls are over sooner, and agree about a moment.

    A block is dropped for any throttle reason that is not in `tolerated`, or if the clock was under
    `clock_share` of base for no tolerated reason. A board at its power cap is one to tolerate: to
    drop what it does under load would leave nothing. Both sides meet it in turn, so that ratios
    hold where absolute times do not; `document.Measured.throttled` says where that was.
    It is dropped too if threads waited for a core for more than `waited_share` of a sample: what
    was timed then is how the machine divides its cores, which ratios do not survive, as a side of
    two kernels waits twice where one of a single kernel waits once.
    Energy is read over `energy_s`, not at all if that is 0.
    """

    min_pairs: int = 30
    fewest_pairs: int = 10
    span_s: float = 1.0
    half_width: float = 0.01
    limit_s: float = 20.0
    patience_s: float = 0.0
    sample_s: float = 0.005
    shortest_sample_s: float = 0.0005
    longest_sample_s: float = 0.5
    steps: int = 200
    settle_s: float = 0.5
    warmup_s: float = 3.0
    drift: float = 0.01
    clock_share: float = 0.75
    waited_share: float = 0.05
    tolerated: tuple[str, ...] = (POWER_CAP,)
    energy_s: float = 3.0
    resamples: int = 2000

    def __post_init__(self) -> None:
        """Refuses limits that no measurement can keep.

        Raises:
            UsageError: a limit is negative, or leaves nothing to measure.
        """
        if not FEWEST <= self.fewest_pairs <= self.min_pairs:
            raise UsageError(
                f"a verdict needs at least {FEWEST} pairs, and at most the {self.min_pairs} that "
                f"are asked for, not {self.fewest_pairs}",
            )
        for name in (
            "half_width",
            "limit_s",
            "sample_s",
            "shortest_sample_s",
            "longest_sample_s",
            "drift",
            "steps",
        ):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be above zero, not {getattr(self, name)}")
        for name in (
            "span_s",
            "settle_s",
            "patience_s",
            "warmup_s",
            "energy_s",
            "clock_share",
            "waited_share",
        ):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} must not be negative, but is {getattr(self, name)}")


QUICK = Plan(
    min_pairs=10,
    span_s=0.4,
    half_width=0.02,
    limit_s=3.0,
    longest_sample_s=0.1,
    settle_s=0.1,
    warmup_s=0.3,
    energy_s=0.0,
)
"""A short look: wider intervals, no energy, and at most three seconds a comparison."""
