"""Budgets from the command line: `--max macs=5.8G`, `--warn`, `--max-increase macs=2%`.

Knows neither the command line's parser nor any report. Limits that are given so stand beside those
of a budget file: what contradicts a file's limit is an error, and never loosens it in silence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from costlab.budgets.budget import (
    METRICS,
    WHOLE_MODEL,
    Budget,
    Config,
    Limit,
    Metric,
    ModelSpec,
    On,
    Place,
)
from costlab.budgets.consistency import agree
from costlab.budgets.quantities import amount, share, shown
from costlab.errors import UsageError, did_you_mean
from costlab.globs import pattern
from costlab.inputspec import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

NAME = "command line"
Option = Literal["warn", "max", "max_increase"]


def budgets(
    *,
    most: Sequence[str] = (),
    warn: Sequence[str] = (),
    increase: Sequence[str] = (),
    modules: Sequence[str] = (),
) -> tuple[Budget, ...]:
    """The budget that options ask for: one for all models; none if no limit is given.

    `most` are the values of `--max`, `warn` of `--warn`, `increase` of `--max-increase`, each
    `METRIC=QUANTITY`; `modules` those of `--module`, each match of which is held to the limits.

    Raises:
        UsageError: an option cannot be read; the message names it.

    >>> (found,) = budgets(most=["macs=5.8G"], warn=["macs=5.75G"])
    >>> found.limits[0].max, found.limits[0].warn
    (5800000000, 5750000000)
    """
    limits: dict[Metric, Limit] = {}
    options: tuple[tuple[Option, Sequence[str]], ...] = (
        ("max", most), ("warn", warn), ("max_increase", increase)
    )  # fmt: skip
    for kind, texts in options:
        for text in texts:
            metric, found, written = _limit(kind, text)
            before = limits.get(metric, Limit(metric))
            flag = f"--{kind.replace('_', '-')}"
            if kind in before.written:
                raise UsageError(f"{flag} {text}: there is a limit of {metric} already; give one")
            if modules and metric in WHOLE_MODEL:
                raise UsageError(f"{flag} {text}: {metric} is of a whole model, not of --module")
            told = {**before.written, kind: written}
            changed: Any = {kind: found, "written": told}
            limits[metric] = replace(before, **changed)
    _agreeing(limits, modules)
    if not limits:
        return ()
    given = [f"--{kind.replace('_', '-')}" for kind, texts in options if texts]
    listed = tuple(limits[metric] for metric in METRICS if metric in limits)
    return (Budget(NAME, Place(" ".join(given)), ("**",), listed, tuple(modules)),)


def _agreeing(limits: Mapping[Metric, Limit], modules: Sequence[str]) -> None:
    """Raises a UsageError for limits that contradict each other, or modules without any."""
    for limit in limits.values():
        if limit.warn is not None and limit.max is not None and limit.warn >= limit.max:
            raise UsageError(f"--warn {limit.metric} is not below --max, and would never be seen")
    for glob in modules:
        if not glob.strip():
            raise UsageError("--module is empty; name a module, or a glob")
        pattern(glob)
    if modules and not limits:
        raise UsageError("--module needs a limit for what it matches, such as --max macs=400M")


def for_model(
    source: str,
    asked: Sequence[Budget],
    *,
    inputs: Sequence[str] = (),
    inputs_from: str = "",
    mode: str = "eval",
    on: str = "auto",
    baseline: str = "",
    anchor: str = "",
) -> Config:
    """A configuration of one model, named as it was written, and the budgets of the options.

    Raises:
        UsageError: there is no budget, or an input or the mode cannot be read.
    """
    if not asked:
        raise UsageError(f"there is no limit for {source}; give one, such as --max macs=5.8G")
    if mode not in {"eval", "train"}:
        raise UsageError(f"--mode is {shown(mode)}; it must be eval or train")
    for text in inputs:
        read(text)
    spec = ModelSpec(
        source,
        source,
        Place("MODEL"),
        tuple(inputs),
        cast("Literal['eval', 'train']", mode),
        inputs_from=inputs_from,
        on=cast("On", on),
    )
    return Config((spec,), tuple(asked), (), baseline, anchor)


def beside(config: Config, asked: Sequence[Budget]) -> Config:
    """A file's configuration with the budgets of options beside its own.

    Raises:
        UsageError: the two limit the same in two ways.
    """
    both = replace(config, budgets=(*config.budgets, *asked))
    agree(both)
    return both


def _limit(kind: Option, text: str) -> tuple[Metric, int | Fraction, str]:
    """The metric and the limit that an option's text says."""
    flag = f"--{kind.replace('_', '-')}"
    name, equals, quantity = text.partition("=")
    name = name.strip()
    example = "macs=2%" if kind == "max_increase" else "macs=5.8G"
    if not equals:
        raise UsageError(f"{flag} {text}: write a metric and its limit, such as {flag} {example}")
    if name not in METRICS:
        near = did_you_mean(name, METRICS)
        raise UsageError(
            f"{flag} {text}: there is no metric {shown(name)}.{near} Metrics: {', '.join(METRICS)}"
        )
    metric: Metric = name
    try:
        found = share(quantity) if kind == "max_increase" else amount(quantity, metric)
    except UsageError as error:
        raise UsageError(f"{flag} {text}: {error}") from error
    return metric, found, quantity.strip()
