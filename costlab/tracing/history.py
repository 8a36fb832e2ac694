"""Which tensors of a trace want a gradient, as a forward may ask of them while it runs.

What a trace on shapes makes has no history of autograd's, so that it is followed here, by the nodes
that were recorded, and only if a forward asks. Does not know by which rules: that is
`costlab.training.flow`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from torch.utils.hooks import RemovableHandle

from costlab.tracing.stops import NeedsMoreError
from costlab.training.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch

    from costlab.graph import Node
    from costlab.tracing.registry import Registry
    from costlab.training.flow import Noted

QUESTIONS = frozenset({
    "requires_grad", "is_leaf", "grad_fn", "retains_grad", "retain_grad", "register_hook",
})  # fmt: skip
"""What a forward may ask of a tensor's history, or do with it."""
HOOKS = frozenset({"retain_grad", "register_hook"})
"""What would leave something with a tensor, also with one of the caller's."""


class History:
    """Follows the nodes of a record from leaves that want a gradient."""

    def __init__(
        self,
        nodes: list[Node],
        registry: Registry,
        noted: Noted,
        leaves: Callable[[], Iterable[int]],
        *,
        enabled: bool,
    ) -> None:
        """From these leaves on; `enabled` says whether gradients are on at the first node."""
        self.nodes, self.registry, self.noted = nodes, registry, noted
        self.leaves, self.enabled = leaves, enabled
        self._retained: set[int] = set()
        self._begin()

    def _begin(self) -> None:
        specs, storages = self.registry.specs, self.registry.storages
        self._flow = Flow(specs, storages, self.leaves(), enabled=self.enabled)
        self._switches: tuple[tuple[int, bool], ...] = ()
        self._regions = 0

    def flow(self) -> Flow:
        """What wants a gradient at the next node; from the start, if what is past is seen anew."""
        noted, place = self.noted, self._flow.place
        # What a function of the user's turned off is taken back when it is through, and a region
        # that runs anew is known by its end.
        taken_back = tuple(noted.switches[: len(self._switches)]) != self._switches
        closed = any(region.start < place for region in noted.checkpoints[self._regions :])
        if taken_back or closed:
            self._begin()
        self._flow.advance(self.nodes, noted)
        self._switches, self._regions = tuple(noted.switches), len(noted.checkpoints)
        return self._flow

    def ask(self, name: str, tensor: torch.Tensor, plainly: Callable[[], Any]) -> Any:
        """What torch would say of a tensor; `plainly` asks the tensor itself.

        Raises:
            NeedsMoreError: the answer would be an object of autograd's, which there is none of.
        """
        number = self.registry.number_of(tensor)
        wants, made, retained = tensor.requires_grad, False, False
        if number is not None:
            flow = self.flow()
            known = flow.was(number)
            wants, made = flow.wants(number), flow.is_made(number)
            retained = made and known in self._retained
            if name == "retain_grad":
                self._retained.add(known)
        if name in HOOKS:
            # A hook is called in a backward alone, and none is run.
            return RemovableHandle(OrderedDict()) if name == "register_hook" else None
        if not made and wants == tensor.requires_grad and self.registry.is_foreign(tensor):
            return plainly()
        if name == "grad_fn" and wants and made:
            message = (
                "the forward reads the history of a tensor (grad_fn), and what a trace on shapes "
                "makes has none; --on real (on='real') has it"
            )
            raise NeedsMoreError(message)
        answers = {
            "requires_grad": wants,
            "is_leaf": not (wants and made),
            "retains_grad": retained,
        }
        return answers.get(name)
