"""What a walk writes down: tensors, operations, and what is known of them; and how it goes back.

Does not know operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.blocks import REMARK
from costlab.errors import SourceError
from costlab.graph import Coverage, Graph, Module, Node, Tensor, TensorSpec
from costlab.onnx.elements import is_float
from costlab.onnx.held import Holding, Use, grouped, sorted_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onnx import NodeProto, ValueInfoProto

    from costlab.onnx.operators.call import Call

Place = tuple[object, ...]
"""Where a graph or a node is written in a file, however often it runs."""
UNKNOWN = "unknown"
MOST_NODES = 100_000
"""Operations, those of loops once a turn; more take minutes to walk, and nobody reads them."""
WALKED = 16
"""What it takes to walk an operator, where to copy one that was walked takes 1."""
MOST_EFFORT = 2 * WALKED * MOST_NODES
"""What a whole walk may take; what is given up, and functions without operators, are in it."""
MOST_TURNED = WALKED * MOST_NODES // 2
"""What the turns of all loops and the branches that are tried may take together."""
TOO_MANY = (
    f"it runs more than {MOST_NODES:,} operations, those of functions at each call: export a part "
    "of the model, or with fewer turns and calls"
)
BYTES = 4096
"""So many bytes of an operator's attributes take as much as one more to copy."""


class ExhaustedError(Exception):
    """The turns of loops, or the branches that are tried, took all that they may."""


class Names(NamedTuple):
    """What names mean within a graph: numbers of tensors, None for one whose shape is not known.

    `place` is that of the graph, or of the node that is walked.
    """

    tensors: dict[str, int | None]
    declared: dict[str, Any]
    opsets: Mapping[str, int]
    outer: Names | None = None
    place: Place = ()

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
    may have chosen; `uses` is what reads the tensors that the file holds. `entered` are the places
    of the graphs that were walked, each with the number of tensors before it.
    """

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.values: dict[int, Any] = {}
        self.learned: set[int] = set()
        self.held: dict[int, Holding] = {}
        self.constants: dict[object, int] = {}
        self.uses: list[tuple[int, Use]] = []
        self.entered: dict[Place, int] = {(): -1}
        self.effort = self.turned = self.turning = 0

    def spend(self, amount: int) -> None:
        """Adds to what the walk has taken, which no way back gives back.

        Raises:
            ExhaustedError: the loops and branches that the walk is in take too much.
            SourceError: the whole of it does.
        """
        self.effort += amount
        if self.turning:
            self.turned += amount
            if self.turned > MOST_TURNED:
                raise ExhaustedError
        if self.effort > MOST_EFFORT:
            raise SourceError(TOO_MANY)

    def mark(self) -> Mark:
        """Where the walk is now."""
        return Mark(len(self.nodes), len(self.tensors), len(self.uses))

    def back(self, mark: Mark) -> None:
        """Forgets all that came after a mark, in the time that it took to write it."""
        for at in range(mark.tensors, len(self.tensors)):
            self.values.pop(at, None)
            self.learned.discard(at)
            self.held.pop(at, None)
        for made in (self.constants, self.entered):
            while made and next(reversed(made.values())) >= mark.tensors:
                made.popitem()
        del self.nodes[mark.nodes :], self.tensors[mark.tensors :], self.uses[mark.uses :]

    def part(self, mark: Mark, returned: Sequence[int | None]) -> Graph:
        """The operations since a mark as a graph of their own, all in one block."""
        nodes, uses = self.nodes[mark.nodes :], grouped(self.uses[mark.uses :])
        given = [number for number in returned if number is not None]
        named = [*uses, *given, *(at for node in nodes for at in (*node.inputs, *node.outputs))]
        both = (each for at in named for each in (at, self.tensors[at].storage))
        here = {number: at for at, number in enumerate(dict.fromkeys(both))}
        tensors = [self.tensors[number] for number in here]
        specs = {number: self.tensors[number].spec for number in here}
        alone = {at: [use._replace(scope="") for use in used] for at, used in uses.items()}
        parameters, _ = sorted_out([self.held[at] for at in uses], alone, {}, specs)
        inputs = [here[at] for at in here if at < mark.tensors and not self.is_held(at)]

        def within(numbers: Iterable[int]) -> tuple[int, ...]:
            return tuple(here[number] for number in numbers)

        return Graph(
            tensors=tuple(Tensor(spec, here[storage]) for spec, storage in tensors),
            nodes=tuple(
                node._replace(scope="", inputs=within(node.inputs), outputs=within(node.outputs))
                for node in nodes
            ),
            inputs=tuple(inputs),
            outputs=within(given),
            parameters=tuple(each._replace(tensor=here[each.tensor or 0]) for each in parameters),
            modules=(Module("", "part", 1),),
            input_names=("",) * len(inputs),
        )

    def names(
        self,
        declared: Iterable[ValueInfoProto],
        opsets: Mapping[str, int],
        outer: Names | None = None,
        place: Place = (),
    ) -> Names:
        """An empty table of names, with the shapes that the file declares for some of them."""
        self.entered.setdefault(place, len(self.tensors))
        return Names({}, {value.name: value.type for value in declared}, opsets, outer, place)

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
        place: Place = (),
        *,
        written: bool = False,
    ) -> int:
        """The number of a tensor that the file holds, once however often its graph is walked.

        What tells it from another is the `place` where it is written.
        """
        key = (place, name, spec)
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
        remark: str = "",
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
        told = {REMARK: remark} if remark else {}
        self.nodes.append(
            Node(op, UNKNOWN, Coverage.UNKNOWN, scope, inputs, tuple(outputs), attributes=told)
        )

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
