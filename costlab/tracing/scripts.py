"""Scripted code run as it was written, whatever torch's executor has made of it by now.

Does not know what its kernels cost.
"""

from __future__ import annotations

from typing import Any

import torch

AS_WRITTEN = "__as_written__"
"""The name of what runs the graph, whose own call is not to be taken for one of the model's."""


def run_as_written(call: Any, script: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What scripted code returns: its graph, run by an executor of its own that optimizes nothing.

    From its second run on, torch's executor wraps what has gradients in a subgraph whose operands
    it detaches. To whoever watches kernels that is the end of all gradients, and it comes sooner or
    later, after how often the code ran before (torch/csrc/jit/runtime, the profiling executor).
    """
    given = _positional(script, args, kwargs)
    if given is None:
        return call(script, *args, **kwargs)  # raises torch's own error
    run = torch._C._create_function_from_graph(AS_WRITTEN, script.graph.copy())  # noqa: SLF001 - torch has no public name for it
    with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]  # torch does not list it
        return run(*given)


def unseen_kernels(script: Any) -> list[str]:
    """The kernels of a script that torch's dispatcher is not told of, each as often as it is there.

    Source: `torch.jit.optimize_for_inference`, which puts oneDNN's in (frozen_ops_to_mkldnn.cpp).
    """
    found: list[str] = []
    blocks = [script.graph]
    while blocks:
        for node in blocks.pop().nodes():
            blocks += node.blocks()
            if node.kind().startswith(("prim::mkldnn", "prim::MKLDNN")):
                found.append(node.kind())
    return found


def _positional(script: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any] | None:
    """The arguments in order, with defaults, which a graph does not know; None if they do not fit.

    Those of a method begin with its module.
    """
    own = [script.owner] if isinstance(script, torch._C.ScriptMethod) else []  # noqa: SLF001 - as above
    given = [*own, *args]
    named = dict(kwargs)
    wanted = script.schema.arguments
    for argument in wanted[len(given) :]:
        if argument.name in named:
            given.append(named.pop(argument.name))
        elif argument.has_default_value():
            given.append(argument.default_value)
        else:
            return None
    return None if named or len(given) > len(wanted) else given
