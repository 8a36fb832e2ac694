"""Values of a traced module that something writes to in place, by whatever name.

It knows no kernel. Such a value may not be read sooner than the module reads it, nor share memory
with what it is concatenated to.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from costlab.bench.fused import RELUS
from costlab.bench.kernels.weights import changed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import fx

FRESH = frozenset(
    {
        nn.AdaptiveAvgPool2d,
        nn.AvgPool2d,
        nn.BatchNorm2d,
        nn.Conv2d,
        nn.Linear,
        nn.MaxPool2d,
        F.adaptive_avg_pool2d,
        F.avg_pool2d,
        F.max_pool2d,
        operator.add,
        operator.mul,
        operator.sub,
        torch.add,
        torch.cat,
        torch.concat,
        torch.mul,
    }
)
"""What gives memory of its own; of all else the result may be its input, or a view of it."""


def written(
    graph: fx.Graph, modules: Mapping[str, nn.Module], absorbed: Collection[fx.Node]
) -> set[fx.Node]:
    """The values in whose memory something writes after they are made.

    What is `absorbed` into a launch writes to nothing but what the launch gives. `y += x` is not
    seen, as torch.fx makes `y = y + x` of it.
    """
    memory: dict[fx.Node, set[fx.Node]] = {}
    found: set[fx.Node] = set()
    for node in graph.nodes:
        memory[node] = {node}
        if node in absorbed or node.op == "output":
            continue
        writes = in_place(node, modules)
        kind = type(modules[str(node.target)]) if node.op == "call_module" else node.target
        if not writes and kind in FRESH:
            continue
        for source in node.all_input_nodes:
            both = memory[node] | memory[source]
            for one in both:
                memory[one] = both
        if writes:
            found.add(node)
    return {one for node in found for one in memory[node]}


def in_place(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a call writes to what it is given, by its arguments or by its name.

    The names of torch's functions and methods that do end in one underscore.
    """
    if node.op == "call_module":
        module = modules[str(node.target)]
        # What was put in a layer's place, or hooked to it, may write anywhere.
        return bool(getattr(module, "inplace", False)) or changed(module)
    if node.op not in {"call_function", "call_method"}:
        return False
    target = node.target
    name = target if isinstance(target, str) else str(getattr(target, "__name__", ""))
    name = name.partition(".")[0]  # of an overload
    asked = node.kwargs.get("inplace") is True or node.kwargs.get("out") is not None
    relu = target in RELUS and node.args[1:] == (True,)
    return asked or relu or (name.endswith("_") and not name.endswith("__"))
