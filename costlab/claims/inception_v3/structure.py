"""What reads the structure of networks: their modules, reductions, stems, grids and depth.

A module joins branches; what it is called does not matter. It knows no claim.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from costlab.claims.ledger import Finding, Reading

if TYPE_CHECKING:
    from costlab.blocks import Block
    from costlab.claims.lab import Lab
    from costlab.graph import Node
    from costlab.report import Report

Patch = tuple[tuple[int, ...], tuple[int, ...]]


def convolutions(lab: Lab, name: str, path: str = "") -> list[Node]:
    """The convolutions of a network, or of one of its blocks, in the order in which they run."""
    return [
        node
        for node in lab.graph(name).nodes
        if node.family == "convolution" and within(node.scope, path)
    ]


def within(scope: str, path: str) -> bool:
    """Whether a scope is a block or lies in it; the empty path is that of the network."""
    return not path or f"{scope}.".startswith(f"{path}.")


def patches(lab: Lab, name: str, path: str = "") -> list[Patch]:
    """Patch and stride of each convolution of a block, in order."""
    found = convolutions(lab, name, path)
    return [(node.attributes["kernel"], node.attributes["stride"]) for node in found]


def joined(report: Report) -> list[tuple[int, Block]]:
    """The blocks that join branches, each with the grid that it reads."""
    found, grid = [], 0
    for block in report.blocks:
        if not block.calls or len(block.outputs[0].shape) != len(("n", "c", "h", "w")):
            continue
        if any(op.op == "cat" for op in block.ops):
            found.append((grid, block))
        grid = block.outputs[0].shape[-1]
    return found


def modules(report: Report) -> dict[int, list[Block]]:
    """The modules that keep their grid, by that grid."""
    found: dict[int, list[Block]] = {}
    for grid, block in joined(report):
        if block.outputs[0].shape[-1] == grid:
            found.setdefault(grid, []).append(block)
    return found


def reductions(report: Report) -> list[tuple[int, Block]]:
    """The modules that reduce the grid behind the first that keeps it, with the grid they read."""
    kept = next(iter(modules(report)), 0)
    return [
        (grid, block) for grid, block in joined(report) if block.outputs[0].shape[-1] < grid <= kept
    ]


def module_counts(name: str, contradicts: str = "", *, with_reductions: bool = False) -> Reading:
    """How many modules there are at each grid, with the reductions that write as many filters."""

    def compute(lab: Lab) -> Finding:
        report = lab.report(name)
        found = {grid: len(blocks) for grid, blocks in modules(report).items()}
        wide = {grid: blocks[-1].outputs[0].shape for grid, blocks in modules(report).items()}
        passages = [
            block.outputs[0].shape[-1]
            for _, block in reductions(report)
            if block.outputs[0].shape in wide.values()
        ]
        if with_reductions:
            found = {grid: count + passages.count(grid) for grid, count in found.items()}
        listed = ", ".join(f"{count} at {grid}×{grid}" for grid, count in found.items())
        counted = "counted" if with_reductions else "not counted"
        formula = f"{listed}; reductions that write as many filters: {len(passages)}, {counted}"
        return Finding(tuple(found.values()), formula)

    title = "with reductions as wide as the modules" if with_reductions else "that keep their grid"
    return Reading(f"{name}, modules {title}", compute, contradicts=contradicts)


def drawn_as(figure: str, name: str, grid: int, contradicts: str = "") -> Reading:
    """Of how many modules at a grid the convolutions are those that a figure draws."""

    def compute(lab: Lab) -> Finding:
        same, every = matching(lab, name, grid, figure)
        return Finding((same, every), f"{same} of {every} at {grid}×{grid} have those of {figure}")

    return Reading(f"{name}", compute, contradicts=contradicts)


def matching(lab: Lab, name: str, grid: int, figure: str) -> tuple[int, int]:
    """The modules at a grid whose convolutions are those that a figure draws, and all of them."""
    drawn = Counter(patches(lab, figure))
    blocks = modules(lab.report(name)).get(grid, [])
    same = sum(Counter(patches(lab, name, block.path)) == drawn for block in blocks)
    return same, len(blocks)


def filters(name: str, *paths: str) -> Reading:
    """The filters that each of these blocks writes."""

    def compute(lab: Lab) -> Finding:
        report = lab.report(name)
        written = tuple(report.block(path).outputs[0].shape[1] for path in paths)
        return Finding(written, f"{', '.join(paths)} write {', '.join(map(str, written))}")

    return Reading(name, compute)


def padded(name: str, marked: str, title: str, *, in_reductions: bool = True) -> Reading:
    """Layers outside the modules that keep their grid that are padded, but for a marked one."""

    def compute(lab: Lab) -> Finding:
        report = lab.report(name)
        inside = {block.path for blocks in modules(report).values() for block in blocks}
        if not in_reductions:
            inside |= {block.path for _, block in reductions(report)}
        found = [
            node.scope.removesuffix(".conv")
            for node in lab.graph(name).nodes
            if node.family in {"convolution", "pooling"}
            and node.scope.partition(".")[0] not in {*inside, marked}
            and any(_sides(node))
        ]
        return Finding(len(found), f"padded besides {marked}: {', '.join(found) or 'none'}")

    return Reading(title, compute)


def _sides(node: Node) -> tuple[int, ...]:
    padding = node.attributes.get("padding", 0)
    return padding if isinstance(padding, tuple) else (padding,)


def depth(name: str, *, less: int = 0) -> Reading:
    """Weight layers on the longest path, but for so many linear layers at its end."""

    def compute(lab: Lab) -> Finding:
        layers = lab.report(name).total.depth
        without = f" − {less} linear" if less else ""
        return Finding(layers - less, f"{layers} weight layers on the longest path{without}")

    return Reading(f"{name}, convolutions alone" if less else name, compute)


def grids_reduced(name: str) -> Reading:
    """The grids that the reductions read and write, in turn."""

    def compute(lab: Lab) -> Finding:
        found = [(grid, b.outputs[0].shape[-1], b.path) for grid, b in reductions(lab.report(name))]
        listed = ", ".join(f"{path} from {before} to {after}" for before, after, path in found)
        return Finding(tuple(side for pair in found for side in pair[:2]), listed)

    return Reading(name, compute)


def widths(name: str, path: str = "", contradicts: str = "") -> Reading:
    """What the branches of a block write, and all of them together."""

    def compute(lab: Lab) -> Finding:
        report = lab.report(name)
        block = report.block(path) if path else report.root
        branches = [child.outputs[0].shape[1] for child in block.children]
        whole = block.outputs[0].shape[1]
        formula = f"{' + '.join(map(str, branches))} = {whole} filters"
        return Finding((*branches, whole), formula)

    return Reading(f"{path} of {name}" if path else name, compute, contradicts=contradicts)
