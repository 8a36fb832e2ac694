"""The short way through a call that has a rule and answers with one tensor on meta.

Does not know which modules have one (`costlab.tracing.shortcuts`), nor the ordinary way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from costlab.errors import TraceError
from costlab.graph import NOTHING, Node
from costlab.ops import Declined
from costlab.tracing.priced import call_of, price_of, told
from costlab.tracing.record import ENDLESS, MOST, Record
from costlab.tracing.shortcuts import SHORTCUTS, arguments_of
from costlab.tracing.tensors import ATOMS, TENSOR_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costlab.tracing.entries import Entries, Entry
    from costlab.tracing.priced import Price

RULE_MISMATCH = (Declined, TypeError, ValueError, IndexError, AttributeError)
"""What a rule raises on arguments that are not its own: the kernel then decides, in torch's words.

A rule's own bug would be hidden here; `costlab.ops.price` and the tests call rules directly.
"""
WITHOUT_MODES = torch._C.DisableTorchFunction  # noqa: SLF001 - torch has no public name for it
DEPTH = torch._C._len_torch_function_stack  # noqa: SLF001 - as above
UNSEEN: Any = object()
"""In the place of the price of a call that no rule was asked about."""
SEVERAL = frozenset({tuple, list})
INDICES = ATOMS | {slice, type(...)}


def is_plain(option: Any) -> bool:
    """Whether an option of a view is of numbers, names and slices, so that no tensor is in it."""
    kind = type(option)
    if kind in SEVERAL:
        return INDICES.issuperset(map(type, option))
    return kind in INDICES


class Leaves(Record):
    """A record that carries a call out itself, where its rule sees specs alone."""

    entries: Entries
    depth: int
    """Of the stack of modes, where none stands between; -1 where no leaf is taken the short way."""
    short: ClassVar[bool] = True
    """Whether there is a short way: only where no kernel is to run."""

    def direct(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What calling a module returns, where it comes to one function with a rule.

        NotImplemented wherever the ordinary way is to be taken.
        """
        shortcut = SHORTCUTS.get(type(module))
        if shortcut is None or not self.short or DEPTH() != self.depth:
            return NotImplemented
        with WITHOUT_MODES():
            arguments = arguments_of(shortcut, module, args, kwargs)
            function = shortcut.function
            entry = self.entries.known.get(function) or self.entries.find(function)
            prices = entry.prices
            if arguments is None or prices is None:
                return NotImplemented
            tensors, options = arguments
            registry = self.registry
            numbers, specs = registry.numbers, registry.specs
            given: list[Any] = []
            operands: list[int] = []
            for tensor in tensors:
                if tensor is None:
                    given.append(None)
                    continue
                number = numbers.get(id(tensor))
                if number is None or number in operands or type(tensor) not in TENSOR_TYPES:
                    return NotImplemented
                operands.append(number)
                given.append(specs[number])
            key = (told(options), *given)
            price = prices.get(key, UNSEEN)
            if price is UNSEEN:
                seen = shortcut.call(given, options)
                price = prices[key] = self._price(entry, seen, {}, args[0])
            if price is None:
                return NotImplemented
            in_place = shortcut.in_place and options[0]
            return self._answer(entry, price, operands, args[0], in_place=in_place)

    def functional(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a function of `torch.nn.functional` returns that torch was to ask the modes for."""
        if not self.short or DEPTH() != self.depth:
            return NotImplemented
        entry = self.entries.known.get(function) or self.entries.find(function)
        with WITHOUT_MODES():
            return self.quick(entry, args, kwargs)

    def quick(self, entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a function with a rule returns, where its first argument is a tensor on meta.

        NotImplemented wherever the ordinary way is to be taken.
        """
        prices, registry = entry.prices, self.registry
        if prices is None or registry.has_stand_ins or not self.short:
            return NotImplemented
        if not args or type(args[0]) is not torch.Tensor or not args[0].is_meta:
            return NotImplemented
        call = call_of(args, kwargs, registry.numbers, registry.specs)
        if call is None:
            return NotImplemented
        key, operands, seen = call
        price = prices.get(key, UNSEEN)
        if price is UNSEEN:
            price = prices[key] = self._price(entry, seen, kwargs, args[0])
        if price is None:
            return NotImplemented
        in_place = entry.in_place or kwargs.get("inplace") is True
        if in_place and price.spec is not None and price.spec.shape != seen[0].shape:
            return NotImplemented
        return self._answer(entry, price, operands, args[0], in_place=in_place)

    def view(self, entry: Entry, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a view of a tensor on meta returns, by its own kernel.

        NotImplemented wherever the ordinary way is to be taken.
        """
        registry = self.registry
        if not self.short or entry.in_place or registry.has_stand_ins or not args:
            return NotImplemented
        first, *options = args
        number = registry.numbers.get(id(first))
        if (
            number is None
            or type(first) is not torch.Tensor
            or not first.is_meta
            or first.requires_grad
            or not all(map(is_plain, options if not kwargs else (*options, *kwargs.values())))
        ):
            return NotImplemented
        try:
            made = func(*args, **kwargs)
        except NotImplementedError:
            return NotImplemented
        several = made if type(made) in SEVERAL else (made,)
        numbers, storage = registry.numbers, registry.storages[number]
        outputs = [registry.add(out, storage) for out in several if id(out) not in numbers]
        op = entry.op
        if len(self.nodes) >= MOST:
            raise TraceError(ENDLESS)
        if outputs and op is not None:
            fields = (
                entry.name, op.family, op.coverage, self.scopes.current, (number,), tuple(outputs),
                0, 0, NOTHING,
            )  # fmt: skip
            self.nodes.append(tuple.__new__(Node, fields))
        return made

    @staticmethod
    def _price(entry: Entry, seen: Iterable[Any], named: Any, first: torch.Tensor) -> Price | None:
        """What the rule says of a call; None for the ordinary way."""
        assert entry.op is not None and entry.op.rule is not None  # noqa: S101, PT018 - for the type checker
        try:
            return price_of(entry.op.rule(*seen, **named), first)
        except RULE_MISMATCH:
            return None

    def _answer(
        self, entry: Entry, price: Price, operands: list[int], first: Any, *, in_place: bool
    ) -> Any:
        """What a call of that price returns, which is written down."""
        op, registry = entry.op, self.registry
        assert op is not None  # noqa: S101 - for the type checker
        spec, make, macs, flops, attributes = price
        if spec is None:
            return first
        if in_place:
            made, number = first, registry.rewrite(first, operands[0])
        else:
            made = make()
            number = registry.made(made, spec)
        if len(self.nodes) >= MOST:
            raise TraceError(ENDLESS)
        # As `Node(…)`, without a call of Python's for each of thousands; the price stays as it is.
        fields = (
            entry.name, op.family, op.coverage, self.scopes.current, tuple(operands), (number,),
            macs, flops, attributes and {**attributes},
        )  # fmt: skip
        self.nodes.append(tuple.__new__(Node, fields))
        return made
