"""What a file comes to however it is walked: the operators of its functions, and its weights.

Functions that call functions, ten times each, are a million operators in a file of a few lines.
Weights of a branch that is not taken, or of a loop without turns, are in the file as others are.
Does not know what operators cost.
"""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING

from costlab.graph import Coverage
from costlab.onnx.held import QUANTIZED, Use
from costlab.onnx.operators import TABLE
from costlab.onnx.reading import DEEPEST, described
from costlab.onnx.scopes import scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnx import AttributeProto, GraphProto, NodeProto

    from costlab.onnx.reading import File
    from costlab.onnx.tape import Place
    from costlab.onnx.walking import Walk

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


class Rest:
    """What a walk has left: it holds the tensors of graphs that did not run, and how they are used.

    `uses` are those of graphs that were not entered. What a function does with its arguments is
    not followed.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.uses: list[tuple[int, Use]] = []
        self.functions: set[Key] = set()
        self.waiting: list[tuple[Key, str]] = []
        initials = {each.name: walk.hold(*each) for each in walk.file.initials}
        self._all(walk.file.graph.node, (), ChainMap(initials), None)
        for key, scope in self.waiting:  # which grows meanwhile
            self._all(walk.file.functions[key].node, (key,), ChainMap(), scope)

    def _all(
        self,
        nodes: Iterable[NodeProto],
        place: Place,
        names: ChainMap[str, int],
        inside: str | None,
    ) -> None:
        """Goes through the nodes of a graph, each once."""
        for at, node in enumerate(nodes):
            scope = self._scope(node) if inside is None else inside
            domain = "" if node.domain == "ai.onnx" else node.domain
            key = (domain, node.op_type, node.overload)
            if key[:2] == ("", "Constant"):
                self._constant(node, (*place, at), names)
                continue
            operands = tuple(names.get(name) for name in node.input)
            entry = TABLE.get(key[:2])
            if entry is not None and entry.coverage is Coverage.FREE:
                if operands and operands[0] is not None and node.output:
                    names[node.output[0]] = operands[0]
            elif place not in self.walk.entered:
                self._read(node, operands, scope)
            if key in self.walk.file.functions:
                if key not in self.functions:
                    self.functions.add(key)
                    self.waiting.append((key, scope))
                continue
            for attribute in node.attribute:
                for number, graph in _graphs(attribute):
                    self._graph(graph, (*place, at, attribute.name, *number), names, scope)

    def _scope(self, node: NodeProto) -> str:
        told = scope_of(node)
        return ("" if self.walk.scoped else node.op_type) if told is None else told

    def _graph(
        self, graph: GraphProto, place: Place, names: ChainMap[str, int], scope: str
    ) -> None:
        within = names.new_child()
        for tensor in graph.initializer:
            within[tensor.name] = self.walk.hold(*described(tensor), place)
        self._all(graph.node, place, within, scope)

    def _constant(self, node: NodeProto, place: Place, names: ChainMap[str, int]) -> None:
        if any(attribute.ref_attr_name for attribute in node.attribute):
            return  # what it is says a call
        number = self.walk.written(node, place)
        if number in self.walk.held:
            names[node.output[0]] = number

    def _read(self, node: NodeProto, operands: tuple[int | None, ...], scope: str) -> None:
        for slot, number in enumerate(operands):
            if number is not None:
                bits = 8 * self.walk.tensors[number].spec.bytes
                shape = _packed(node, bits) if slot in QUANTIZED.get(node.op_type, ()) else None
                self.uses.append((number, Use(node.op_type, slot, scope, operands, shape)))


def _graphs(attribute: AttributeProto) -> Iterator[tuple[tuple[int, ...], GraphProto]]:
    """The graphs of an attribute, with their numbers where it has a list of them."""
    if attribute.HasField("g"):
        yield (), attribute.g
    else:
        yield from (((number,), graph) for number, graph in enumerate(attribute.graphs))


def _packed(node: NodeProto, bits: int) -> tuple[int, int] | None:
    """The shape of weights of a few bits each, if there is room for them."""
    told = {attribute.name: attribute.i for attribute in node.attribute}
    rows, columns = told.get("N", 0), told.get("K", 0)
    fits = node.op_type == "MatMulNBits" and rows > 0 < columns and rows * columns <= bits
    return (rows, columns) if fits else None
