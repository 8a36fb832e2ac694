"""What is counted convolution by convolution, along the traced graph: weights, widths, patches."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from costlab.claims.document import Part
from costlab.claims.inception_v3.structure import convolutions, modules, within
from costlab.claims.ledger import Finding, Reading

if TYPE_CHECKING:
    from costlab.claims.lab import Lab
    from costlab.graph import Graph, Node


def weights_times_places(lab: Lab) -> Finding:
    """Multiply-adds of all convolutions less weights times places written, in one network."""
    found = convolutions(lab, "inception_v3")
    macs = sum(node.macs for node in found)
    closed_form = sum(weights(node) * places(node, lab.graph("inception_v3")) for node in found)
    formula = f"{macs:,} MACs − Σ weights · height · width of {len(found)} convolutions"
    return Finding(macs - closed_form, f"{formula} = {macs - closed_form}")


def weights(node: Node) -> int:
    """Weights of a convolution, by its own description."""
    channels, filters = node.attributes["channels"]
    return int(filters * channels // node.attributes["groups"] * prod(node.attributes["kernel"]))


def places(node: Node, graph: Graph) -> int:
    """Height times width of what a convolution writes."""
    return prod(graph.tensors[node.outputs[0]].spec.shape[2:])


def expansions(lab: Lab, side: int) -> list[Fraction]:
    """By how much each convolution of this patch in GoogLeNet's modules widens its input."""
    return [
        Fraction(node.attributes["channels"][1], node.attributes["channels"][0])
        for node in convolutions(lab, "googlenet")
        if node.attributes["kernel"] == (side, side) and "inception" in node.scope
    ]


def expansion(side: int, contradicts: str = "", *, least: bool = False) -> Reading:
    """The expansions of GoogLeNet's convolutions of one patch, their mean or the least."""
    kind = "least" if least else "mean"

    def compute(lab: Lab) -> Finding:
        found = expansions(lab, side) or [Fraction(0)]
        value = min(found) if least else sum(found) / len(found)
        return Finding(value, f"{kind} of {', '.join(f'{float(one):.2f}' for one in found)}")

    return Reading(f"{kind} over the {side}×{side}", compute, contradicts=contradicts)


def grids_of(*kernels: tuple[int, int], name: str, last: bool = False) -> Reading:
    """The grid at which convolutions of these patches run, the smallest or the largest."""

    def compute(lab: Lab) -> Finding:
        graph = lab.graph(name)
        found = sorted(
            {
                graph.tensors[node.outputs[0]].spec.shape[-1]
                for node in convolutions(lab, name)
                if node.attributes["kernel"] in kernels
            }
        )
        told = " and ".join(f"{height}×{width}" for height, width in kernels)
        formula = f"grids of {name}'s {told}: {', '.join(map(str, found)) or 'none'}"
        return Finding((found[-1] if last else found[0]) if found else 0, formula)

    return Reading(f"{'largest' if last else 'smallest'} in {name}", compute)


def local_shares(name: str) -> Reading:
    """From how many grids to the next coarser one the share of 1×1 in the modules' MACs grows."""

    def compute(lab: Lab) -> Finding:
        shares = {}
        for grid, blocks in modules(lab.report(name)).items():
            found = [n for block in blocks for n in convolutions(lab, name, block.path)]
            local = sum(node.macs for node in found if node.attributes["kernel"] == (1, 1))
            shares[grid] = Fraction(local, sum(node.macs for node in found))
        grows = [after > before for before, after in pairwise(shares.values())]
        listed = ", ".join(f"{float(s):.1%} at {grid}×{grid}" for grid, s in shares.items())
        return Finding((sum(grows), len(grows)), listed)

    return Reading(name, compute)


def reduced_first(name: str) -> Reading:
    """Cost of the branches with a 1×1 before a larger patch, beside those patches without it."""

    def compute(lab: Lab) -> Finding:
        spent, direct, parts = 0, Fraction(0), []
        for before, node in pairwise(convolutions(lab, name)):
            branch = before.scope.rpartition(".")[0].rpartition(".")[0]
            narrow = before.attributes["kernel"] == (1, 1) and "inception" in branch
            if not narrow or not within(node.scope, branch) or not branch.partition(".")[2]:
                continue
            read, kept = before.attributes["channels"]
            spent += before.macs + node.macs
            direct += node.macs * Fraction(read, kept)
            parts.append(Part(branch, before.macs + node.macs))
        formula = f"{spent:,} / {int(direct):,} over {len(parts)} branches"
        return Finding(Fraction(spent) / direct, formula, tuple(parts))

    return Reading(name, compute)


def pooled_then_projected(lab: Lab) -> Finding:
    """Modules of GoogLeNet whose branch of the pooling projects behind it, and all modules."""
    blocks = [b for found in modules(lab.report("googlenet")).values() for b in found]
    behind = 0
    for block in blocks:
        inside = [n for n in lab.graph("googlenet").nodes if within(n.scope, block.path)]
        pooling = [n for n in inside if n.family == "pooling"]
        read = {number for n in inside if n.family == "convolution" for number in n.inputs}
        behind += bool(pooling) and all(n.outputs[0] in read for n in pooling)
    formula = f"in {behind} of {len(blocks)} modules a convolution reads what is pooled"
    return Finding((behind, len(blocks)), formula)


def sides_of_patches(name: str, contradicts: str = "") -> Reading:
    """The patches that every module of a network has, by their side."""

    def compute(lab: Lab) -> Finding:
        blocks = [b for found in modules(lab.report(name)).values() for b in found]
        sides = [
            {n.attributes["kernel"][0] for n in convolutions(lab, name, block.path)}
            for block in blocks
        ]
        shared = tuple(sorted(set.intersection(*sides))) if sides else ()
        return Finding(shared, f"patches of each of {len(blocks)} modules, by their side: {shared}")

    return Reading(name, compute, contradicts=contradicts)
