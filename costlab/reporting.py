"""A graph to a report: the tree of blocks, the totals, and what is to be said of them.

Does not know where a graph comes from, nor how a report is shown.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING

from costlab.blocks import REMARK, Block, block_tree
from costlab.dataflow import depth, peak_activation_bytes
from costlab.graph import Coverage, Graph
from costlab.inputspec import format_spec
from costlab.parameters import parameters_of
from costlab.report import Covered, Report, Total, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

COVERAGE = attrgetter("coverage")
COMPLEX = (
    "a multiply-add of complex numbers is counted as one, as torch's FlopCounterMode does; in "
    "real numbers it takes four"
)


def report_of(
    graph: Graph, name: str, mode: str, versions: Mapping[str, str], stopped: str = ""
) -> Report:
    """The report on a graph; `stopped` is what ended its forward before its time."""
    root = block_tree(graph)
    coverage = _coverage(graph)
    warnings = [stopped] if stopped else []
    warnings += [*graph.remarks, *_remarks(graph)]
    if coverage.unknown:
        count = len(coverage.unknown)
        named = "operation is" if count == 1 else "operations are"
        warnings.append(f"{count} {named} unknown: the totals are a lower bound")
    return Report(
        model=name,
        mode=mode,
        inputs=graph.arguments
        or tuple(
            f"{argument}={format_spec(graph.tensors[number].spec)}".removeprefix("=")
            for argument, number in zip(graph.input_names, graph.inputs, strict=True)
        ),
        total=_total(graph, root),
        coverage=coverage,
        root=root,
        versions=versions,
        warnings=tuple(warnings),
        complete=not stopped,
        parameters=parameters_of(graph),
    )


def _total(graph: Graph, root: Block) -> Total:
    cost = root.cost
    return Total(
        macs=cost.macs,
        flops=cost.flops,
        params=cost.params,
        params_executed=cost.params_executed,
        activations=cost.activations,
        peak_activation_bytes=peak_activation_bytes(graph),
        bytes=cost.bytes,
        depth=depth(graph),
    )


def _coverage(graph: Graph) -> Covered:
    kinds = Counter(map(COVERAGE, graph.nodes))
    unknown: dict[tuple[str, str], list[int]] = {}
    if kinds[Coverage.UNKNOWN]:
        for node in graph.nodes:
            if node.coverage is Coverage.UNKNOWN:
                seen = unknown.setdefault((node.op, node.scope), [0, 0])
                seen[0] += 1
                seen[1] += sum(graph.tensors[number].spec.elements for number in node.outputs)
    ranked = sorted(unknown.items(), key=lambda item: -item[1][1])
    return Covered(
        kinds[Coverage.PRICED],
        kinds[Coverage.FREE],
        tuple(Unknown(op, scope, *seen) for (op, scope), seen in ranked),
    )


def _remarks(graph: Graph) -> list[str]:
    """What is remarked on parameters and operations, each remark once, with the first place."""
    places: dict[str, list[str]] = {}
    for path, _, _, _, _, _, _, remark in graph.parameters:
        if remark:
            places.setdefault(remark, []).append(path)
    tensors = graph.tensors
    for _, _, _, scope, _, outputs, macs, _, attributes in graph.nodes:
        if REMARK in attributes:
            places.setdefault(attributes[REMARK], []).append(scope)
        if macs and tensors[outputs[0]].spec.dtype.startswith("complex"):
            places.setdefault(COMPLEX, []).append(scope or "the model")
    return [
        f"{scopes[0]}{f' and {len(scopes) - 1} more' if len(scopes) > 1 else ''}: {remark}"
        for remark, scopes in places.items()
    ]
