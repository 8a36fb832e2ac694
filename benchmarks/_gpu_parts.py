"""What is measured on a GPU, in which order and how exactly, as data.

Imports no torch, so that a plan can be shown without a device. Knows neither files nor processes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from costlab.bench.plan import Plan
from costlab.bench.studies import BLOCKS, FACTORIZATIONS, GRID_REDUCTION, NETWORKS
from costlab.bench.study import Axes, Pair, Study, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from costlab.bench.study import Arm, Case

POWER_CAP = "software power cap"
PLAN = Plan(
    limit_s=6.0,
    settle_s=0.2,
    warmup_s=1.5,
    clock_share=0.5,
    tolerated=(POWER_CAP,),
    energy_s=0.0,
)
"""How each comparison is measured.

A large GPU under matrix products runs at its power limit, where it lowers its clock all the time:
to drop what was measured then would leave nothing. So that reason is tolerated, and a clock down to
half of base; both sides of a pair meet it alike, since they are timed in turn, and the clock of
each sample is kept.
"""
WITH_ENERGY = replace(PLAN, energy_s=2.0)
NULL = replace(PLAN, half_width=0.003, limit_s=8.0)
"""Identical arms are what everything is judged by, and so are measured more exactly."""
TINY = Plan(
    min_pairs=4,
    fewest_pairs=4,
    half_width=0.5,
    limit_s=0.2,
    sample_s=0.0005,
    longest_sample_s=0.02,
    settle_s=0.0,
    warmup_s=0.02,
    energy_s=0.0,
    resamples=200,
)

KERNELS = "costlab.bench.kernels"
OURS: tuple[Arm, ...] = ("ours",) if find_spec(KERNELS) else ()
ARMS: tuple[Arm, ...] = ("eager", "graph", "compile", "cudnn-fused", *OURS)
QUICK_ARMS: tuple[Arm, ...] = ("eager", "graph", "cudnn-fused", *OURS)
"""Those for which nothing is compiled: seconds, where `compile` may take a minute."""
AUTOTUNED: tuple[Arm, ...] = ("compile-autotune",)
SHOWCASE = (
    "5x5 → 3x3 3x3, 35x35x64",
    "3x3 → 3x1 1x3, 35x35x64",
    "3x3 → 3x1 1x3, 17x17x192",
    "7x7 → 1x7 7x1, 17x17x192",
    "3x3 → 2x2 2x2, 35x35x96",
)
"""One factorization of a kind, and the pair that memory is predicted to bind."""
MEASURED_NETWORKS = (
    "inception_v3",
    "resnet50",
    "googlenet",
    "vgg16",
    "inception_v4",
    "inception_resnet_v2",
)
TRAINED = tuple(f"{name}, training step" for name in MEASURED_NETWORKS)

CHECKS_S, NULL_S, COUNTED_S = 60.0, 90.0, 25.0
"""What the tests, the ceilings with the identical arms, and a side under ncu are taken to last."""
ARM_S: dict[str, float] = {
    "eager": 3.0,
    "graph": 4.0,
    "compile": 15.0,
    "compile-autotune": 90.0,
    "cudnn-fused": 3.5,
    "ours": 8.0,
}
"""What a case of an arm is taken to last until some were measured."""
LONGER = {"blocks": 1.5, "networks": 4.0}


@dataclass(frozen=True, slots=True)
class Slice:
    """Some cases of a study, and how they are measured."""

    study: Study
    axes: Axes
    plan: Plan = PLAN

    def cases(self, arms: Iterable[str] | None = None) -> Iterator[Case]:
        """Its cases, in the arms that there are; in all, if that is not known."""
        axes = self.axes
        if arms is not None:
            here = tuple(arm for arm in axes.arms if arm in tuple(arms))
            axes = replace(axes, arms=here)
        return self.study.cases(axes)


@dataclass(frozen=True, slots=True)
class Part:
    """A step of the whole, with what it measures; parts 1 and 5 run in processes of their own."""

    number: int
    title: str
    slices: tuple[Slice, ...] = ()

    @property
    def studies(self) -> tuple[Study, ...]:
        """The studies that it measures, each once."""
        return tuple({piece.study.name: piece.study for piece in self.slices}.values())


CHECKS, CEILINGS, COUNTERS = 1, 2, 5


def _reference(subject: Subject) -> Study:
    return Study(
        "identical-arms",
        "An arm compared with itself: what differs is noise",
        (Pair(f"{subject.name}, twice", subject, subject),),
    )


def _factorized() -> Iterator[Slice]:
    """Factorizations and grid reductions; what is asked first comes first."""
    bf16 = replace(FACTORIZATIONS.axes, batches=(32, 256), precisions=("bf16",), arms=ARMS)
    bf16 = replace(bf16, layouts=("nhwc",), finishes=("bn_relu",), regimes=("cold",))
    both = FACTORIZATIONS, GRID_REDUCTION
    showcase = replace(bf16, pairs=SHOWCASE)
    yield Slice(FACTORIZATIONS, replace(showcase, batches=(256,), arms=("graph",)), WITH_ENERGY)
    yield Slice(FACTORIZATIONS, showcase)
    for axes in (
        bf16,
        replace(bf16, batches=(1,)),
        replace(bf16, precisions=("tf32",)),
        replace(bf16, precisions=("tf32",), batches=(1,)),
        replace(bf16, batches=(1, 32), regimes=("warm",), arms=QUICK_ARMS),
    ):
        for study in both:
            yield Slice(study, axes)
    yield Slice(
        FACTORIZATIONS,
        replace(showcase, batches=(32,), layouts=("nchw",), arms=("eager", "graph", "compile")),
    )
    yield Slice(FACTORIZATIONS, replace(showcase, batches=(1,), regimes=("wall",), arms=("eager",)))


def _whole() -> Iterator[Slice]:
    """Networks and blocks: replayed as graphs first, compiled where time is left."""
    axes = replace(NETWORKS.axes, batches=(32,), precisions=("bf16",), layouts=("nhwc",))
    graph = replace(axes, arms=("eager", "graph"))
    compiled = replace(axes, arms=("eager", "compile"))
    yield Slice(NETWORKS, replace(graph, pairs=MEASURED_NETWORKS))
    yield Slice(BLOCKS, graph)
    yield Slice(NETWORKS, replace(graph, pairs=MEASURED_NETWORKS, batches=(1, 256)))
    yield Slice(NETWORKS, replace(graph, pairs=TRAINED))
    yield Slice(NETWORKS, replace(compiled, pairs=MEASURED_NETWORKS))
    yield Slice(BLOCKS, replace(graph, batches=(1, 256)))
    yield Slice(BLOCKS, compiled)
    yield Slice(NETWORKS, replace(compiled, pairs=MEASURED_NETWORKS, batches=(1, 256)))
    yield Slice(NETWORKS, replace(compiled, pairs=TRAINED))


def _autotuned() -> Iterator[Slice]:
    axes = replace(FACTORIZATIONS.axes, batches=(256, 32, 1), precisions=("bf16",))
    axes = replace(axes, layouts=("nhwc",), finishes=("bn_relu",), arms=AUTOTUNED)
    yield Slice(FACTORIZATIONS, replace(axes, pairs=SHOWCASE))
    yield Slice(FACTORIZATIONS, axes)
    yield Slice(GRID_REDUCTION, axes)


def parts(*, tiny: bool = False) -> tuple[Part, ...]:
    """All parts in order; `tiny` is the same path with models that a CPU runs in milliseconds."""
    if tiny:
        return _tiny()
    wide = FACTORIZATIONS.pairs[0].baseline or FACTORIZATIONS.pairs[0].variant
    null = Axes(batches=(32, 1), precisions=("bf16",), arms=("graph", "eager", "cudnn-fused"))
    return (
        Part(CHECKS, "correctness: the tests that need a GPU"),
        Part(CEILINGS, "ceilings, clocks, identical arms", (Slice(_reference(wide), null, NULL),)),
        Part(3, "factorizations and grid reductions", tuple(_factorized())),
        Part(4, "blocks and networks", tuple(_whole())),
        Part(COUNTERS, "hardware counters of the showcase pairs"),
        Part(6, "max-autotune, which takes minutes a case", tuple(_autotuned())),
    )


def _tiny() -> tuple[Part, ...]:
    axes = Axes(batches=(1,), precisions=("fp32",), arms=("eager",))
    shape = (16, 35, 35)
    large = Subject("5x5", "conv5x5(inputs=16)", shape, takes_finish=True)
    small = Subject("3x3 3x3", "two_3x3(inputs=16)", shape, takes_finish=True)
    image, source = (3, 75, 75), "inception_v3(aux=False, width=0.05)"
    network = Subject("inception_v3", source, image)
    trained = replace(small, name="3x3 3x3, training step", training=True)
    block = Subject("Mixed_5b", source, image, block="Mixed_5b")
    pair = Pair("5x5 → 3x3 3x3, 35x35x16", small, large)
    studies = (
        replace(FACTORIZATIONS, pairs=(pair,)),
        replace(GRID_REDUCTION, pairs=(replace(pair, name="5x5 → 3x3 3x3, again"),)),
        replace(BLOCKS, pairs=(Pair(block.name, block),)),
        replace(NETWORKS, pairs=tuple(Pair(one.name, one) for one in (network, trained))),
    )
    slices = [Slice(study, axes, TINY) for study in studies[:3]]
    for names, batch in (((network.name,), 1), ((trained.name,), 2)):
        chosen = replace(axes, pairs=names, batches=(batch,))
        slices.append(Slice(studies[3], chosen, replace(TINY, limit_s=1.5)))
    return (
        Part(CHECKS, "correctness: the tests that need a GPU"),
        Part(CEILINGS, "ceilings, clocks, identical arms", (Slice(_reference(large), axes, TINY),)),
        Part(3, "factorizations and grid reductions", tuple(slices[:2])),
        Part(4, "blocks and networks", tuple(slices[2:])),
        Part(COUNTERS, "hardware counters of the showcase pairs"),
    )


def estimate_s(piece: Slice, cases: Iterable[Case], pace: dict[str, tuple[int, float]]) -> float:
    """Seconds that cases will take: by what those of their study and arm took, else by a guess."""
    total = 0.0
    for case in cases:
        count, taken_s = pace.get(pace_key(case), (0, 0.0))
        guess_s = ARM_S[case.variant.arm] * LONGER.get(case.study, 1.0)
        if case.variant.subject.training:
            guess_s *= 2
        total += taken_s / count if count else guess_s + 2 * piece.plan.energy_s
    return total


def pace_key(case: Case) -> str:
    """What cases that take about as long have in common."""
    step = " training" * case.variant.subject.training
    return f"{case.study} {case.variant.arm}{step}"
