"""The short way to a leaf module's function, and into the record.

Does not know which modules have one (`costlab.tracing.shortcuts`), nor the ordinary way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from costlab.ops import SAME, Declined
from costlab.tracing.record import Record
from costlab.tracing.shortcuts import SHORTCUTS, arguments_of

if TYPE_CHECKING:
    from costlab.tracing.entries import Entries

RULE_MISMATCH = (Declined, TypeError, ValueError, IndexError, AttributeError)
"""What a rule raises on arguments that are not its own: the kernel then decides, in torch's words.

A rule's own bug would be hidden here; `costlab.ops.price` and the tests call rules directly.
"""


class Leaves(Record):
    """A record that carries a leaf module's function out itself; its rule sees specs alone."""

    entries: Entries
    depth: int
    """Of the stack of modes, where none stands between; -1 where no leaf is taken the short way."""

    def direct(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What calling a module returns, where it comes to one function with a rule.

        NotImplemented wherever the ordinary way is to be taken.
        """
        shortcut = SHORTCUTS.get(type(module))
        if shortcut is None or torch._C._len_torch_function_stack() != self.depth:  # noqa: SLF001 - torch has no public name for it
            return NotImplemented
        with torch._C.DisableTorchFunction():  # noqa: SLF001 - as above
            arguments = arguments_of(shortcut, module, args, kwargs)
            registry = self.registry
            described = None if arguments is None else registry.described(arguments)
            function = shortcut.function
            entry = self.entries.known.get(function) or self.entries.find(function)
            op = entry.op
            if arguments is None or described is None or op is None or op.rule is None:
                return NotImplemented
            seen, operands = described
            try:
                effect = op.rule(*seen)
            except RULE_MISMATCH:
                return NotImplemented
            made = args[0]
            if effect.unchanged:
                return made
            if effect.dtype != SAME or effect.shapes is not None:
                return NotImplemented
            if shortcut.in_place and arguments[1]:
                number = registry.rewrite(made, operands[0])
            else:
                made, number = registry.make(effect.shape, made.dtype)
            self.write(entry.name, op.family, op.coverage, operands, (number,), effect)
            return made
