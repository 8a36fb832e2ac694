"""What was measured, as a document: raw samples, the machine, the verdicts and why.

Knows neither torch nor how anything is timed. Times are seconds, as float; counts are whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "costlab.bench/1"
FEWEST_SAMPLES = 4
"""Of a side: two blocks of two samples have a spread, fewer have none."""

Verdict = Literal["FASTER", "SLOWER", "SAME", "AMBIGUOUS"]
Binding = Literal["compute", "memory", "launch", "parallelism", "none"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that an arm runs, by the profiler's pass: its name, calls, and time of one call."""

    name: str
    calls: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Correctness:
    """How far an arm's outputs are from a float64 oracle, before and after it was timed.

    Errors are ‖out − ref‖ / ‖ref‖; `poisoned` is whether outputs were filled with NaN before.
    """

    before: float
    after: float | None
    tolerance: float
    poisoned: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """One side of a case: what it costs, its raw samples, and what ran.

    `samples_s` are in the order in which they were taken; `clock_mhz` is the clock during each,
    None where it cannot be read. `dropped` are the places in it of those that do not count, because
    the clock was held down, or others had the cores, meanwhile. `how` says what is not the same
    everywhere: what `rotates`, the `precision` of a training step, which layers ran `elsewhere`,
    how launches of our own kernels were `tuned`.
    `error` says why there is no speed; samples from before it are kept.
    """

    subject: str
    arm: str
    macs: int
    params: int
    activations: int
    bytes: int
    samples_s: tuple[float, ...] = ()
    clock_mhz: tuple[float, ...] | None = None
    kernels: tuple[Kernel, ...] | None = None
    gaps_s: float | None = None
    correctness: Correctness | None = None
    peak_bytes: int | None = None
    energy_j: float | None = None
    error: str = ""
    dropped: tuple[int, ...] = ()
    how: Mapping[str, str] = field(default_factory=dict)

    @property
    def counted_s(self) -> tuple[float, ...]:
        """The samples that count; all of them if none does.

        >>> Timing("conv", "eager", 0, 0, 0, 0, (1.0, 9.0, 1.2), dropped=(1,)).counted_s
        (1.0, 1.2)
        """
        out = frozenset(self.dropped)
        kept = tuple(time_s for at, time_s in enumerate(self.samples_s) if at not in out)
        return kept or self.samples_s


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the pairs of samples say: variant over baseline, 0.8 is a fifth faster.

    `ratio` is the geometric mean of the pairs' ratios, `low` and `high` its 95 % interval by
    bootstrap; `stopped` is why no more pairs were taken: "precise" or "time limit".
    """

    ratio: float
    low: float
    high: float
    pairs: int
    dropped: int
    verdict: Verdict
    stopped: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """What a side should take by the roofline, from ceilings measured in the same run.

    `passes_s` is what separate element-wise kernels read and write again; `waves` is how much the
    last, partly filled wave of tiles adds, as a factor; `floor_s` what launching adds to all that.
    `uneven_s` is by how much the roofs of the single products come to more than that of their sum,
    because some of them are bound by arithmetic and others by memory.
    """

    compute_s: float
    memory_s: float
    passes_s: float
    waves: float
    floor_s: float
    binds: Binding
    uneven_s: float = 0.0

    @property
    def roof_s(self) -> float:
        """What the products take if each runs at its roof."""
        return max(self.compute_s, self.memory_s) + self.uneven_s

    @property
    def least_s(self) -> float:
        """What it is held against: the roof of its products; without any, the bytes of its passes.

        >>> Model(0.0, 0.0, 3e-5, 1.0, 1e-6, "memory").least_s
        3e-05
        """
        return self.roof_s or self.passes_s

    @property
    def total_s(self) -> float:
        """What the side should take."""
        return self.roof_s * self.waves + self.passes_s + self.floor_s


@dataclass(frozen=True, slots=True)
class Explanation:
    """The saving in latency, in parts that add up to it; each is a share of the baseline's time.

    `mac` is what the multiply-adds promise; the others are what the memory roof, separate
    element-wise passes, partly filled waves, the launch floor, and all that is not modelled (the
    kernels' efficiency) add to it or take from it.
    """

    mac: float
    memory: float
    passes: float
    waves: float
    launch: float
    residual: float

    @property
    def saving(self) -> float:
        """The sum of the parts: 1 − latency of the variant / latency of the baseline."""
        return self.mac + self.memory + self.passes + self.waves + self.launch + self.residual

    @property
    def realised(self) -> float | None:
        """Which fraction of the promised saving arrives; None where none is promised."""
        return self.saving / self.mac if self.mac else None


@dataclass(frozen=True, slots=True)
class Measured:
    """A case with everything that came of it.

    `threads` are those of a CPU, None elsewhere. `session` is the place in the document's
    `sessions` of the one that measured and judged it. `flags` are torch's on precision and on the
    choice of kernels, by torch's names, as they were while both sides were timed. `power_w` is the
    median of what the device drew meanwhile: of both sides, as they take turns faster than a sensor
    follows; what each takes alone, its `energy_j` says.
    """

    key: str
    pair: str
    batch: int
    precision: str
    layout: str
    finish: str
    regime: str
    baseline: Timing
    variant: Timing
    comparison: Comparison | None = None
    models: tuple[Model, Model] | None = None
    explanation: Explanation | None = None
    throttled: tuple[str, ...] = ()
    threads: int | None = None
    session: int | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    power_w: float | None = None

    @property
    def is_drowned(self) -> bool:
        """Whether it was timed in vain: fewer than two of its blocks of pairs count."""
        sides = self.baseline, self.variant
        return self.comparison is None and any(
            side.dropped and len(side.samples_s) - len(side.dropped) < FEWEST_SAMPLES
            for side in sides
        )

    @property
    def error(self) -> str:
        """Why there is no comparison; empty if there is one."""
        return self.baseline.error or self.variant.error


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What the device can do, measured in the same run.

    Units: `flops_per_s` by precision, of the largest matrix product; bytes per second of a copy
    through memory (read and written) and of one that stays in the last-level cache; seconds of an
    empty kernel launched alone, and of an empty node of a graph (None where there are no graphs).
    """

    flops_per_s: Mapping[str, float]
    copy_bytes_per_s: float
    cache_bytes_per_s: float
    launch_s: float
    graph_node_s: float | None
    cache_bytes: int
    processors: int
    how: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """What one run, from its start to its end, judged its cases by."""

    ceilings: Ceilings | None = None
    null: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Measurements:
    """All cases of a study on one machine; `null` compares identical arms and is the noise floor.

    `complete` is False while cases are missing, as after an interruption. `ceilings` and `null` are
    those of the last session; a document from before sessions were kept has none.
    """

    study: str
    environment: Mapping[str, Any]
    cases: tuple[Measured, ...]
    ceilings: Ceilings | None = None
    null: Comparison | None = None
    complete: bool = False
    notes: tuple[str, ...] = ()
    sessions: tuple[Session, ...] = ()

    def session_of(self, case: Measured) -> Session:
        """The ceilings and the noise that a case was judged by."""
        if case.session is None or case.session >= len(self.sessions):
            return Session(self.ceilings, self.null)
        return self.sessions[case.session]

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON holds it."""
        from costlab.bench import saved

        return saved.to_dict(self)

    def to_json(self) -> str:
        """The document as text."""
        from costlab.bench import saved

        return saved.to_json(self)

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> Measurements:
        """The measurements that a document holds.

        Raises:
            DocumentError: something is missing, of the wrong kind, or does not add up.
        """
        from costlab.bench import saved

        return saved.from_dict(document)
