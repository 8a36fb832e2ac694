"""A model and its inputs to a report: the one way in.

Does not know where a model comes from (`costlab.sources`) nor how a report is shown.
"""

from __future__ import annotations

import gc
import platform
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import TraceError, UnknownOperationError, UsageError, words_of
from costlab.graph import Graph
from costlab.ops import installed
from costlab.release import release
from costlab.reporting import report_of
from costlab.tracing import trace
from costlab.training import DEFAULT, training_of
from costlab.training.optimizers import optimizer_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.ops import Op
    from costlab.report import Report


def analyze(
    model: torch.nn.Module,
    inputs: Any,
    *,
    mode: str | None = None,
    strict: bool = False,
    name: str | None = None,
    ops: Mapping[str, Op] | None = None,
    on: str = "auto",
    optimizer: str | None = None,
) -> Report:
    """What a model costs, exactly; the model is the same afterwards as before.

    `inputs` is a tensor, a tuple of positional arguments, a mapping of keyword arguments, or specs
    such as `"f32[1,3,299,299]"` in their place; `mode` is "eval", "train" or None for the mode
    that the model is in; `name` is what the report calls it; `ops` a table of operations, such as
    `costlab.OPS | {"my_ops::scan": Op(rule, "recurrent")}`. `on` is what the forward runs on:
    "meta" (shapes alone), "fake" or "real" tensors, or "auto", the first of these that carries it
    to its end; where that is not the first, a warning says why.

    With mode "train" said, the report has a `training` part: forward, backward and the update of
    the `optimizer` ("sgd-momentum" if none is named; `costlab.training.updates.OPTIMIZERS`).

    Raises:
        UsageError: an argument that cannot be used.
        TraceError: the forward stopped; its `partial` is the report of what ran until then.
        UnknownOperationError: `strict`, and an operation could not be counted.

    >>> analyze(torch.nn.Linear(64, 10), "f32[8,64]").total.macs == 8 * 64 * 10
    True
    """
    if optimizer is not None:
        optimizer_named(optimizer)
        if mode != "train":
            message = "an optimizer is a part of training: say mode='train' as well"
            raise UsageError(message)
    title = name or type(model).__name__
    resolved = mode or _mode_of(model)
    with _no_collection():
        try:
            graph = trace(model, inputs, mode=mode, ops=ops, on=on)
        except TraceError as error:
            if isinstance(error.partial, Graph):
                error.partial = report_on(error.partial, title, resolved, stopped=str(error))
            raise
        report = report_on(graph, title, resolved)
        if graph.autograd is not None:
            report = replace(report, training=training_of(graph, optimizer or DEFAULT))
        if ops is None and installed().said_by:
            said = installed().versions({node.op for node in graph.nodes})
            report = replace(report, versions={**report.versions, **said})
    if strict and report.coverage.unknown:
        raise UnknownOperationError(_refusal(report))
    return report


def _mode_of(model: object) -> str:
    """The mode that a model is in.

    Raises:
        UsageError: it does not let itself be asked.
    """
    try:
        return "train" if getattr(model, "training", False) else "eval"
    except Exception as error:  # whatever a module's own attribute access raises
        kind = type(model).__name__
        message = f"{kind} cannot be asked for its mode ({type(error).__name__}: {words_of(error)})"
        raise UsageError(message) from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Puts off garbage collection: in the middle of a trace it would walk all of torch's objects.

    A trace makes many small objects and hardly any cycle, so that there is nothing to collect, and
    going through them all afterwards would be part of every analysis: they are declared old.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if gc.get_freeze_count() == 0:  # else the caller has frozen objects of its own
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def report_on(graph: Graph, name: str, mode: str, stopped: str = "") -> Report:
    """The report on a traced forward; `stopped` is what ended it before its time."""
    return report_of(graph, name, mode, versions(), stopped)


def _refusal(report: Report) -> str:
    named = ", ".join(
        f"{unknown.op} (in {unknown.scope or report.model}, {unknown.elements:,} elements)"
        for unknown in report.coverage.unknown
    )
    return f"no rule prices {named}; see docs/adding-an-op.md, or analyze without strict"


@cache
def versions() -> Mapping[str, str]:
    """The versions that a number depends on."""
    return {
        "costlab": release(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
