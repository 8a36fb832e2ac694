"""What is to be measured, as data: subjects, arms, axes, and the cases that they make.

It knows neither torch nor how anything is timed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from costlab.bench.document import Measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.bench.document import Timing

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
Layout = Literal["nhwc", "nchw"]
Finish = Literal["bare", "bias_relu", "bn_relu"]
Regime = Literal["cold", "warm", "wall"]
"""Cold: inputs rotate through twice the last-level cache; warm: the same input again; wall: the
time on the host's clock, launches included, of calls made one by one."""
Arm = Literal[
    "eager",
    "graph",
    "compile",
    "compile-autotune",
    "autotune-graph",
    "cudnn-fused",
    "ours",
    "best-blocks",
]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
FINISHES: tuple[Finish, ...] = get_args(Finish)
REGIMES: tuple[Regime, ...] = get_args(Regime)
ARMS: tuple[Arm, ...] = get_args(Arm)
DTYPES: dict[Precision, str] = {
    "fp32": "float32",
    "tf32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
}
"""The element type of tensors; tf32 is float32 whose products are rounded."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that runs: a model as `costlab report` names it, and the shape of one sample.

    `takes_finish` is whether the model has a `finish` argument, for the axis of that name;
    `block` is the path of the one block of the model that is timed, on the input that it gets,
    empty for all of it; `training` times a forward, a backward and an optimizer's step. `inputs`
    are specs, or `inputs_from` the text of a function, of what goes in as it is, in place of
    samples in a batch.
    """

    name: str
    source: str
    shape: tuple[int, ...]
    takes_finish: bool = False
    block: str = ""
    training: bool = False
    inputs: tuple[str, ...] = ()
    inputs_from: str = ""

    @property
    def has_own_batch(self) -> bool:
        """Whether its inputs are given as they are, so that the axis of batches says nothing."""
        return bool(self.inputs or self.inputs_from)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two subjects that compute on the same input, of which the second may replace the first.

    Without a baseline the variant is compared with itself in the first arm of the axes. `batch` is
    what the inputs of both say, None where the axis of batches does.
    """

    name: str
    variant: Subject
    baseline: Subject | None = None
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Axes:
    """What is varied; every combination is a case.

    `pairs` are the names of those that are measured, in this order; none for all of the study's.
    `by_arm` takes all cases of an arm before those of the next: where there is little time, what
    need not be compiled is then there before a compiler takes it.
    """

    batches: tuple[int, ...] = (1, 32, 256)
    precisions: tuple[Precision, ...] = ("bf16", "tf32")
    layouts: tuple[Layout, ...] = ("nhwc",)
    finishes: tuple[Finish, ...] = ("bn_relu",)
    regimes: tuple[Regime, ...] = ("cold",)
    arms: tuple[Arm, ...] = ("eager", "graph", "compile")
    pairs: tuple[str, ...] = ()
    by_arm: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """A subject in an arm: one of the two that a case times in turn."""

    subject: Subject
    arm: Arm


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: two sides under the same conditions."""

    study: str
    pair: str
    baseline: Side
    variant: Side
    batch: int
    precision: Precision
    layout: Layout
    finish: Finish
    regime: Regime
    threads: int | None = None

    @property
    def key(self) -> str:
        """What the case is called in a document; the same in every run, so that one can resume."""
        sides: str = self.variant.arm
        if self.baseline.arm != self.variant.arm:
            sides = f"{self.baseline.arm}→{self.variant.arm}"
        parts = (
            self.pair,
            sides,
            f"b{self.batch}",
            self.precision,
            self.layout,
            self.finish,
            self.regime,
        )
        return with_threads(" · ".join(parts), self.threads)

    def measured(self, baseline: Timing, variant: Timing, **found: Any) -> Measured:
        """The case with the times of both sides; what else was found goes by `Measured`'s names."""
        return Measured(
            key=self.key,
            pair=self.pair,
            batch=self.batch,
            precision=self.precision,
            layout=self.layout,
            finish=self.finish,
            regime=self.regime,
            baseline=baseline,
            variant=variant,
            threads=self.threads,
            **found,
        )


def with_threads(key: str, threads: int | None) -> str:
    """A case's key with the threads of a CPU: with others it is another case.

    >>> with_threads("5x5 · eager · b1", 2), with_threads("5x5 · eager · b1 · 2 threads", 2)
    ('5x5 · eager · b1 · 2 threads', '5x5 · eager · b1 · 2 threads')
    """
    said = "" if threads is None else f" · {threads} thread{'' if threads == 1 else 's'}"
    return key.removesuffix(said) + said


def without_threads(key: str) -> str:
    """A case's key as a plan has it, which does not know how many threads there will be.

    >>> without_threads("5x5 · eager · b1 · 2 threads"), without_threads("5x5 · eager · b1")
    ('5x5 · eager · b1', '5x5 · eager · b1')
    """
    return re.sub(r" · \d+ threads?$", "", key)


def threads_of(environment: Mapping[str, object]) -> int | None:
    """How many threads a CPU was measured with; None on another device, where that is no matter."""
    threads = environment.get("threads")
    on_cpu = environment.get("device") == "cpu"
    return threads if on_cpu and isinstance(threads, int) else None


@dataclass(frozen=True, slots=True)
class Study:
    """Pairs and axes, under a name; `quick` are the axes of a short look."""

    name: str
    title: str
    pairs: tuple[Pair, ...]
    axes: Axes = field(default_factory=Axes)
    quick: Axes = field(default_factory=Axes)

    def cases(self, axes: Axes | None = None) -> Iterator[Case]:
        """Every case, the most telling first: small axes outermost, arms innermost or outermost."""
        chosen = axes or self.axes
        if chosen.by_arm:
            arms = chosen.arms
            found = self.cases(replace(chosen, by_arm=False))
            yield from sorted(found, key=lambda case: arms.index(case.variant.arm))
            return
        for precision in chosen.precisions:
            for layout in chosen.layouts:
                for batch in chosen.batches:
                    for regime in chosen.regimes:
                        for pair in self._chosen(chosen):
                            if pair.batch is not None and batch != chosen.batches[0]:
                                continue  # it is of no batch of the axis, and is taken once
                            own = batch if pair.batch is None else pair.batch
                            yield from self._of(pair, chosen, own, precision, layout, regime)

    def _chosen(self, axes: Axes) -> tuple[Pair, ...]:
        """The pairs of the axes, in their order there; all of them if none is named."""
        if not axes.pairs:
            return self.pairs
        named = {pair.name: pair for pair in self.pairs}
        return tuple(named[name] for name in axes.pairs if name in named)

    def _of(
        self,
        pair: Pair,
        axes: Axes,
        batch: int,
        precision: Precision,
        layout: Layout,
        regime: Regime,
    ) -> Iterator[Case]:
        finishes = axes.finishes if pair.variant.takes_finish else axes.finishes[:1]
        for finish in finishes:
            for arm in axes.arms:
                baseline = Side(pair.baseline, arm) if pair.baseline is not None else None
                if baseline is None:
                    if arm == axes.arms[0] and len(axes.arms) > 1:
                        continue  # nothing to compare the first arm with but itself
                    baseline = Side(pair.variant, axes.arms[0])
                variant = Side(pair.variant, arm)
                yield Case(
                    self.name,
                    pair.name,
                    baseline,
                    variant,
                    batch,
                    precision,
                    layout,
                    finish,
                    regime,
                )
