"""Which tensors of a trace want a gradient, as a forward may ask of them while it runs.

What a trace on shapes makes has no history of autograd's, so that it is followed here, by the nodes
that were recorded, and only if a forward asks.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from torch.utils.hooks import RemovableHandle

from costlab.tracing.stops import NeedsMoreError
from costlab.training.needs import CUTS, has_gradient

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from costlab.tracing.record import Record

QUESTIONS = frozenset({
    "requires_grad", "is_leaf", "grad_fn", "retains_grad", "retain_grad", "register_hook",
})  # fmt: skip
"""What a forward may ask of a tensor's history, or do with it."""


class History:
    """Follows the nodes of a record from leaves that want a gradient."""

    def __init__(self, record: Record, leaves: Iterable[int], *, enabled: bool) -> None:
        """From these tensors on; `enabled` says whether gradients are on at the first node."""
        self.record = record
        self.wanting = set(leaves)
        self.enabled = enabled
        self._place = self._switch = 0

    def wants(self, number: int, switches: list[tuple[int, bool]]) -> bool:
        """Whether a tensor comes of a leaf; `switches` say where gradients went on or off."""
        specs, wanting = self.record.registry.specs, self.wanting
        nodes = self.record.nodes
        while self._place < len(nodes):
            while self._switch < len(switches) and switches[self._switch][0] <= self._place:
                self.enabled = switches[self._switch][1]
                self._switch += 1
            node = nodes[self._place]
            self._place += 1
            if self.enabled and node.op not in CUTS and not wanting.isdisjoint(node.inputs):
                wanting.update(made for made in node.outputs if has_gradient(specs[made]))
        return number in wanting

    @staticmethod
    def answer(name: str, tensor: torch.Tensor, *, wants: bool) -> Any:
        """What torch would say of a tensor that wants a gradient, or does not.

        Raises:
            NeedsMoreError: the answer would be an object of autograd's, which there is none of.
        """
        leaf = tensor.requires_grad or not wants
        if name == "grad_fn" and not leaf:
            message = (
                "the forward reads the history of a tensor (grad_fn), and what a trace on shapes "
                "makes has none; --on real (on='real') has it"
            )
            raise NeedsMoreError(message)
        # A hook is called in a backward alone, and none is run.
        answers = {"requires_grad": tensor.requires_grad or wants, "is_leaf": leaf,
                   "retains_grad": False}  # fmt: skip
        return RemovableHandle(OrderedDict()) if name == "register_hook" else answers.get(name)
