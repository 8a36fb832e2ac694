"""What a step of training costs, of a graph that was traced for it: backward, memory, optimizer.

Knows neither torch nor text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.graph import Autograd, Coverage
from costlab.training.backward import products
from costlab.training.document import NOTHING, BlockCost, Memory, Training
from costlab.training.memory import peaks
from costlab.training.needs import Needs, gradient_needs
from costlab.training.optimizers import operations, state_bytes
from costlab.training.saved import Kept, kept
from costlab.training.updates import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.graph import Checkpoint, Graph
    from costlab.training.flow import Step

__all__ = ["DEFAULT", "BlockCost", "Memory", "Training", "training_of"]


def training_of(graph: Graph, optimizer: str = DEFAULT) -> Training:
    """What one step of training costs.

    Raises:
        UsageError: there is no such optimizer.
    """
    noted = graph.autograd or Autograd()
    needs = gradient_needs(graph)
    found = {step.node: kept(graph, step) for step in needs.steps}
    own: dict[str, BlockCost] = {}

    def charge(scope: str, cost: BlockCost) -> None:
        if any(cost):
            own[scope] = own.get(scope, NOTHING).plus(cost)

    for node in graph.nodes:
        charge(node.scope, BlockCost(forward_macs=node.macs))
    # What the forward does not know is not known of the backward either.
    unpriced = {node.op: None for node in graph.nodes if node.coverage is Coverage.UNKNOWN}
    for step in needs.steps:
        priced = _gradients(graph, needs, step)
        if priced is None:
            unpriced[graph.nodes[step.node].op] = None
        else:
            charge(graph.nodes[step.node].scope, priced)
    for at in _recomputed(graph, found):
        charge(graph.nodes[at].scope, BlockCost(recomputed_macs=graph.nodes[at].macs))
    for scope, size in _saved_by_scope(graph, found):
        charge(scope, BlockCost(saved_bytes=size))
    trainable = sum(
        parameter.elements for parameter in graph.parameters if parameter.tensor in needs.reached
    )
    return Training(
        optimizer=optimizer,
        optimizer_flops=operations(optimizer) * trainable,
        trainable=trainable,
        memory=_memory(graph, needs, found, optimizer),
        own=own,
        unpriced=(*unpriced, *needs.refused, *noted.lost),
        handwritten=noted.functions,
        assumed=tuple(
            dict.fromkeys(
                [graph.nodes[at].op for at, keeps in found.items() if keeps.assumed]
                + list(noted.guessed)
            )
        ),
    )


def _gradients(graph: Graph, needs: Needs, step: Step) -> BlockCost | None:
    """The multiply-adds of the gradients of one operation; None if no rule knows them."""
    specs = [graph.tensors[number].spec for number in step.operands]
    found = products(graph.nodes[step.node], specs, step.wanted)
    if found is None:
        return None
    of_inputs = sum(macs for at, macs in found if needs.of_inputs[step.operands[at]])
    of_weights = sum(macs for at, macs in found) - of_inputs
    return BlockCost(input_gradient_macs=of_inputs, weight_gradient_macs=of_weights)


def _recomputed(graph: Graph, found: Mapping[int, Kept]) -> list[int]:
    """The operations that a backward runs anew, in checkpointed regions, as often as it does.

    Each region is run anew once, and what lies in several of them once for each: the outer one
    runs the forward of the inner one, which then is run by itself.
    All of a region in the re-entrant variant. The other one stops as soon as it has all that was
    kept: an operation that keeps only what it reads, and is the last to keep anything, is not run.
    """
    nodes: list[int] = []
    regions = (graph.autograd or Autograd()).checkpoints
    for at, region in enumerate(regions):
        if not any(node in found for node in range(region.start, region.stop)):
            continue
        inner = [held for held in regions[:at] if region.start <= held.start < region.stop]
        end = _end(graph, region, inner, found) if region.stops_early else region.stop
        nodes += range(region.start, end)
    return nodes


def _end(
    graph: Graph, region: Checkpoint, inner: list[Checkpoint], found: Mapping[int, Kept]
) -> int:
    """Where a region that is run anew stops: what is kept within an inner one is not its own.

    Of an inner one it keeps what goes in: that is there before it runs, or after if re-entrant,
    as a function keeps what it is given when it is through.
    """
    within = {node for held in inner for node in range(held.start, held.stop)}
    ends = [held.stop if held.reentrant else held.start for held in inner]
    for node in range(region.start, region.stop):
        if node in found and node not in within and any(found[node][:2]):
            makes = not set(graph.nodes[node].outputs).isdisjoint(found[node].tensors)
            ends.append(node + 1 if makes or found[node].extra_bytes else node)
    return max(ends, default=region.start)


def _saved(graph: Graph, found: Mapping[int, Kept]) -> list[tuple[int, tuple[int, ...], int]]:
    """What is kept from the forward on: the operation that keeps it, tensors, and other bytes.

    A checkpointed region keeps what it reads from outside, and nothing of its own; one within
    another keeps nothing at all.
    """
    regions = (graph.autograd or Autograd()).checkpoints
    kept_by: list[tuple[int, tuple[int, ...], int]] = []
    within: set[int] = set()
    for region in reversed(regions):
        inside = range(region.start, region.stop)
        if within.issuperset(inside):
            continue
        if any(at in found for at in inside):
            made = {number for at in inside for number in graph.nodes[at].outputs}
            read = {number for at in inside for number in graph.nodes[at].inputs}
            kept_by.append((region.start, tuple(sorted(read - made)), 0))
        within.update(inside)
    kept_by += [
        (at, keeps.tensors, keeps.extra_bytes) for at, keeps in found.items() if at not in within
    ]
    return sorted(kept_by)


def _saved_by_scope(graph: Graph, found: Mapping[int, Kept]) -> Iterator[tuple[str, int]]:
    """Where how many bytes are kept: each tensor's memory once, where it is kept first."""
    held = (graph.autograd or Autograd()).held
    seen = {graph.tensors[number].storage for number in held}
    for at, tensors, extra in _saved(graph, found):
        size = extra
        for number in tensors:
            storage = graph.tensors[number].storage
            if storage not in seen:
                seen.add(storage)
                size += graph.tensors[storage].spec.bytes
        yield graph.nodes[at].scope, size


def _memory(graph: Graph, needs: Needs, found: Mapping[int, Kept], optimizer: str) -> Memory:
    """The bytes that a step holds."""
    trained = [
        parameter.spec for parameter in graph.parameters if parameter.tensor in needs.reached
    ]
    parameter_bytes = sum(parameter.bytes for parameter in graph.parameters)
    buffer_bytes = sum(spec.bytes for spec in graph.buffers)
    state = sum(state_bytes(optimizer, spec) for spec in trained)
    most = peaks(graph, needs, found)
    # What no module registers is given to no optimizer, and is there all the same.
    strays = (graph.autograd or Autograd()).strays
    there = parameter_bytes + buffer_bytes + sum(graph.tensors[at].spec.bytes for at in strays)
    return Memory(
        parameter_bytes=parameter_bytes,
        buffer_bytes=buffer_bytes,
        gradient_bytes=sum(spec.bytes for spec in trained),
        optimizer_state_bytes=state,
        peak_activation_bytes=most.activations,
        peak_bytes=there + state + most.with_gradients,
    )
