"""A backend without a device: a clock that its calls move on, and whatever trouble is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costlab.bench.document import Ceilings, Correctness, Kernel
from costlab.bench.plan import Plan
from costlab.bench.request import Request
from costlab.bench.runner import run
from costlab.bench.seams import ArmError, Compiled, State
from costlab.bench.study import Axes, Pair, Study, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costlab.bench.document import Measurements
    from costlab.bench.seams import Prepared
    from costlab.bench.study import Case, Side

CALL_S = {"one": 0.010, "two": 0.008, "three": 0.012}
"""What a call of each subject takes."""
PREPARE_S = 1.0
SHAPE = (4, 8, 8)


def subject(name: str) -> Subject:
    """A small convolution of the zoo, under a name that the clock knows."""
    return Subject(name, "conv3x3(inputs=4)", SHAPE, takes_finish=True)


ONE, TWO, THREE = map(subject, CALL_S)
AXES = Axes(
    batches=(1,), precisions=("fp32",), layouts=("nhwc",), finishes=("bare",), arms=("eager",)
)
STUDY = Study(
    "pretended", "What a clock says", (Pair("1→2", TWO, ONE), Pair("1→3", THREE, ONE)), AXES, AXES
)
PLAN = Plan(
    min_pairs=10, span_s=0.0, limit_s=20.0, settle_s=0.1, warmup_s=0.3, energy_s=0.0, resamples=200
)
REQUEST = Request(STUDY, AXES, limit_s=600.0, plan=PLAN)

Step = tuple[str, str]
"""What is done, and of which subject: ("prepare", "one"); the second is empty if it is of none."""


@dataclass(slots=True)
class Made:
    """A prepared side."""

    backend: Pretended
    name: str

    def call(self) -> None:
        """Moves the clock on."""
        self.backend.step("call", self.name)
        self.backend.now_s += CALL_S[self.name] * self.backend.wobble()

    def check(self) -> Correctness:
        """Says that all is well, unless it is not."""
        self.backend.step("check", self.name)
        return Correctness(1e-6, None, 1e-3, poisoned=True)

    @property
    def how(self) -> Mapping[str, str]:
        """One word, to be found again."""
        return {"rotates": "springs"}

    @property
    def flags(self) -> Mapping[str, Any]:
        """Torch's, which nothing here sets."""
        return {"rounded": False}

    @property
    def peak_bytes(self) -> int | None:
        """A number that is easy to find again."""
        return 4096

    def compiled(self) -> Compiled:
        """Nothing is."""
        return Compiled()

    def close(self) -> None:
        """Leaves the list of what is open."""
        self.backend.step("close", self.name)
        self.backend.open.remove(self)


@dataclass(slots=True)
class Pretended:
    """The backend. `trouble` is raised at the given step, the nth time that it is reached.

    `steps` is all that was done, in order; `open` what was not closed.
    """

    trouble: Mapping[Step, tuple[int, BaseException]] = field(default_factory=dict)
    known_arms: tuple[str, ...] = ("eager", "compile")
    device: str = "a pretended device"
    now_s: float = 0.0
    steps: list[Step] = field(default_factory=list)
    open: list[Made] = field(default_factory=list)
    calls: int = 0

    def step(self, what: str, of: str = "") -> None:
        """Notes a step, and raises what was asked for."""
        self.steps.append((what, of))
        at, error = self.trouble.get((what, of), (0, None))
        if error is not None and self.steps.count((what, of)) == at:
            raise error

    def wobble(self) -> float:
        """A factor that differs a little from call to call, as that of a real clock does."""
        self.calls += 1
        return 1 + 1e-4 * ((self.calls * 7919) % 11)

    @property
    def timer(self) -> Pretended:
        """Itself: it has but one clock."""
        return self

    @property
    def wall(self) -> Pretended:
        """Itself."""
        self.step("wall")
        return self

    @property
    def gauge(self) -> Pretended:
        """Itself: it has nothing to read."""
        return self

    def time_s(self, call: Callable[[], None], calls: int) -> float:
        """Seconds of the clock."""
        begin = self.now_s
        for _ in range(calls):
            call()
        return self.now_s - begin

    def wait_s(self) -> float:
        """The clock."""
        return self.now_s

    def read(self) -> State:
        """Nothing that can be read."""
        return State()

    def arms(self) -> tuple[str, ...]:
        """The arms that run."""
        return self.known_arms

    def environment(self) -> Mapping[str, Any]:
        """What a real one says more of."""
        self.step("environment")
        return {"device": self.device, "threads": (0, 1)}

    def refuse_if_busy(self, *, force: bool) -> tuple[str, ...]:
        """Nobody else uses it."""
        self.step("busy")
        return ("others used it",) if force else ()

    def ceilings(self, limit_s: float) -> Ceilings:
        """Round numbers."""
        self.step("ceilings")
        self.now_s += min(limit_s, 1.0)
        return Ceilings({"fp32": 1e11}, 1e10, 4e10, 1e-6, None, 1 << 25, 2, {"copy": "one copy"})

    def prepare(self, side: Side, case: Case, seed: int) -> Made:
        """A side, ready to run."""
        del case, seed
        self.step("prepare", side.subject.name)
        self.now_s += PREPARE_S
        made = Made(self, side.subject.name)
        self.open.append(made)
        return made

    def kernels(self, prepared: Prepared) -> tuple[tuple[Kernel, ...], float]:
        """One kernel, named after the side."""
        assert isinstance(prepared, Made)
        self.step("kernels", prepared.name)
        return (Kernel(f"conv_{prepared.name}", 1, CALL_S[prepared.name]),), 1e-6


def measured(backend: Pretended, known: Measurements | None = None) -> Measurements:
    """What a run of the pretended study gives."""
    return run(REQUEST, backend, known=known).found


def failing(what: str, of: str, error: BaseException, at: int = 1) -> Pretended:
    """A backend on which a step fails the nth time."""
    return Pretended(trouble={(what, of): (at, error)})


def out_of_memory() -> ArmError:
    """What a backend raises if there is no room."""
    return ArmError("out of memory: 2.0 GiB are needed, and 1.0 GiB are free")
