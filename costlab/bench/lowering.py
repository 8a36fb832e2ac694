"""A traced forward as the work that kernels do: which products, which passes, which may be one.

Knows no device and no arm: what is really fused is for `costlab.bench.roofline` to assume.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from costlab.bench.work import Kind, Pass, Product
from costlab.blocks import WRITERS
from costlab.graph import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costlab.graph import Graph, Node

JOINING = frozenset({"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"})
GATHERING = frozenset(
    {"embedding", "embedding_bag", "gather", "index", "index_select", "take", "take_along_dim"}
)
"""What reads of a table only what its indices name."""
KINDS: dict[str, Kind] = {
    "normalization": "normalization",
    "activation": "activation",
    "elementwise": "elementwise",
    "pooling": "pooling",
}
EPILOGUES = frozenset({"bias", "normalization", "activation"})
"""What the kernel of a product can do to a result that it has not yet written."""
POINTWISE = EPILOGUES | {"elementwise", "padding"}
"""What reads and writes one element at a time, so that a compiler makes one kernel of several."""
FINISHES = frozenset({"batch_norm", "relu"})
"""What may stand between two convolutions that one kernel computes."""
BIASED = 3
"""Operands of a convolution with a bias: input, weight, bias."""


class Lowering:
    """The products and passes of a graph, in the order in which they run.

    `origin` has for each product, by its index, the node that it is of; `sources` the same for
    each pass. In training a normalization needs statistics of all that it reads, and so can be
    part of no other kernel.
    """

    def __init__(self, graph: Graph, nodes: Iterable[Node], *, training: bool) -> None:
        self.graph = graph
        self.training = training
        self.products: list[Product] = []
        self.passes: list[Pass] = []
        self.origin: list[Node] = []
        self.sources: list[Node] = []
        read = chain.from_iterable(node.inputs for node in graph.nodes)
        self._readers = Counter(chain(read, graph.outputs))
        # By the number of a tensor: the product that it is the result of, and the pass that wrote
        # it; a view of it is the same result.
        self._product: dict[int, int] = {}
        self._pass: dict[int, int] = {}
        for node in nodes:
            self._add(node)

    def bytes(self, *numbers: int) -> int:
        """The bytes of these tensors."""
        return sum(self.graph.tensors[number].spec.bytes for number in numbers)

    def _add(self, node: Node) -> None:
        if node.coverage is Coverage.FREE:
            for result in node.outputs:
                for known in (self._product, self._pass):
                    if node.inputs and node.inputs[0] in known:
                        known[result] = known[node.inputs[0]]
        elif node.family in WRITERS and node.macs:
            self._add_product(node)
        elif node.outputs:
            kind = "cat" if node.op in JOINING else KINDS.get(node.family, "other")
            self._add_pass(node, kind, node.inputs, node.outputs)

    def _add_product(self, node: Node) -> None:
        result, factors = node.outputs[0], node.inputs[:2]
        extra = self._padded(node)
        if extra:
            self._add_pass(node, "padding", factors[:1], (), written=self.bytes(factors[0]) + extra)
        rows, columns, groups = self._sizes(node)
        moved = self.bytes(*factors, result) + extra
        after = self._after(node)
        between = 0 if after is None else self.bytes(factors[0])
        self._product[result] = len(self.products)
        self.products.append(
            Product(
                rows, columns, groups, node.macs, moved, after=after, between=between, padded=extra
            )
        )
        self.origin.append(node)
        if node.family == "convolution" and len(node.inputs) == BIASED:
            self._add_pass(node, "bias", (result, node.inputs[2]), (result,))

    def _after(self, node: Node) -> int | None:
        """The convolution before this one, if one kernel could compute both (`in_series`).

        Normalization and ReLU may stand between: what else does, no kernel here does.
        """
        read = node.inputs[0]
        before = self._product.get(read)
        if self.training or before is None or self._readers[read] != 1:
            return None
        finish = {
            source.op.rstrip("_")
            for one, source in zip(self.passes, self.sources, strict=True)
            if one.product == before and one.kind != "bias"
        }
        pair = self.origin[before], node
        return before if finish <= FINISHES and in_series(self.graph, *pair) else None

    def _sizes(self, node: Node) -> tuple[int, int, int]:
        """Rows, columns and groups of a product, from the shape of what it writes."""
        shape = self.graph.tensors[node.outputs[0]].spec.shape
        elements = self.graph.tensors[node.outputs[0]].spec.elements
        if node.family == "convolution" and "channels" in node.attributes:
            filters, groups = node.attributes["channels"][1], node.attributes["groups"]
            return elements // filters, filters // groups, groups
        columns = shape[-1] if shape else 1
        if node.family == "matmul":
            rows = shape[-2] if len(shape) > 1 else 1
            return rows, columns, max(1, elements // (rows * columns))
        return elements // columns, columns, 1

    def _padded(self, node: Node) -> int:
        """Bytes by which a copy is larger that is made of the input, to pad it on one side alone.

        `padding="same"` with an even patch: torch pads both sides alike, and what is missing on
        one of them it makes by such a copy.
        """
        if node.attributes.get("padding") != "same":
            return 0
        options = node.attributes
        odd = [
            spread * (width - 1) % 2
            for width, spread in zip(options["kernel"], options["dilation"], strict=True)
        ]
        spec = self.graph.tensors[node.inputs[0]].spec
        grid = spec.shape[-len(odd) :]
        before = after = 1
        for size, more in zip(grid, odd, strict=True):
            before, after = before * size, after * (size + more)
        return spec.bytes // before * (after - before)

    def _add_pass(
        self,
        node: Node,
        kind: Kind,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        written: int = 0,
    ) -> None:
        """Adds a pass; `written` are bytes that it writes to a tensor that the graph lacks."""
        first = inputs[:1]
        product = joins = None
        if kind in POINTWISE and not (kind == "normalization" and self.training):
            joins = self._joined(inputs if kind == "elementwise" else first)
            if kind == "bias" or (kind in EPILOGUES and self._readers[first[0]] == 1):
                product = self._product.get(first[0])
        placed = [t for t in inputs if self._joined((t,)) is not None] if kind == "cat" else []
        writes = self.bytes(*outputs) + written
        for result in outputs:
            self._pass[result] = len(self.passes)
            if product is not None:
                self._product[result] = product
        reads = self.bytes(*inputs) - self._unread(node)
        self.passes.append(Pass(kind, reads, writes, product, joins, self.bytes(*placed)))
        self.sources.append(node)

    def _unread(self, node: Node) -> int:
        """The bytes of a table that an operation need not read: all but a row.

        It reads what the indices name, and they may name one row all of them; on zeros, which stand
        for the whole numbers of a spec, they do.
        """
        if node.op not in GATHERING:
            return 0
        specs = [self.graph.tensors[number].spec for number in (*node.inputs, *node.outputs)]
        table = next((one for one in specs[:-1] if one.dtype == specs[-1].dtype), None)
        if table is None or not table.shape:
            return 0
        return table.bytes - table.bytes // max(1, table.shape[0])

    def _joined(self, tensors: tuple[int, ...]) -> int | None:
        """The last pass that wrote one of these tensors, for this reader alone."""
        found = [self._pass[t] for t in tensors if t in self._pass and self._readers[t] == 1]
        joinable = [one for one in found if self.passes[one].kind in POINTWISE | {"pooling"}]
        return max(joinable, default=None)


def in_series(graph: Graph, *pair: Node) -> bool:
    """Whether one kernel of ours could compute two convolutions: what `kernels.units` takes so.

    Both have patches of more than one place, neither groups, strides nor dilation, and the second
    keeps its grid.
    """
    for node in pair:
        options = node.attributes
        if node.family != "convolution" or "channels" not in options:
            return False
        # Two axes of places, one group, no transposed convolution.
        if node.op != "conv2d" or options["groups"] != 1 or max(options["kernel"]) == 1:
            return False
        if {*options["stride"], *options["dilation"]} != {1}:
            return False
    read, written = (
        graph.tensors[number].spec.shape for number in (pair[1].inputs[0], pair[1].outputs[0])
    )
    return read[2:] == written[2:]
