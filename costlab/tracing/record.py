"""What a trace writes down: a node for each operation, and which tensors it read and made.

Does not know what an operation costs, nor how it is carried out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import TraceError
from costlab.graph import NOTHING, Coverage, Node
from costlab.tracing.tensors import tensors_in

if TYPE_CHECKING:
    from costlab.ops import Effect
    from costlab.tracing.registry import Registry
    from costlab.tracing.scopes import Scopes

UNREGISTERED = (
    "{} uses {} ({:,} elements) that no module of the model registers, as if kept in a list or "
    "built in the forward: what is computed with it is counted; params, trainable and "
    "parameter_bytes leave it out, as model.parameters() does"
)


MOST = 1_000_000
"""The operations of a forward that are written down: they take a kilobyte each."""
ENDLESS = (
    f"the forward runs more than {MOST:,} operations: it loops over an axis that is as long, or "
    "without end; give shorter inputs, or trace what is in the loop"
)


class Record:
    """The nodes of a trace in the order in which they ran, on the tensors of its registry."""

    registry: Registry
    scopes: Scopes
    nodes: list[Node]
    remarks: dict[str, None]
    repeated: dict[int, tuple[int, ...]]
    """The inputs of nodes that read a tensor several times, as often as they do."""
    turned: list[tuple[int, int, bool]]
    """From which node on which tensor wants a gradient, or none."""
    strays: dict[int, str]
    """The weights that no module registers, and where each was used first."""

    def unknown(self, name: str) -> None:
        """Writes down that something could not be counted or told."""
        self.nodes.append(Node(name, "unknown", Coverage.UNKNOWN, self.scopes.current, (), ()))

    def record(
        self,
        name: str,
        family: str,
        coverage: Coverage,
        inputs: list[torch.Tensor],
        made: Any,
        effect: Effect | None,
        *,
        view: bool = False,
        in_place: bool = False,
    ) -> None:
        """Writes a node down: what it read, and what it made or wrote to."""
        registry = self.registry
        try:
            numbers = tuple(dict.fromkeys(map(registry.numbers.__getitem__, map(id, inputs))))
        except KeyError:
            numbers = tuple(dict.fromkeys(map(self.number, inputs)))
        if len(numbers) != len(inputs):
            self.repeated[len(self.nodes)] = tuple(map(self.number, inputs))
        storage = None
        if (view or in_place) and numbers:
            storage = registry.storages[numbers[0]]
        if type(made) is torch.Tensor and not in_place:
            outputs: tuple[int, ...] = (registry.add(made, storage),)
        else:
            written = tensors_in(made)
            held = [registry.storage_of(out, storage) if in_place else storage for out in written]
            outputs = tuple(map(registry.add, written, held))
        self.write(name, family, coverage, numbers, outputs, effect)

    def record_written(
        self,
        name: str,
        family: str,
        coverage: Coverage,
        inputs: list[torch.Tensor],
        written: list[torch.Tensor],
        effect: Effect | None,
    ) -> None:
        """Writes a node down that returns nothing, and writes to some of what it reads."""
        registry = self.registry
        numbers = tuple(dict.fromkeys(map(self.number, inputs)))
        outputs = [registry.add(x, registry.storages[self.number(x)]) for x in written]
        self.write(name, family, coverage, numbers, tuple(outputs), effect)

    def write(
        self,
        name: str,
        family: str,
        coverage: Coverage,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        effect: Effect | None,
    ) -> None:
        """Writes a node down whose tensors have numbers."""
        macs, flops, attributes = 0, 0, NOTHING
        if effect is not None:
            macs, attributes = effect.macs, effect.attributes
            flops = 2 * macs + effect.flops
        scope = self.scopes.current
        if len(self.nodes) >= MOST:
            raise TraceError(ENDLESS)
        # As `Node(…)`, without a call of Python's for each of thousands.
        fields = (name, family, coverage, scope, inputs, outputs, macs, flops, attributes)
        self.nodes.append(tuple.__new__(Node, fields))

    def number(self, tensor: torch.Tensor) -> int:
        """The number of a tensor; one that came from nowhere is recorded as an unknown operation.

        Whatever the mode cannot see (a compiled or scripted function, a foreign library) hands its
        result to an operation that it can see, or returns it: there it is found out.
        """
        registry = self.registry
        known = registry.numbers.get(id(tensor))
        if known is not None:
            return known
        number = registry.add(tensor, owned=False)
        if tensor.requires_grad:
            self.turned.append((len(self.nodes), number, True))
        if isinstance(tensor, torch.nn.Parameter):
            self.strays[number] = self.scopes.current or "the model"
        if tensor.is_meta and not registry.is_expected(tensor):
            self.nodes.append(
                Node("unseen", "unseen", Coverage.UNKNOWN, self.scopes.current, (), (number,))
            )
        return number

    def unregistered(self) -> tuple[str, ...]:
        """A remark on the weights that no module registers; nothing if there are none."""
        if not self.strays:
            return ()
        first, *more = dict.fromkeys(self.strays.values())
        place = f"{first} and {len(more)} more" if more else first
        count = f"{len(self.strays)} weights" if len(self.strays) > 1 else "a weight"
        elements = sum(self.registry.specs[number].elements for number in self.strays)
        return (UNREGISTERED.format(place, count, elements),)

    def value(self, tensor: torch.Tensor) -> torch.Tensor:
        """A constant to compute with, under the same number."""
        self.number(tensor)
        return self.registry.value_of(tensor)

    def twin(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor's twin on meta, under the same number."""
        self.number(tensor)
        return self.registry.twin(tensor)
