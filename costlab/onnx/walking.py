"""A file and its inputs → a `Graph`: operators in order, each with its shapes and its cost.

Does not know what an operator costs (`operators`), nor how branches and loops go (`control`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.errors import SourceError
from costlab.graph import Coverage, Node, TensorSpec
from costlab.onnx import control
from costlab.onnx.attributes import array_of, attributes_of, with_arguments
from costlab.onnx.elements import bounded, is_float, spec_of
from costlab.onnx.inference import definition_of, inferred, schema_of
from costlab.onnx.numbers import folded, sizes
from costlab.onnx.operators import TABLE, Operator, effect_of
from costlab.onnx.operators.call import Call
from costlab.onnx.reading import DEEPEST, File, described
from costlab.onnx.scopes import kind_of, owner_of, scope_of
from costlab.onnx.tape import BYTES, MOST_NODES, TOO_MANY, WALKED, Names, Place, Tape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import FunctionProto, NodeProto


class Walk(Tape):
    """A walk through the operators of a file; `run` takes the nodes of one graph.

    `kinds` are the classes of modules that the exporter told.
    """

    def __init__(self, file: File, bound: Mapping[str, int]) -> None:
        super().__init__()
        self.file = file
        self.bound = bound
        self.kinds: dict[str, str] = {}
        self.scoped = any(scope_of(node) is not None for node in file.graph.node)
        self.depth = 0

    def run(self, nodes: Sequence[NodeProto], names: Names, inside: str | None = None) -> None:
        """Walks nodes in order; `inside` is the block of the function or graph that they are in.

        Raises:
            SourceError: they cannot be walked; the message names the node.
        """
        if self.depth > DEEPEST:
            raise SourceError(f"functions or graphs are more than {DEEPEST} deep in one another")
        self.depth += 1
        for at, node in enumerate(nodes):
            if len(self.nodes) > MOST_NODES:
                raise SourceError(TOO_MANY)
            self.spend(WALKED + len(node.input) + len(node.output))
            try:
                self._node(node, names._replace(place=(*names.place, at)), inside)
            except SourceError as error:
                if node.name and repr(node.name) in str(error):
                    raise
                place = f"{node.op_type} {node.name!r}" if node.name else f"a {node.op_type}"
                raise SourceError(f"{place}: {error}" if self.depth == 1 else str(error)) from error
        self.depth -= 1

    def _node(self, node: NodeProto, names: Names, inside: str | None) -> None:
        domain = "" if node.domain == "ai.onnx" else node.domain
        scope = self._scope(node, names, inside)
        if node.op_type == "Constant" and not domain:
            self.spend(node.ByteSize() // BYTES)
            names.tensors[node.output[0]] = self.written(node, names.place)
            return
        function = self.file.functions.get((domain, node.op_type, node.overload))
        if function is not None:
            key = (domain, node.op_type, node.overload)
            self.call(node, function, names, self._within(node, scope), (key,))
            return
        if not domain and node.op_type in control.TURNS:
            control.TURNS[node.op_type](self, node, names, scope)
            return
        self.spend(node.ByteSize() // BYTES)
        self._operator(node, domain, names, scope)

    def _scope(self, node: NodeProto, names: Names, inside: str | None) -> str:
        """The block of a node: as it says itself, or where its weights or its kind put it."""
        told = scope_of(node)
        kind = kind_of(node)
        if inside is not None:
            return f"{inside}.{told}".strip(".") if told and not told.startswith(inside) else inside
        if told is not None:
            if kind is not None:
                self.kinds[told] = kind
            return told
        if self.scoped:
            return ""
        for name in node.input:
            number = names.find(name) if name else None
            owner = owner_of(self.held[number].name) if number in self.held else ""
            if owner:
                return owner
        return node.op_type

    def _within(self, node: NodeProto, scope: str) -> str:
        """The block of what a function is made of: that of the call, and the call's own name."""
        own = node.name.rpartition("/")[2].replace(".", "_") or node.op_type
        return scope if scope == node.op_type else f"{scope}.{own}".strip(".")

    def written(self, node: NodeProto, place: Place) -> int:
        """The tensor that a constant is; in a function it may be another in each call."""
        from onnx import numpy_helper

        if not node.attribute:
            raise SourceError("the constant has no value")
        attribute = node.attribute[0]
        if attribute.name == "sparse_value":
            stored = attribute.sparse_tensor
            spec, values = described(stored.values).spec, None
            spec = TensorSpec(bounded(stored.dims), spec.dtype)
        else:
            written = attribute.name == "value"
            tensor = attribute.t if written else numpy_helper.from_array(array_of(attribute))
            _, spec, values = described(tensor)
        if values is None or (spec.elements > 1 and is_float(spec.dtype)):
            content = hash(attribute.SerializeToString())
            return self.hold(node.output[0], spec, values, (*place, content), written=True)
        number = self.add(spec)
        if len(spec.shape) <= 1:
            self.values[number] = values
        return number

    def call(
        self,
        node: NodeProto,
        function: FunctionProto,
        names: Names,
        inside: str | None,
        place: Place,
    ) -> None:
        """Walks the nodes of a function, written at a place, with the arguments of a call."""
        opsets = {opset.domain: opset.version for opset in function.opset_import} or names.opsets
        within = self.names(function.value_info, opsets, None, place)
        for slot, name in enumerate(function.input):
            given = node.input[slot] if slot < len(node.input) else ""
            within.tensors[name] = names.find(given) if given else None
        within.tensors[""] = None
        self.run([with_arguments(inner, node, function) for inner in function.node], within, inside)
        for mine, theirs in zip(node.output, function.output, strict=False):
            if mine:
                names.tensors[mine] = within.find(theirs)

    def _operator(self, node: NodeProto, domain: str, names: Names, scope: str) -> None:
        """An operator of a domain: its outputs, and what it costs."""
        numbers = tuple(names.find(name) if name else None for name in node.input)
        told = attributes_of(node)
        known = [] if domain else self._known(node.op_type, numbers, told)
        if len(known) != len(node.output):
            known = []
        inputs = tuple(at for at in numbers if at is not None)
        if known and (node.op_type in {"Shape", "Size"} or all(map(self.is_number, inputs))):
            outputs = tuple(map(self.constant, known))
            names.tensors.update(zip(node.output, outputs, strict=True))
            self.nodes.append(Node(node.op_type, "view", Coverage.FREE, scope, inputs, outputs))
            return
        specs = {
            name: self.tensors[number].spec
            for name, number in zip(node.input, numbers, strict=True)
            if number is not None
        }
        values = {
            name: self.values[number]
            for name, number in zip(node.input, numbers, strict=True)
            if number in self.values
        }
        opset = names.opsets.get(domain)
        schema = None if opset is None else schema_of(node.op_type, domain, opset)
        complete = all(at is not None for name, at in zip(node.input, numbers, strict=True) if name)
        found: dict[str, TensorSpec | None] = {}
        if schema is not None and complete:
            found = inferred(node, schema, specs, values, names.opsets)
        inferences = [found.get(name) or self._declared(name, names) for name in node.output]
        entry = TABLE.get((domain, node.op_type))
        if entry is None and schema is not None and complete:
            function = definition_of(node, schema, specs, int(opset or 0))
            if function is not None:
                self.call(node, function, names, scope, names.place)
                return
        call = Call(
            node.op_type,
            told,
            tuple(None if at is None else self.tensors[at].spec for at in numbers),
            tuple(inferences),
            tuple(None if at is None else self.values.get(at) for at in numbers),
        )
        self._record(node, domain, call, numbers, names, scope, entry if complete else None)
        for name, value in zip(node.output, known, strict=False):
            made = names.tensors.get(name)
            if made is not None:
                self.values[made] = value
                self.learned.add(made)

    def _declared(self, name: str, names: Names) -> TensorSpec | None:
        if not name:
            return None
        proto = names.declared.get(name)
        return None if proto is None else spec_of(proto, self.bound)

    def _known(
        self, op: str, numbers: tuple[int | None, ...], told: Mapping[str, Any]
    ) -> list[Any]:
        """The numbers that an operator makes; empty if it takes a look at a tensor to know them."""
        given = [at for at in numbers if at is not None]
        if op in {"Shape", "Size"} and given:
            return [sizes(op, self.tensors[given[0]].spec, told)]
        if not given or not all(at in self.values for at in given):
            return []
        return folded(op, [None if at is None else self.values[at] for at in numbers], told)

    def _record(
        self,
        node: NodeProto,
        domain: str,
        call: Call,
        numbers: tuple[int | None, ...],
        names: Names,
        scope: str,
        entry: Operator | None,
    ) -> None:
        """Writes an operator down: priced, free, or unknown where its cost cannot be told."""
        effect = None if entry is None else effect_of(entry, call, node.output)
        if entry is None or effect is None:
            self.unknown(node, domain, call.outputs, numbers, names, scope)
            return
        # Numbers that say how an operator works stand in the program, not in memory.
        inputs = tuple(at for at in numbers if at is not None and not self.is_number(at))
        made = effect.shapes or (effect.shape,)
        shares = entry.coverage is Coverage.FREE or effect.unchanged
        outputs = []
        for place, name in enumerate(node.output):
            if not name:
                continue
            spec = call.outputs[place] if place < len(call.outputs) else None
            if spec is None:
                spec = TensorSpec(bounded(made[place]), call.given(0).dtype)
            shared = shares and (place == 0 or entry.coverage is Coverage.FREE)
            number = self.add(spec, self.tensors[inputs[0]].storage if shared and inputs else None)
            names.tensors[name] = number
            outputs.append(number)
        coverage = Coverage.FREE if shares else entry.coverage
        if coverage is not Coverage.FREE:
            self.used(node, call, numbers, scope)
        family = entry.family
        if family == "linear" and not any(self.is_held(number) for number in inputs):
            family = "matmul"
        self.nodes.append(
            Node(
                node.op_type,
                family,
                coverage,
                scope,
                inputs,
                tuple(outputs),
                effect.macs,
                2 * effect.macs + effect.flops,
                dict(effect.attributes),
            )
        )
