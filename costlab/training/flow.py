"""Which tensors want a gradient, operation by operation, as autograd would say while they run.

Knows edges only: what leaf wants a gradient, and where gradients were turned off. Does not know
which of these gradients a backward makes: that hangs on what the forward returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import Autograd, Checkpoint, Coverage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from costlab.graph import Graph, Node, TensorSpec

CUTS = frozenset({
    "detach", "data", "detach_", "empty_like", "zeros_like", "ones_like", "full_like", "rand_like",
    "randn_like", "new_empty", "new_zeros", "new_ones", "new_full", "argsort", "count_nonzero",
})  # fmt: skip
"""Operations whose result has no gradient, whatever they read."""

TAKEOVER = "set_data"
"""What has a tensor be another one from now on, under the history that it has: it reads both."""

SEVERAL = frozenset({"chunk", "split", "split_with_sizes", "unbind", "__iter__"})
"""Operations with several views as results, over which torch lets nothing with a gradient write.

Source: `CreationMeta::MULTI_OUTPUT_NODE` (torch/csrc/autograd/variable.h).
"""


class Step(NamedTuple):
    """An operation that a backward goes through.

    `node` is its place in `Graph.nodes`; `operands` are the numbers of the tensors that it was
    called with, one that was given twice standing twice; `wanted` says which want a gradient.
    """

    node: int
    operands: tuple[int, ...]
    wanted: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """What a forward did about gradients; of one that still runs, as far as it has come.

    `switches` say from which node on gradients were on or off, `turned` from which on a tensor
    wanted one or not; `held` are the tensors that the model holds; the rest is as in `Autograd`.
    """

    switches: Sequence[tuple[int, bool]] = ()
    turned: Sequence[tuple[int, int, bool]] = ()
    checkpoints: Sequence[Checkpoint] = ()
    repeated: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    held: Collection[int] = frozenset()


def noted_of(autograd: Autograd) -> Noted:
    """What a forward that is through did."""
    return Noted(
        [switch for start, stop in autograd.off for switch in ((start, False), (stop, True))],
        autograd.turned,
        autograd.checkpoints,
        autograd.repeated,
        autograd.held,
    )


def has_gradient(spec: TensorSpec) -> bool:
    """Whether a tensor can have a gradient: numbers that are real or complex do.

    >>> from costlab.graph import TensorSpec
    >>> has_gradient(TensorSpec((2,), "bfloat16")), has_gradient(TensorSpec((2,), "int64"))
    (True, False)
    """
    return spec.dtype.startswith(("float", "bfloat", "complex"))


class Flow:
    """Follows operations from leaves that want a gradient, and says which tensors want one."""

    def __init__(
        self,
        specs: Sequence[TensorSpec],
        storages: Sequence[int],
        leaves: Iterable[int],
        *,
        enabled: bool = True,
    ) -> None:
        """Before the first node; `enabled` says whether gradients are on there."""
        self.specs, self.storages, self.enabled = specs, storages, enabled
        self.needs = set(leaves)
        self.steps: list[Step] = []
        self.place = self._switch = self._turn = self._off_until = 0
        # Of each tensor that was written to with gradients turned off, the one that it was before:
        # autograd is not told of the write, so that its history is the same.
        self._before: dict[int, int] = {}
        # Of each view, what it is a part of for autograd; what is cut off is a part of nothing.
        self._roots: dict[int, int] = {}
        # The roots that were written to with a gradient: all their parts have one from then on.
        self._written: set[int] = set()
        self._made: set[int] = set()
        # What is, or is a view of, one of several views that one operation made: by which.
        self._several: dict[int, str] = {}
        self.refused: dict[str, None] = {}

    def was(self, number: int) -> int:
        """The tensor whose history a tensor has."""
        return self._before.get(number, number)

    def root(self, number: int) -> int:
        """The tensor that this one is a part of, by its history; most are parts of themselves."""
        return self._roots.get(number, number)

    def wants(self, number: int) -> bool:
        """Whether a tensor wants a gradient now."""
        number = self.was(number)
        return number in self.needs or self.root(number) in self._written

    def is_made(self, number: int) -> bool:
        """Whether a tensor that wants a gradient comes of another one, and is no leaf."""
        number = self.was(number)
        return number in self._made or self.root(number) in self._written

    def advance(self, nodes: Sequence[Node], noted: Noted) -> None:
        """Follows the nodes that have come since."""
        closing = {region.start: region for region in noted.checkpoints if region.reentrant}
        while True:
            while self._turn < len(noted.turned) and noted.turned[self._turn][0] <= self.place:
                _, number, on = noted.turned[self._turn]
                self._want(self.was(number), on)
                self._turn += 1
            if self.place >= len(nodes):
                return
            while self._switch < len(noted.switches) and (
                noted.switches[self._switch][0] <= self.place
            ):
                self.enabled = noted.switches[self._switch][1]
                self._switch += 1
            region = closing.get(self.place)
            # The re-entrant checkpoint has gradients only if something that it is given has one.
            if region and not any(map(self.wants, _given(nodes, region) - set(noted.held))):
                self._off_until = max(self._off_until, region.stop)
            node = nodes[self.place]
            self._go(node, noted.repeated.get(self.place, node.inputs))
            self.place += 1

    def _want(self, number: int, on: bool) -> None:
        if on:
            self.needs.add(number)
        elif number not in self._made:  # torch refuses to have one with a history want none
            self.needs.discard(number)

    def _go(self, node: Node, operands: tuple[int, ...]) -> None:
        operands = tuple(map(self.was, operands))
        if node.op == TAKEOVER:
            self._before[node.outputs[0]] = operands[-1]
            return
        wanted = tuple(map(self.wants, operands))
        on = self.enabled and self.place >= self._off_until
        shared = bool(node.inputs and node.outputs) and (
            self.storages[node.outputs[0]] == self.storages[node.inputs[0]]
        )
        view = shared and node.coverage is Coverage.FREE
        if shared and not view and not on:
            self._before[node.outputs[0]] = operands[0]
            return
        goes_on = on and node.op not in CUTS and any(wanted)
        kept = shared and not view and wanted[0]
        makes = False
        if on and view and node.op not in CUTS:
            by = node.op if node.op in SEVERAL else self._several.get(operands[0])
            self._several.update(dict.fromkeys(node.outputs, by) if by else {})
        elif on and shared and not view and any(wanted) and operands[0] in self._several:
            by = self._several[operands[0]]
            self.refused.setdefault(f"{node.op} over an output of {by} (torch refuses it)")
        for number in node.outputs:
            if shared and not (view and (not on or node.op in CUTS)):
                self._roots[number] = self.root(operands[0])
            if (goes_on or kept) and has_gradient(self.specs[number]):
                self.needs.add(number)
                self._made.add(number)
                makes |= goes_on
                if shared and not view:
                    self._written.add(self.root(number))
        if makes:
            self.steps.append(Step(self.place, operands, wanted))


def _given(nodes: Sequence[Node], region: Checkpoint) -> set[int]:
    """The tensors that a region of operations reads and does not make."""
    inside = nodes[region.start : region.stop]
    read = {number for node in inside for number in node.inputs}
    return read - {number for node in inside for number in node.outputs}


def flow_of(graph: Graph) -> Flow:
    """The flow of a whole forward."""
    noted = graph.autograd or Autograd()
    specs = [tensor.spec for tensor in graph.tensors]
    flow = Flow(specs, [tensor.storage for tensor in graph.tensors], noted.leaves)
    flow.advance(graph.nodes, noted_of(noted))
    return flow
