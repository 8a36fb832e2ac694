"""What a walk writes down: tensors, operations, and what is known of them; and how it goes back.

Does not know operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.errors import SourceError
from costlab.graph import Coverage, Node, Tensor, TensorSpec
from costlab.onnx.elements import is_float
from costlab.onnx.held import Holding, Use

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onnx import NodeProto, ValueInfoProto

    from costlab.onnx.operators.call import Call

UNKNOWN = "unknown"
MOST_NODES = 100_000
"""Operations, those of loops once a turn; more take minutes to walk, and nobody reads them."""


class Names(NamedTuple):
    """What names mean within a graph: numbers of tensors, None for one whose shape is not known."""

    tensors: dict[str, int | None]
    declared: dict[str, Any]
    opsets: Mapping[str, int]
    outer: Names | None = None

    def find(self, name: str) -> int | None:
        """The number of a tensor.

        Raises:
            SourceError: nothing of this name was made before.
        """
        here: Names | None = self
        while here is not None:
            if name in here.tensors:
                return here.tensors[name]
            here = here.outer
        raise SourceError(f"{name!r} is read before anything writes it")


class Mark(NamedTuple):
    """How far a walk has come, so that it can go back."""

    nodes: int
    tensors: int
    uses: int


class Tape:
    """What a walk through a file has written down.

    `values` are the numbers of small tensors that are known, `learned` those of them that training
    may have chosen; `uses` is what reads the tensors that the file holds.
    """

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.values: dict[int, Any] = {}
        self.learned: set[int] = set()
        self.held: dict[int, Holding] = {}
        self.constants: dict[object, int] = {}
        self.uses: list[tuple[int, Use]] = []

    def mark(self) -> Mark:
        """Where the walk is now."""
        return Mark(len(self.nodes), len(self.tensors), len(self.uses))

    def back(self, mark: Mark) -> None:
        """Forgets all that came after a mark."""
        del self.nodes[mark.nodes :], self.tensors[mark.tensors :], self.uses[mark.uses :]
        self.values = {at: value for at, value in self.values.items() if at < mark.tensors}
        self.learned = {at for at in self.learned if at < mark.tensors}
        self.held = {at: each for at, each in self.held.items() if at < mark.tensors}
        self.constants = {key: at for key, at in self.constants.items() if at < mark.tensors}

    def names(
        self, declared: Iterable[ValueInfoProto], opsets: Mapping[str, int], outer: Names | None
    ) -> Names:
        """An empty table of names, with the shapes that the file declares for some of them."""
        return Names({}, {value.name: value.type for value in declared}, opsets, outer)

    def add(self, spec: TensorSpec, storage: int | None = None) -> int:
        """The number of a new tensor, which may share the memory of another."""
        number = len(self.tensors)
        self.tensors.append(Tensor(spec, number if storage is None else storage))
        return number

    def hold(
        self,
        name: str,
        spec: TensorSpec,
        values: Any = None,
        content: object = None,
        *,
        written: bool = False,
    ) -> int:
        """The number of a tensor that the file holds, once however often its graph is walked."""
        key = (name, spec, content)
        number = self.constants.get(key)
        if number is None:
            number = self.constants[key] = self.add(spec)
            self.held[number] = Holding(name, number, written)
            if values is not None and len(spec.shape) <= 1:
                self.values[number] = values
                if is_float(spec.dtype) and not written:
                    self.learned.add(number)
        return number

    def constant(self, value: Any) -> int:
        """The number of a tensor of known numbers, which nothing computes."""
        number = self.add(TensorSpec(value.shape, str(value.dtype)))
        self.values[number] = value
        return number

    def unknown(
        self,
        node: NodeProto,
        domain: str,
        specs: Sequence[TensorSpec | None],
        numbers: Sequence[int | None],
        names: Names,
        scope: str,
    ) -> None:
        """Writes an operator down by name: its cost is not known, nor perhaps what it makes."""
        outputs = []
        for name, spec in zip(node.output, specs, strict=False):
            names.tensors[name] = None if spec is None else self.add(spec)
            if spec is not None and name:
                outputs.append(len(self.tensors) - 1)
        for name in node.output[len(specs) :]:
            names.tensors[name] = None
        inputs = tuple(number for number in numbers if number is not None)
        self.used(node, None, numbers, scope)
        op = f"{domain}.{node.op_type}".lstrip(".")
        self.nodes.append(Node(op, UNKNOWN, Coverage.UNKNOWN, scope, inputs, tuple(outputs)))

    def used(
        self, node: NodeProto, call: Call | None, numbers: Sequence[int | None], scope: str
    ) -> None:
        """Notes which of the file's tensors an operator reads, through whatever views."""
        logical = None
        if call is not None and node.op_type == "MatMulNBits":
            logical = (call.number("N"), call.number("K"))
        operands = tuple(numbers)
        for slot, number in enumerate(numbers):
            if number is not None and self.is_held(number):
                use = Use(node.op_type, slot, scope, operands, logical)
                self.uses.append((self.tensors[number].storage, use))

    def is_held(self, number: int) -> bool:
        """Whether a tensor is one that the file holds, or another look at one."""
        storage = self.tensors[number].storage
        return storage in self.held

    def is_number(self, number: int) -> bool:
        """Whether the elements of a tensor are known, and none that training may have chosen."""
        return number in self.values and number not in self.learned
