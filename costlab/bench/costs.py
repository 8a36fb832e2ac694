"""What a subject costs in a case: counts, and the products and passes that kernels must do.

Knows no arm and no device. It traces on shapes alone: nothing is computed, no weight is made.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from costlab import sources
from costlab.bench.blame import in_words
from costlab.bench.example import inputs_of
from costlab.bench.lowering import Lowering
from costlab.bench.step import step, wanting
from costlab.bench.study import DTYPES
from costlab.bench.subjects import source_of
from costlab.bench.work import Costs
from costlab.blocks import block_tree
from costlab.errors import UsageError, did_you_mean
from costlab.graph import TensorSpec
from costlab.tracing import trace

if TYPE_CHECKING:
    from costlab.bench.study import Case, Subject
    from costlab.blocks import Block
    from costlab.graph import Graph


def price(subject: Subject, case: Case) -> Costs:
    """What one call of a subject costs, with the case's batch, finish and element type.

    Raises:
        UsageError: the source names no model, or it has no block of this path.
        SourceError: the model could not be built.
        TraceError: its forward stopped, on an input of this shape.
    """
    text = source_of(subject, case.finish)
    # The block is chosen of the graph, and the name says nothing.
    whole = replace(subject, name="", block="")
    graph = in_type(_traced(text, whole, case.batch), DTYPES[case.precision])
    block = _block(graph, subject)
    inside = f"{subject.block}."
    nodes = [
        node for node in graph.nodes if not subject.block or f"{node.scope}.".startswith(inside)
    ]
    forward = Lowering(graph, nodes, training=subject.training)
    cost = block.cost
    if not subject.training:
        products, passes = tuple(forward.products), tuple(forward.passes)
        return Costs(cost.macs, cost.params, cost.activations, cost.bytes, products, passes)
    # In half precision, weights are trained in float32, and copied for the products of each step.
    half = TensorSpec((cost.params,), DTYPES[case.precision]).bytes
    weights = TensorSpec((cost.params,), "float32").bytes
    converted = half if half < weights else 0
    products, passes = step(forward, wanting(graph, nodes), weights, converted)
    return Costs(
        sum(product.macs for product in products),
        cost.params,
        cost.activations,
        sum(product.moved for product in products) + sum(one.moved for one in passes),
        products,
        passes,
    )


def fault(subject: Subject, case: Case) -> str:
    """Why a subject cannot be traced; empty if it can."""
    try:
        price(subject, case)
    except Exception as error:  # noqa: BLE001 - a model of the user's may raise anything
        return in_words(error)
    return ""


def smallness(case: Case) -> float:
    """A key that puts the baseline with the fewest multiply-adds first, and what fails last."""
    try:
        return float(price(case.baseline.subject, case).macs)
    except Exception:  # noqa: BLE001 - its own case tells why
        return inf


@lru_cache(maxsize=128)
def _traced(text: str, subject: Subject, batch: int) -> Graph:
    """The graph of a forward; kept, as a study asks for the same one in every arm."""
    model = sources.find(text).build()
    mode = "train" if subject.training else "eval"
    return trace(model, inputs_of(subject, batch), mode=mode)


def in_type(graph: Graph, dtype: str) -> Graph:
    """A graph whose tensors of float32 are of another type: that of a model converted to it."""

    def converted(spec: TensorSpec) -> TensorSpec:
        return replace(spec, dtype=dtype) if spec.dtype == "float32" else spec

    if dtype == "float32":
        return graph
    return replace(
        graph,
        tensors=tuple(tensor._replace(spec=converted(tensor.spec)) for tensor in graph.tensors),
        parameters=tuple(one._replace(spec=converted(one.spec)) for one in graph.parameters),
    )


def _block(graph: Graph, subject: Subject) -> Block:
    """The block of the graph that is timed."""
    known = {block.path: block for block in block_tree(graph).walk()}
    if subject.block not in known:
        near = did_you_mean(subject.block, known)
        raise UsageError(f"{subject.source} has no block {subject.block!r}.{near}")
    return known[subject.block]
