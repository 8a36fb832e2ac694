"""The dispatch mode that watches a whole run on real tensors.

It sees what no function mode does; what a recorded call runs it lets through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.tracing.descent import Descent

if TYPE_CHECKING:
    from costlab.tracing.computing import Computing


class Watch(Descent):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Prices what comes from where the function mode cannot see: functorch, extensions."""

    recorder: Computing
    supports_higher_order_operators = True
    """Operations that are given functions are handed over like others."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The kernel's result; only what no recorded call runs is recorded here."""
        recorder = self.recorder
        if recorder.busy:
            return func(*args, **(kwargs or {}))
        recorder.busy = True
        try:
            if recorder.lasting and func is torch.ops.aten.detach.default:
                known = recorder.kept_result(args[0])
                if known is not None:
                    made = func(*args, **(kwargs or {}))
                    recorder.registry.adopt(made, known)
                    return made
            return super().__torch_dispatch__(func, types, args, kwargs)
        finally:
            recorder.busy = False
