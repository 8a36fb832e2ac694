"""Where results of launches are written: memory of their own, or where they are concatenated.

It knows no kernel; what a launch cannot write in its place is copied there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx

from costlab.bench.kernels.units import FOUR, joins_channels

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from costlab.bench.kernels.units import Group

Values = dict[fx.Node, Any]


class Places:
    """The memory of the values of a traced module, by their shapes.

    `joins` are the concatenations of images along their channels, each of whose parts is another,
    and all of one type; of what is `written` in place, nothing shares memory with them. All that is
    placed is of the type of `like`, which nothing of `others` is.
    """

    def __init__(
        self,
        traced: fx.GraphModule,
        groups: Sequence[Group],
        shapes: Mapping[str, torch.Size],
        written: Collection[fx.Node],
        others: AbstractSet[fx.Node],
        like: Tensor,
    ) -> None:
        self.shapes, self.dtype, self.device = shapes, like.dtype, like.device
        nodes = list(traced.graph.nodes)
        self.joins = {
            node for node in nodes if joins_channels(node) and self._joinable(node, others)
        }
        self._homes = self._find_homes(nodes, groups, written)

    def place(self, node: fx.Node, values: Values) -> Tensor:
        """Where a result is written: a slice of what it is joined to, or memory of its own."""
        if node not in values:
            home, shape = self._homes.get(node), self.shapes[node.name]
            if home is None:
                values[node] = self._empty(shape)
            else:
                values[node] = self.place(home[0], values)[:, home[1] : home[1] + shape[1]]
        return values[node]  # type: ignore[no-any-return]  # a tensor, as all that is placed

    def join(self, node: fx.Node, values: Values) -> None:
        """Copies to its place what no launch has written there."""
        whole, first = self.place(node, values), 0
        for part in node.all_input_nodes:
            channels = self.shapes[part.name][1]
            if self._homes.get(part) != (node, first):
                whole[:, first : first + channels].copy_(values[part])
            first += channels

    def random(self, node: fx.Node) -> Tensor:
        """Something of the shape of a value, to choose a tiling on."""
        # By a generator of its own: the caller's draws are as before.
        generator = torch.Generator(self.device).manual_seed(0)
        return self._empty(self.shapes[node.name]).normal_(generator=generator)

    def _empty(self, shape: torch.Size) -> Tensor:
        kept = torch.channels_last
        return torch.empty(shape, dtype=self.dtype, device=self.device, memory_format=kept)

    def _joinable(self, node: fx.Node, others: AbstractSet[fx.Node]) -> bool:
        parts = node.args[0]
        if not isinstance(parts, list | tuple) or len({*parts}) != len(parts):
            return False
        tensors = [node, *node.all_input_nodes]
        # torch also takes an empty line among images.
        images = all(len(self.shapes[one.name]) == FOUR for one in tensors)
        return images and others.isdisjoint(tensors)

    def _find_homes(
        self, nodes: Sequence[fx.Node], groups: Sequence[Group], written: Collection[fx.Node]
    ) -> dict[fx.Node, tuple[fx.Node, int]]:
        """For each result that a launch can place: the concatenation, and its first channel.

        What is written in place has none, as the concatenation would change with it, or it with the
        concatenation.
        """
        placed = {unit.last for group in groups for unit in group.units}
        placed |= {group.pool for group in groups if group.pool is not None}
        homes: dict[fx.Node, tuple[fx.Node, int]] = {}
        for node in nodes:
            if node not in self.joins:
                continue
            placed.add(node)  # a concatenation may stand within another
            first = 0
            for part in node.all_input_nodes:
                alone = part in written or node in written
                if part in placed and part not in homes and not alone:
                    homes[part] = node, first
                first += self.shapes[part.name][1]
        return homes
