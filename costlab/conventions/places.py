"""Where a counter looks: one operation, or one call of a module, with its shapes.

Does not know what any counter makes of it.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

    from costlab.graph import Graph

TORCH = "torch.nn.modules."
"""The home of the modules that counters by hook have in their tables."""
WEIGHT_AND_BIAS = 2
STATISTICS = 2

Shape = tuple[int, ...]


class Place(NamedTuple):
    """One operation, or one call of a module with the operations that it carries out itself.

    `op` is the operation, of a call the one with the multiply-adds or else the first; `kind` the
    name of torch's own class of the module, empty for any other, which a table by type does not
    have; `inputs` the shapes that the first operation
    reads, weights among them; `weight` the shape of the second operand of `op`; `output` the shape
    of what is returned; `training` the mode; `nodes` the numbers of the operations; `products` the
    first operands of its linear maps, in order. It is `used` if something that the forward returns
    comes of it, `fixed` if it reads a constant or a buffer, and `mixed` if it stands for calls that
    cannot be told apart.
    """

    op: str
    kind: str
    path: str
    module: Any  # torch's modules hold anything under any name
    inputs: tuple[Shape, ...]
    weight: Shape
    output: Shape
    macs: int
    attributes: Mapping[str, Any]
    training: bool
    nodes: tuple[int, ...]
    products: tuple[Shape, ...] = ()
    used: bool = True
    fixed: bool = False
    mixed: bool = False

    @property
    def read(self) -> int:
        """The elements of the first operand."""
        return prod(self.inputs[0]) if self.inputs else 0

    @property
    def written(self) -> int:
        """The elements of the result."""
        return prod(self.output)

    @property
    def has_bias(self) -> bool:
        """Whether a bias is added: the module has one, or the operation takes a third operand."""
        if self.kind:
            return getattr(self.module, "bias", None) is not None
        return len(self.inputs) > WEIGHT_AND_BIAS

    @property
    def is_affine(self) -> bool:
        """Whether a normalization scales by weights of its own."""
        if self.kind:
            return getattr(self.module, "weight", None) is not None
        return len(self.inputs) > (1 + STATISTICS if self.op == "batch_norm" else 1)


def operations(
    graph: Graph, modules: Mapping[str, torch.nn.Module], *, training: bool
) -> Iterator[tuple[Place, bool]]:
    """Each operation, as counters see it that watch functions or kernels; and if it is a view."""
    used = _used(graph)
    known = {*graph.inputs, *(parameter.tensor for parameter in graph.parameters)}
    for number, node in enumerate(graph.nodes):
        if node.outputs:
            place = _place(graph, modules, node.scope, (number,), training)
            fixed = not known.issuperset(node.inputs)
            known.update(node.outputs)
            yield place._replace(used=number in used, fixed=fixed), node.family == "view"


def _used(graph: Graph) -> set[int]:
    """The numbers of the operations that something comes of, by edges or by writing in place."""
    live = set(graph.outputs)
    memory = {graph.tensors[number].storage for number in live}
    used = set()
    for number in reversed(range(len(graph.nodes))):
        node = graph.nodes[number]
        written = () if node.family == "view" else node.outputs
        if live.isdisjoint(node.outputs) and not any(
            graph.tensors[out].storage != out and graph.tensors[out].storage in memory
            for out in written
        ):
            continue
        used.add(number)
        live.update(node.inputs)
        memory.update(graph.tensors[read].storage for read in node.inputs)
    return used


def calls(
    graph: Graph, modules: Mapping[str, torch.nn.Module], *, training: bool
) -> Iterator[Place]:
    """Each call of a module that carries out operations itself, as counters by hook see it.

    A module that is called several times does the same each time; where its operations cannot be
    shared out evenly, they are taken for one call.
    """
    own: dict[str, list[int]] = {}
    for number, node in enumerate(graph.nodes):
        if node.outputs:
            own.setdefault(node.scope, []).append(number)
    times = {module.path: module.calls for module in graph.modules}
    for path, numbers in own.items():
        count = times.get(path, 1) or 1
        each, left = divmod(len(numbers), count)
        names = [graph.nodes[number].op for number in numbers]
        mixed = bool(left) or names != names[:each] * count
        if mixed or not each:
            each = len(numbers)
        for start in range(0, len(numbers), each):
            place = _place(graph, modules, path, tuple(numbers[start : start + each]), training)
            yield place._replace(mixed=mixed)


def _place(
    graph: Graph,
    modules: Mapping[str, torch.nn.Module],
    path: str,
    numbers: tuple[int, ...],
    training: bool,
) -> Place:
    nodes = [graph.nodes[number] for number in numbers]
    work = [node for node in nodes if node.family != "view"] or nodes
    main = max(work, key=lambda node: node.macs)
    module = modules[path]
    shapes = [graph.tensors[number].spec.shape for number in nodes[0].inputs]
    operands = [graph.tensors[number].spec.shape for number in main.inputs]
    return Place(
        op=main.op,
        kind=type(module).__name__ if type(module).__module__.startswith(TORCH) else "",
        path=path,
        module=module,
        inputs=tuple(shapes),
        weight=operands[1] if len(operands) > 1 else (),
        output=graph.tensors[nodes[-1].outputs[0]].spec.shape,
        macs=sum(node.macs for node in nodes),
        attributes=main.attributes,
        training=training,
        nodes=numbers,
        products=tuple(
            graph.tensors[node.inputs[0]].spec.shape for node in nodes if node.op == "linear"
        ),
    )
