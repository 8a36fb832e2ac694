"""What compares Inception-v4 and the Inception-ResNets: kinds of modules, stems, residuals."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.claims.inception_v3.structure import (
    convolutions,
    joined,
    modules,
    patches,
    reductions,
)
from costlab.claims.ledger import Finding, Reading

if TYPE_CHECKING:
    from costlab.blocks import Block
    from costlab.claims.lab import Lab
    from costlab.report import Report

MODULES = ("A", "B", "C")


def first_of(report: Report, kind: str) -> str:
    """The path of the first block of a kind; the empty string if there is none."""
    return next((block.path for block in report.blocks if block.kind == kind), "")


def alike(name: str, other: str, *kinds: str) -> Reading:
    """Of how many kinds of module two networks have the same convolutions but for filters."""

    def compute(lab: Lab) -> Finding:
        told = []
        for kind in kinds:
            mine, theirs = (first_of(lab.report(network), kind) for network in (name, other))
            same = patches(lab, name, mine) == patches(lab, other, theirs)
            told.append(bool(mine and theirs) and same)
        listed = ", ".join(
            f"{kind}: {'same' if equal else 'different'}"
            for kind, equal in zip(kinds, told, strict=True)
        )
        formula = f"patches and strides in turn; {listed}: {sum(told)} of {len(told)}"
        return Finding((sum(told), len(told)), formula)

    return Reading(f"{name} and {other}", compute)


def module_kinds(name: str) -> Reading:
    """At how many grids there are modules, and at how many of them all are of one structure."""

    def compute(lab: Lab) -> Finding:
        report = lab.report(name)
        uniform, told = 0, []
        for grid, blocks in modules(report).items():
            kinds: dict[str, list[Block]] = {}
            for block in blocks:
                kinds.setdefault(block.kind, []).append(block)
            named = [kind for kind in kinds if kind.endswith(MODULES)]
            shapes = {tuple(patches(lab, name, b.path)) for k in named for b in kinds[k]}
            uniform += len(named) == 1 and len(shapes) == 1
            told.append(
                f"{sum(len(kinds[k]) for k in named)} of {'/'.join(named)} at {grid}×{grid}"
            )
        return Finding((uniform, len(modules(report))), ", ".join(told))

    return Reading(name, compute)


def stem(lab: Lab, name: str) -> list[tuple[object, ...]]:
    """Patch, stride and filters of each convolution before the first module A."""
    report = lab.report(name)
    first = first_of(report, "InceptionA") or first_of(report, "InceptionResNetA")
    found: list[tuple[object, ...]] = []
    for node in convolutions(lab, name):
        if node.scope.startswith(f"{first}."):
            break
        told = node.attributes
        found.append((told["kernel"], told["stride"], told["channels"][1]))
    return found


def stems(name: str, other: str) -> Reading:
    """Whether two networks begin with the same convolutions, up to their first module A."""

    def compute(lab: Lab) -> Finding:
        mine, theirs = stem(lab, name), stem(lab, other)
        formula = f"{len(mine)} and {len(theirs)} convolutions before the first module A"
        return Finding((int(mine == theirs), 1), formula)

    return Reading(f"{name} and {other}", compute)


def residual_blocks(report: Report) -> list[tuple[int, Block]]:
    """The blocks that join branches and add them to their input, each with its input's width."""
    found, width = [], 0
    joining = {block.path for _, block in joined(report)}
    for block in report.blocks:
        if block.path in joining and any(op.op == "add" for op in block.ops):
            found.append((width, block))
        if block.calls:
            width = block.outputs[0].shape[1]
    return found


def restored(name: str) -> Reading:
    """Residual modules that end in a 1×1 as wide as their input, and all of them."""

    def compute(lab: Lab) -> Finding:
        blocks = residual_blocks(lab.report(name))
        same = 0
        for width, block in blocks:
            last = convolutions(lab, name, block.path)[-1].attributes
            same += last["kernel"] == (1, 1) and last["channels"][1] == width
        share = Fraction(same, len(blocks)) if blocks else 0
        return Finding(share, f"{same} of {len(blocks)} residual modules of {name}")

    return Reading(name, compute)


def pooling(report: Report) -> tuple[list[Block], list[Block]]:
    """The modules A, B and C of a network, and those of them that pool."""
    main = [b for b in report.blocks if b.kind.endswith(MODULES) and "Reduction" not in b.kind]
    return main, [block for block in main if block.tally("pooling").calls]


def pooling_blocks(name: str) -> Reading:
    """How many modules pool, how many reductions do, and how many reductions there are."""

    def compute(lab: Lab) -> Finding:
        main, pooled = pooling(lab.report(name))
        reducing = [block for _, block in reductions(lab.report(name))]
        still = [block.path for block in reducing if block.tally("pooling").calls]
        formula = (
            f"{len(pooled)} of {len(main)} modules pool, and {len(still)} of {len(reducing)} "
            f"reductions: {', '.join(still) or 'none'}"
        )
        return Finding((len(pooled), len(still), len(reducing)), formula)

    return Reading(name, compute)


def pooling_share(name: str) -> Reading:
    """The share of the modules A, B and C that pool."""

    def compute(lab: Lab) -> Finding:
        main, pooled = pooling(lab.report(name))
        share = Fraction(len(pooled), len(main)) if main else 0
        return Finding(share, f"{len(pooled)} of {len(main)} modules pool")

    return Reading(name, compute)


def scales(name: str, *, largest: bool = False) -> Reading:
    """The least or the largest factor by which a network scales its residuals."""

    def compute(lab: Lab) -> Finding:
        told = [getattr(module, "scale", None) for module in lab.model(name).modules()]
        every = [scale for scale in told if isinstance(scale, float)]
        found = sorted({scale for scale in every if scale != 1}) or [0.0]
        formula = (
            f"residuals are scaled by {', '.join(map(str, found))}; "
            f"{every.count(1.0)} of {len(every)} are not scaled"
        )
        return Finding(Fraction(str(found[-1] if largest else found[0])), formula)

    return Reading(f"{'largest' if largest else 'least'} of {name}", compute)


def widest(name: str) -> Reading:
    """The most filters that a residual module writes."""

    def compute(lab: Lab) -> Finding:
        found = {b.kind: b.outputs[0].shape[1] for _, b in residual_blocks(lab.report(name))}
        listed = ", ".join(f"{kind} {count}" for kind, count in found.items())
        return Finding(max(found.values(), default=0), f"filters of the residual modules: {listed}")

    return Reading(name, compute)
