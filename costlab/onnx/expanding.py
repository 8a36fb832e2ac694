"""How many operators functions come to, told before any is walked.

Functions that call functions, ten times each, are a million operators in a file of a few lines.
Does not know what runs: branches and loops are left to the walk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.onnx.reading import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import NodeProto

    from costlab.onnx.reading import File

Key = tuple[str, str, str]
NOT_WRITTEN_DOWN = {"Constant", "If", "Loop", "Scan"}
"""Operators of which a walk need not write down any."""


def operators_of(file: File) -> int:
    """The operators that a walk of a file writes down at least, those of functions at each call.

    A function that calls itself counts as none within itself, nor what is too deep; the walk
    refuses both.
    """
    known: dict[Key, int] = {}

    def of_all(nodes: Iterable[NodeProto], depth: int) -> int:
        return sum(of_one(node, depth) for node in nodes)

    def of_one(node: NodeProto, depth: int) -> int:
        domain = "" if node.domain == "ai.onnx" else node.domain
        key = (domain, node.op_type, node.overload)
        function = file.functions.get(key)
        if function is None:
            return int(bool(domain) or node.op_type not in NOT_WRITTEN_DOWN)
        if key not in known and depth < DEEPEST:
            known[key] = 0
            known[key] = of_all(function.node, depth + 1)
        return known.get(key, 0)

    return of_all(file.graph.node, 0)
