"""What is measured on a GPU, in which order and how exactly, as data.

Imports no torch, so that a plan can be shown without a device. Knows neither files nor processes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from costlab.bench.plan import POWER_CAP, Plan
from costlab.bench.studies import BLOCKS, FACTORIZATIONS, GRID_REDUCTION, NETWORKS
from costlab.bench.study import Axes, Pair, Study, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from costlab.bench.study import Arm, Case

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
QUICK_ARMS: tuple[Arm, ...] = ("eager", "graph", "cudnn-fused", *OURS)
"""Those for which nothing is compiled: seconds, where `compile` may take a minute."""
OTHERS: tuple[Arm, ...] = ("autotune-graph", "graph", "compile", "eager")
"""What a network with each block in its fastest arm is held against, the hardest first."""
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
    """A step of the whole, with what it measures; 1, 5 and 6 run in processes of their own."""

    number: int
    title: str
    slices: tuple[Slice, ...] = ()

    @property
    def studies(self) -> tuple[Study, ...]:
        """The studies that it measures, each once."""
        return tuple({piece.study.name: piece.study for piece in self.slices}.values())


CHECKS, CEILINGS, COUNTERS, AGREEMENT = 1, 2, 5, 6


def _reference(subject: Subject) -> Study:
    return Study(
        "identical-arms",
        "An arm compared with itself: what differs is noise",
        (Pair(f"{subject.name}, twice", subject, subject),),
    )


def _axes(study: Study, batches: tuple[int, ...], arms: tuple[Arm, ...], **besides: Any) -> Axes:
    """bf16 in NHWC with batch normalization and ReLU, cold, if nothing else is said."""
    axes = replace(study.axes, batches=batches, arms=arms, precisions=("bf16",))
    axes = replace(axes, layouts=("nhwc",), finishes=("bn_relu",), regimes=("cold",))
    return replace(axes, **besides)


def _showcase(batches: tuple[int, ...], arms: tuple[Arm, ...], **besides: Any) -> Slice:
    return Slice(FACTORIZATIONS, _axes(FACTORIZATIONS, batches, arms, pairs=SHOWCASE, **besides))


def _both(batches: tuple[int, ...], arms: tuple[Arm, ...], **besides: Any) -> Iterator[Slice]:
    for study in (FACTORIZATIONS, GRID_REDUCTION):
        yield Slice(study, _axes(study, batches, arms, **besides))


def _factorized() -> Iterator[Slice]:
    """Factorizations and grid reductions: what is asked first, each contrast on a few pairs."""
    first = _showcase((256,), ("graph",))
    yield replace(first, plan=WITH_ENERGY)
    yield _showcase((256, 32), ("graph", "cudnn-fused", *OURS))
    yield from _both((256, 32), ("graph",))
    yield from _both((1,), ("graph",))
    yield _showcase((256, 32), ("compile",))
    yield _showcase((256, 32), ("graph",), precisions=("tf32",))
    yield _showcase((32, 1), ("graph",), regimes=("warm",))
    yield _showcase((32,), ("graph",), layouts=("nchw",))
    yield _showcase((256, 1), ("eager",))
    yield _showcase((1,), ("eager",), regimes=("wall",))


def _whole() -> Iterator[Slice]:
    """Networks and blocks, replayed as graphs; the first network compiled."""
    yield _networks((32,), ("eager", "graph"))
    yield Slice(BLOCKS, _axes(BLOCKS, (32,), ("eager", "graph")))
    yield _networks((256, 1), ("eager", "graph"))
    yield _networks((32,), ("eager", "graph"), pairs=TRAINED)
    yield _networks((32,), ("eager", "compile"), pairs=MEASURED_NETWORKS[:1])


def _networks(
    batches: tuple[int, ...], arms: tuple[Arm, ...], pairs: tuple[str, ...] = MEASURED_NETWORKS
) -> Slice:
    return Slice(NETWORKS, _axes(NETWORKS, batches, arms, pairs=pairs))


def _rest() -> Iterator[Slice]:
    """Everything else: all arms on all pairs, tf32 and warm on all, networks compiled."""
    yield from _both((256, 32), ("cudnn-fused", *OURS))
    yield from _both((1,), ("cudnn-fused", *OURS))
    yield from _both((256, 32, 1), ("eager",))
    yield _networks((32,), ("eager", "compile"))
    yield from _both((256, 32, 1), ("graph", "cudnn-fused", *OURS), precisions=("tf32",))
    yield from _both((32, 1), QUICK_ARMS, regimes=("warm",))
    yield Slice(BLOCKS, _axes(BLOCKS, (1, 256), ("eager", "graph")))
    yield from _both((256, 32, 1), ("compile",))
    yield _showcase((32,), ("eager", "graph", "compile"), layouts=("nchw",))
    yield Slice(BLOCKS, _axes(BLOCKS, (32,), ("eager", "compile")))
    yield _networks((1, 256), ("eager", "compile"))
    yield _networks((32,), ("eager", "compile"), pairs=TRAINED)
    yield from _both((256, 32, 1), ("eager", "compile"), precisions=("tf32",))


def _autotuned() -> Iterator[Slice]:
    yield _showcase((256, 32, 1), AUTOTUNED)
    yield from _both((256, 32, 1), AUTOTUNED)


def _best() -> Iterator[Slice]:
    """The first network with each block in its fastest arm, against each arm that runs it all."""
    for batch in (1, 32, 256):
        for other in OTHERS:
            yield _networks((batch,), (other, "best-blocks"), pairs=MEASURED_NETWORKS[:1])


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
        Part(AGREEMENT, "whether fresh processes choose the same kernels"),
        Part(7, "all arms on all pairs, compiled networks", tuple(_rest())),
        Part(8, "max-autotune, which takes minutes a case", tuple(_autotuned())),
        Part(9, "the first network, each block in its fastest arm", tuple(_best())),
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
        # Warm: to be cold, weights so small would need a thousand copies of the network.
        chosen = replace(axes, pairs=names, batches=(batch,), regimes=("warm",))
        slices.append(Slice(studies[3], chosen, replace(TINY, limit_s=1.5)))
    return (
        Part(CHECKS, "correctness: the tests that need a GPU"),
        Part(CEILINGS, "ceilings, clocks, identical arms", (Slice(_reference(large), axes, TINY),)),
        Part(3, "factorizations and grid reductions", tuple(slices[:2])),
        Part(4, "blocks and networks", tuple(slices[2:])),
        Part(COUNTERS, "hardware counters of the showcase pairs"),
        Part(AGREEMENT, "whether fresh processes choose the same kernels"),
    )
