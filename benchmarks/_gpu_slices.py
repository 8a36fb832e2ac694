"""Pieces of a GPU's study, each some cases and how exactly they are measured, as data.

Imports no torch, so that a plan can be shown without a device. Knows no order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_subjects import (
    ARM_AGAINST_ARM,
    FACTORIZED,
    MEASURED_NETWORKS,
    SIBLINGS,
)
from costlab.bench.plan import POWER_CAP, Plan
from costlab.bench.studies import FACTORIZATIONS, GRID_REDUCTION, NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from costlab.bench.study import Arm, Axes, Case, Study

PLAN = Plan(
    limit_s=6.0,
    patience_s=30.0,
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
each sample is kept. A case of which too many blocks are dropped is given up after half a minute: it
could else take the rest of a call, and the next one too.
"""
WITH_ENERGY = replace(PLAN, energy_s=3.0)
NULL = replace(PLAN, half_width=0.003, limit_s=8.0)
"""Identical arms are what everything is judged by, and so are measured more exactly."""
TINY = Plan(
    min_pairs=4,
    fewest_pairs=4,
    span_s=0.0,
    half_width=0.5,
    limit_s=0.2,
    patience_s=2.0,
    sample_s=0.0005,
    longest_sample_s=0.02,
    settle_s=0.0,
    warmup_s=0.02,
    waited_share=1e6,
    energy_s=0.0,
    resamples=200,
)
"""The path alone, whoever else has the cores meanwhile: its numbers are of no use."""

TWO = 2
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
SHOWN_BY = tuple(
    one.name
    for pair in FACTORIZATIONS.pairs
    if pair.name in SHOWCASE
    for one in (pair.variant, pair.baseline)
    if one is not None
)
"""The subjects of the showcase, factorized and whole."""
SHOWCASE_SUBJECTS = tuple(name for name in SHOWN_BY if name in {one.name for one in FACTORIZED})
EVERY_SUBJECT = tuple(one.name for one in ARM_AGAINST_ARM.pairs)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some cases of a study, and how they are measured."""

    study: Study
    axes: Axes
    plan: Plan = PLAN

    def cases(self, arms: Iterable[str] | None = None) -> Iterator[Case]:
        """Its cases, in the arms that there are; in all, if that is not known."""
        chosen = self.axes
        if arms is not None:
            here = tuple(arm for arm in chosen.arms if arm in tuple(arms))
            if self.study is ARM_AGAINST_ARM and len(here) < TWO:
                return iter(())  # there is no other arm to be held against
            chosen = replace(chosen, arms=here)
        return self.study.cases(chosen)


def axes(study: Study, batches: tuple[int, ...], arms: tuple[Arm, ...], **besides: Any) -> Axes:
    """bf16 in NHWC with batch normalization and ReLU, cold, if nothing else is said."""
    chosen = replace(study.axes, batches=batches, arms=arms, precisions=("bf16",))
    chosen = replace(chosen, layouts=("nhwc",), finishes=("bn_relu",), regimes=("cold",))
    return replace(chosen, **besides)


def showcase(batches: tuple[int, ...], arms: tuple[Arm, ...], **besides: Any) -> Slice:
    """The showcase's factorizations."""
    return Slice(FACTORIZATIONS, axes(FACTORIZATIONS, batches, arms, pairs=SHOWCASE, **besides))


def both(batches: tuple[int, ...], arms: tuple[Arm, ...], **besides: Any) -> Iterator[Slice]:
    """All factorizations, then all grid reductions."""
    for study in (FACTORIZATIONS, GRID_REDUCTION):
        yield Slice(study, axes(study, batches, arms, **besides))


def against(
    batches: tuple[int, ...], pairs: Iterable[str], others: tuple[Arm, ...], **besides: Any
) -> Slice:
    """Subjects in our kernels against the same in other arms."""
    arms = (*OURS, *others)
    chosen = axes(ARM_AGAINST_ARM, batches, arms, pairs=tuple(pairs), **besides)
    return Slice(ARM_AGAINST_ARM, chosen)


def siblings(batches: tuple[int, ...], arms: tuple[Arm, ...]) -> Slice:
    """1x1 convolutions of one input, merged against apart."""
    return Slice(SIBLINGS, axes(SIBLINGS, batches, arms))


def reductions(arms: tuple[Arm, ...], pairs: int) -> Slice:
    """The first grid reduction, of which times are predicted."""
    names = tuple(pair.name for pair in GRID_REDUCTION.pairs[:pairs])
    return Slice(GRID_REDUCTION, axes(GRID_REDUCTION, (256,), arms, pairs=names))


def networks(
    batches: tuple[int, ...], arms: tuple[Arm, ...], pairs: tuple[str, ...] = MEASURED_NETWORKS
) -> Slice:
    """Whole networks, or their training steps."""
    return Slice(NETWORKS, axes(NETWORKS, batches, arms, pairs=pairs))
