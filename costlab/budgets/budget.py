"""What a budget is: limits on metrics of some models and modules, and waivers of them.

It is data; it knows neither the file that it was read from, beyond the place, nor any report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from fractions import Fraction

Metric = Literal[
    "macs",
    "flops",
    "params",
    "params_executed",
    "activations",
    "peak_activation_bytes",
    "bytes",
    "depth",
]
METRICS: tuple[Metric, ...] = get_args(Metric)
WHOLE_MODEL: frozenset[Metric] = frozenset({"peak_activation_bytes", "depth"})
"""Measures of a whole graph: they cannot be limited a module or an operation."""
Per = Literal["match", "sum"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a file and a line, or the command line (line 0)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        """As an editor jumps to it.

        >>> str(Place("pyproject.toml", 12)), str(Place("--max"))
        ('pyproject.toml:12', '--max')
        """
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Limit:
    """Limits on one metric, each as it was written and as a number; None where there is none.

    `warn` and `max` are absolute, inclusive. `max_increase` is relative to the baseline, in shares
    of it (2 % is 1/50); it is broken only by an increase of more than `and_over` too, an absolute
    floor. `anchor_increase` is the same relative to the anchor, a baseline that stays while the
    other moves on, so that small increases cannot add up unseen. `place` is that of the limit,
    where it has a line of its own.
    """

    metric: Metric
    warn: int | None = None
    max: int | None = None
    max_increase: Fraction | None = None
    and_over: int = 0
    anchor_increase: Fraction | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits for the models and modules that match; everything named must exist.

    `models` and `modules` are globs: `*` stops at dots, `**` does not. Without `modules` the whole
    model is limited; `per` is whether each matching module is held to the limits, or their sum.
    `ops` are kinds of operations (conv2d, linear, …) or families, in place of modules.
    """

    id: str
    place: Place
    models: tuple[str, ...]
    limits: tuple[Limit, ...]
    modules: tuple[str, ...] = ()
    per: Per = "match"
    ops: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """Lets a budget be broken, up to a ceiling, until a day, for a reason.

    `up_to` is the ceiling for the budget's metric (or `metric`, if it has several); `modules` are
    globs of those of the budget's modules that are let off, all of them if there are none.
    """

    budget: str
    place: Place
    up_to: int
    reason: str
    expires: date
    models: tuple[str, ...] = ("*",)
    metric: Metric | None = None
    modules: tuple[str, ...] = ()


On = Literal["auto", "meta", "fake", "real"]
"""What a forward runs on: shapes alone, fake or real tensors; or the first of these that does."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that budgets speak of: its source as `costlab report` takes it, and its inputs.

    `kwargs` are further arguments of its factory; no `inputs` means those that it is made for, or
    what the function `inputs_from` returns; `on` is what the forward runs on.
    """

    name: str
    source: str
    place: Place
    inputs: tuple[str, ...] = ()
    mode: Literal["eval", "train"] = "eval"
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    inputs_from: str = ""
    on: On = "auto"


@dataclass(frozen=True, slots=True)
class Config:
    """All that a budget file says.

    `baseline` and `anchor` are `file:PATH`, `git:REF` or `merge-base:REF`, empty for none.
    """

    models: tuple[ModelSpec, ...]
    budgets: tuple[Budget, ...]
    waivers: tuple[Waiver, ...] = ()
    baseline: str = ""
    anchor: str = ""
    file: str = ""
