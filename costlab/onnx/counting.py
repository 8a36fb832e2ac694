"""A file of ONNX to a report: read, bound to its inputs, walked, summed.

Does not know how a report is shown. torch is not needed.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from operator import eq
from typing import TYPE_CHECKING

from costlab.errors import SourceError, UsageError
from costlab.graph import Coverage, Graph, Module
from costlab.onnx.expanding import Rest, operators_of
from costlab.onnx.held import grouped, sorted_out
from costlab.onnx.inputs import bind, wanted_by
from costlab.onnx.reading import read
from costlab.onnx.scopes import cut, levels_of, owner_of, with_parents
from costlab.onnx.tape import MOST_NODES, TOO_MANY
from costlab.onnx.walking import Walk
from costlab.reporting import report_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from costlab.graph import TensorSpec
    from costlab.onnx.reading import File
    from costlab.report import Report

CONTAINER = "scope"
"""What a block is called that stands for a part of the path only."""
CUT = "the paths of blocks are cut to {} levels: what stands deeper is counted in the one around it"


def report(path: str, specs: Sequence[str], mode: str = "eval", name: str | None = None) -> Report:
    """What the model in a file costs on inputs of these specs, or of the shapes that it fixes.

    Raises:
        UsageError: an input does not fit, or is not known; a mode that a file cannot be in.
        SourceError: the file cannot be read.
    """
    if mode != "eval":
        message = f"{path} is a graph as it was exported, and cannot be trained; leave {mode} out"
        raise UsageError(message)
    graph = graph_of(path, specs)
    return report_of(graph, name or path, mode, versions())


def versions() -> Mapping[str, str]:
    """The versions that a number depends on."""
    return {
        "costlab": version("costlab"),
        "onnx": version("onnx"),
        "python": platform.python_version(),
    }


def graph_of(path: str, specs: Sequence[str]) -> Graph:
    """The operations of a file's model, each with its cost, in the order in which they run.

    Raises:
        UsageError: an input does not fit, or is not known.
        SourceError: the file cannot be read.
    """
    file = read(path)
    try:
        return _walked(file, specs)
    except SourceError as error:
        raise SourceError(f"{path} cannot be counted: {error}") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise SourceError(f"{path} is damaged: it is not as ONNX has it ({error!r})") from error


def _walked(file: File, specs: Sequence[str]) -> Graph:
    wanted = wanted_by(file.graph, file.path)
    bound = bind(wanted, specs, file.path)
    if operators_of(file) > MOST_NODES:
        raise SourceError(TOO_MANY)
    walk = Walk(file, bound.sizes)
    declared = [*file.graph.value_info, *file.graph.output]
    names = walk.names(declared, file.opsets)
    inputs = []
    for each, spec in zip(wanted, bound.specs, strict=True):
        inputs.append(walk.add(spec))
        names.tensors[each.name] = inputs[-1]
    for initial in file.initials:
        names.tensors[initial.name] = walk.hold(*initial)
    walk.run(file.graph.node, names)
    outputs = [names.find(value.name) for value in file.graph.output]
    return _graph(walk, inputs, outputs, tuple(each.name for each in wanted))


def _graph(
    walk: Walk, inputs: list[int], outputs: list[int | None], names: tuple[str, ...]
) -> Graph:
    """What a walk found, as a graph with its modules and parameters."""
    uses, aside = grouped(walk.uses), grouped(Rest(walk).uses)
    specs = {number: tensor.spec for number, tensor in enumerate(walk.tensors)}
    scopes = {node.scope for node in walk.nodes}
    # A weight that nothing reads has no block but its own name's.
    scopes |= {owner_of(each.name) for each in walk.held.values() if each.number not in uses}
    levels = levels_of(scopes)
    shortened = {scope: cut(scope, levels) for scope in scopes}
    remarks = () if all(map(eq, shortened, shortened.values())) else (CUT.format(levels),)
    if remarks:
        walk.nodes = [node._replace(scope=shortened[node.scope]) for node in walk.nodes]
    known = set(with_parents(shortened.values()))
    held = list(walk.held.values())
    parameters, buffers = sorted_out(held, uses, aside, specs, known, levels)
    plain = all(name.isidentifier() for name in names)
    return Graph(
        tensors=tuple(walk.tensors),
        nodes=tuple(walk.nodes),
        inputs=tuple(inputs),
        outputs=tuple(number for number in outputs if number is not None),
        parameters=parameters,
        modules=_modules(walk, [each.owner for each in parameters]),
        input_names=names if plain and len(names) > 1 else ("",) * len(names),
        buffers=buffers,
        remarks=remarks,
    )


def _modules(walk: Walk, owners: list[str]) -> tuple[Module, ...]:
    """A module for each block that nodes or parameters stand in, and for those around them.

    A block of one kind of operator is called by it, unless the exporter told its class.
    """
    kinds: dict[str, set[str]] = {}
    last: dict[str, tuple[TensorSpec, ...]] = {}
    for node in walk.nodes:
        path = node.scope
        if node.coverage is not Coverage.FREE:
            kinds.setdefault(path, set()).add(node.op)
        made = tuple(walk.tensors[number].spec for number in node.outputs)
        while made and path:
            last[path] = made
            path = path.rpartition(".")[0]
    modules = [Module("", "onnx", 1)]
    for path in with_parents([*(node.scope for node in walk.nodes), *owners])[1:]:
        own = kinds.get(path, set())
        kind = walk.kinds.get(path) or (next(iter(own)) if len(own) == 1 else CONTAINER)
        modules.append(Module(path, kind, int(path in last), last.get(path, ())))
    return tuple(modules)
