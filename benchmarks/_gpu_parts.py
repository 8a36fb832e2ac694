"""What is measured on a GPU, and in which order, as data.

Imports no torch, so that a plan can be shown without a device. Knows neither files nor processes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks._gpu_slices import (
    AUTOTUNED,
    EVERY_SUBJECT,
    NULL,
    OTHERS,
    OURS,
    PLAN,
    QUICK_ARMS,
    SHOWCASE,
    SHOWCASE_SUBJECTS,
    SHOWN_BY,
    TINY,
    WITH_ENERGY,
    Slice,
    against,
    axes,
    both,
    networks,
    reductions,
    showcase,
    siblings,
)
from benchmarks._gpu_subjects import (
    MEASURED_NETWORKS,
    NETWORK_BLOCKS,
    TRAINED,
    tiny_studies,
    twice,
)
from costlab.bench.studies import BLOCKS, FACTORIZATIONS
from costlab.bench.study import Axes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.bench.study import Study

__all__ = [
    "AGREEMENT", "CEILINGS", "CHECKS", "COUNTERS", "LEFT_OUT", "MEASURED_NETWORKS", "NULL", "OURS",
    "PLAN", "SHOWCASE", "TRAINED", "TUNED", "Part", "Slice", "parts",
]  # fmt: skip

LEFT_OUT = {
    "fp16 and fp32": "bf16 and TF32 are what is asked of a GPU of this kind",
    "NCHW, but for the showcase in eager, graph and compile at batch 32": "it is a contrast",
    "convolutions without batch normalization and ReLU": "those of the networks have both",
    "training steps at another batch than 32, of single blocks, or with max-autotune": (
        "a step shows what a forward and a backward cost together"
    ),
    "`ours` and `cudnn-fused` in a training step": "neither has a backward",
    "`best-blocks` of other networks than Inception-v3": "it is a path for that network",
    "blocks that equal one before them, and other blocks than Inception-v3's compiled": (
        "the same again; and whole networks are compiled"
    ),
    "networks and blocks in TF32, warm, or in NCHW": "factorizations and grid reductions show that",
}
"""What no part measures, on purpose, and why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A step of the whole, with what it measures; 1, 5, 6 and 10 run in processes of their own."""

    number: int
    title: str
    slices: tuple[Slice, ...] = ()

    @property
    def studies(self) -> tuple[Study, ...]:
        """The studies that it measures, each once."""
        return tuple({piece.study.name: piece.study for piece in self.slices}.values())


CHECKS, CEILINGS, COUNTERS, AGREEMENT, TUNED = 1, 2, 5, 6, 10


def _factorized() -> Iterator[Slice]:
    """Factorizations and grid reductions: what is asked first, each contrast on a few pairs."""
    first = showcase((256,), ("graph",))
    yield replace(first, plan=WITH_ENERGY)
    yield showcase((256, 32), ("graph", "cudnn-fused", *OURS))
    yield from both((256, 32), ("graph",))
    yield from both((1,), ("graph",))
    yield showcase((256,), ("compile",))
    yield showcase((256, 32), ("graph",), precisions=("tf32",))
    yield showcase((32, 1), ("graph",), regimes=("warm",))
    yield against((256,), SHOWCASE_SUBJECTS, ("cudnn-fused", "compile", "graph"))
    yield against((256,), SHOWN_BY, ("cudnn-fused",))
    yield reductions(("cudnn-fused",), 3)
    yield reductions(OURS, 1)
    yield siblings((256,), ("cudnn-fused",))
    yield showcase((32,), ("graph",), layouts=("nchw",))
    yield showcase((256,), ("eager",))
    yield showcase((1,), ("eager",), regimes=("wall",))


def _whole() -> Iterator[Slice]:
    """Networks and blocks, replayed as graphs; the first network compiled."""
    yield networks((32,), ("eager", "graph"))
    yield Slice(BLOCKS, axes(BLOCKS, (32,), ("eager", "graph")))
    yield networks((256, 1), ("eager", "graph"))
    yield networks((32,), ("eager", "compile"), pairs=MEASURED_NETWORKS[:1])


def _rest() -> Iterator[Slice]:
    """All arms on all pairs, tf32 and warm on all, networks trained and compiled."""
    yield networks((32,), ("eager", "graph"), pairs=TRAINED)
    yield from both((256, 32), ("cudnn-fused", *OURS))
    yield against((256, 32), EVERY_SUBJECT, ("cudnn-fused", "compile", "graph"))
    yield from both((1,), ("cudnn-fused", *OURS))
    yield against((1,), EVERY_SUBJECT, ("cudnn-fused", "compile", "graph"))
    yield from both((256, 32, 1), ("eager",))
    yield networks((32,), ("eager", "compile"))
    yield networks((1, 32, 256), ("eager", "cudnn-fused", *OURS))
    yield Slice(NETWORK_BLOCKS, axes(NETWORK_BLOCKS, (32,), ("eager", "graph")))
    yield siblings((32, 1), ("cudnn-fused",))
    yield siblings((256, 32, 1), ("graph",))
    yield from both((256, 32, 1), ("graph", "cudnn-fused", *OURS), precisions=("tf32",))
    yield from both((32, 1), QUICK_ARMS, regimes=("warm",))
    yield Slice(BLOCKS, axes(BLOCKS, (1, 256), ("eager", "graph")))
    yield from both((256, 32, 1), ("compile",))
    yield showcase((32,), ("eager", "graph", "compile"), layouts=("nchw",))
    yield Slice(BLOCKS, axes(BLOCKS, (32,), ("eager", "compile")))
    yield networks((1, 256), ("eager", "compile"))
    yield networks((32,), ("eager", "compile"), pairs=TRAINED)
    yield from both((256, 32, 1), ("eager", "compile"), precisions=("tf32",))


def _best() -> Iterator[Slice]:
    """The first network with each block in its fastest arm, against each arm that runs it all."""
    for batch in (1, 32, 256):
        for other in OTHERS:
            yield networks((batch,), (other, "best-blocks"), pairs=MEASURED_NETWORKS[:1])


def _last() -> Iterator[Slice]:
    """Max-autotune, which takes minutes a case, and what of the full product is left."""
    every = (256, 32, 1)
    yield showcase(every, AUTOTUNED)
    yield against((256, 32), SHOWCASE_SUBJECTS, ("autotune-graph",))
    yield from both(every, AUTOTUNED)
    yield against(every, EVERY_SUBJECT, ("autotune-graph",))
    yield from both((256,), QUICK_ARMS, regimes=("warm",))
    yield from both(every, QUICK_ARMS, precisions=("tf32",), regimes=("warm",))
    yield against(every, EVERY_SUBJECT, ("cudnn-fused", "compile"), precisions=("tf32",))
    yield networks((1, 32, 256), ("eager", "autotune-graph"))
    yield Slice(NETWORK_BLOCKS, axes(NETWORK_BLOCKS, (1, 256), ("eager", "graph")))
    yield from both(every, ("compile",), precisions=("bf16", "tf32"), regimes=("warm",))
    yield from both(every, AUTOTUNED, precisions=("tf32",))
    yield from both(every, AUTOTUNED, precisions=("bf16", "tf32"), regimes=("warm",))


def parts(*, tiny: bool = False) -> tuple[Part, ...]:
    """All parts in order; `tiny` is the same path with models that a CPU runs in milliseconds."""
    if tiny:
        return _tiny()
    wide = FACTORIZATIONS.pairs[0].baseline or FACTORIZATIONS.pairs[0].variant
    null = Axes(batches=(32, 1), precisions=("bf16",), arms=("graph", "eager", "cudnn-fused"))
    return (
        Part(CHECKS, "correctness: the tests that need a GPU"),
        Part(CEILINGS, "ceilings, clocks, identical arms", (Slice(twice(wide), null, NULL),)),
        Part(3, "factorizations and grid reductions", tuple(_factorized())),
        Part(4, "blocks and networks", tuple(_whole())),
        Part(COUNTERS, "hardware counters of the showcase pairs"),
        Part(AGREEMENT, "whether fresh processes choose the same kernels"),
        Part(7, "all arms on all pairs, compiled networks", tuple(_rest())),
        Part(8, "the first network, each block in its fastest arm", tuple(_best())),
        Part(9, "max-autotune, and what of the full product is left", tuple(_last())),
        Part(TUNED, "whether fresh processes tune alike: ours, max-autotune"),
    )


def _tiny() -> tuple[Part, ...]:
    # Warm: to be cold, weights so small need hundreds of copies. Of one pair they are made.
    warm = Axes(batches=(1,), precisions=("fp32",), arms=("eager",), regimes=("warm",))
    studies = tiny_studies()
    large = studies[0].pairs[0].baseline or studies[0].pairs[0].variant
    slices = [Slice(study, warm, TINY) for study in studies[:3]]
    slices[0] = replace(slices[0], axes=replace(warm, regimes=("cold",)))
    for pair, batch in zip(studies[3].pairs, (1, 2), strict=True):
        chosen = replace(warm, pairs=(pair.name,), batches=(batch,))
        slices.append(Slice(studies[3], chosen, replace(TINY, limit_s=1.5)))
    return (
        Part(CHECKS, "correctness: the tests that need a GPU"),
        Part(CEILINGS, "ceilings, clocks, identical arms", (Slice(twice(large), warm, TINY),)),
        Part(3, "factorizations and grid reductions", tuple(slices[:2])),
        Part(4, "blocks and networks", tuple(slices[2:])),
        Part(COUNTERS, "hardware counters of the showcase pairs"),
        Part(AGREEMENT, "whether fresh processes choose the same kernels"),
    )
