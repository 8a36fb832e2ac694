"""Whether a report that was read is sound: its sums, and that each value is of its kind.

Knows reports, not the files that they come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.cost import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costlab.report import Report


def faults(report: Report) -> Iterator[str]:
    """What is wrong with the values of a report that has all its keys."""
    for name in METRICS:
        total, blocks = getattr(report.total, name), getattr(report.root.cost, name)
        if total != blocks:
            yield f"its total of {name} is {total!r}, and its blocks add up to {blocks!r}"
    yield from _miscounted(report)
    for place, count in _counts(report):
        if type(count) is not int or count < 0:
            yield f"{place} is {count!r}, which is no count"
    for place, text in _texts(report):
        if not isinstance(text, str):
            yield f"{place} is {text!r}, which is no text"
    complete: object = report.complete
    if not isinstance(complete, bool):
        yield f"complete is {complete!r}, which is neither true nor false"


def _miscounted(report: Report) -> Iterator[str]:
    """Where the list of parameters adds up to another number than the total says."""
    found, total = report.parameters, report.total
    if found is not None and (found.elements, found.executed) != (
        total.params,
        total.params_executed,
    ):
        yield (
            f"its totals of params and params_executed are {total.params!r} and "
            f"{total.params_executed!r}, and its parameters add up to {found.elements} and "
            f"{found.executed}"
        )


def _counts(report: Report) -> Iterator[tuple[str, object]]:
    yield from (
        (f"the total {name}", getattr(report.total, name)) for name in report.total.__slots__
    )
    yield "coverage", report.coverage.priced
    yield "coverage", report.coverage.free
    for unknown in report.coverage.unknown:
        yield from (("coverage", count) for count in (unknown.calls, unknown.elements))
    for block in report.root.walk():
        place = f"a count of {block.path or 'the model'}"
        yield place, block.calls
        yield from ((place, getattr(block.own, name)) for name in METRICS)
        for op in block.ops:
            yield from (
                (place, count) for count in (op.calls, op.elements, op.macs, op.flops, op.bytes)
            )
    for counter in report.counters:
        if counter.macs is not None:
            yield f"the MACs of {counter.name}", counter.macs
        terms: tuple[tuple[str, object], ...] = counter.terms
        for why, count in terms:  # a term may be negative
            yield f"the term {why!r}", abs(count) if isinstance(count, int) else count


def _texts(report: Report) -> Iterator[tuple[str, object]]:
    yield from (("the heading", text) for text in (report.model, report.mode, report.convention))
    yield from (("an input", text) for text in report.inputs)
    yield from (("a warning", text) for text in report.warnings)
    yield from (("a version", text) for pair in dict(report.versions).items() for text in pair)
    for unknown in report.coverage.unknown:
        yield from (("coverage", text) for text in (unknown.op, unknown.scope))
    for block in report.root.walk():
        yield from (("a name of a block", text) for text in (block.path, block.kind))
        yield from (("an operation", text) for op in block.ops for text in (op.op, op.family))
    for counter in report.counters:
        named = (counter.name, counter.version, counter.error, *(why for why, _ in counter.terms))
        yield from (("a counter", text) for text in named)
