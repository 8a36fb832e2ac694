"""One operator as a rule sees it: specs of what it reads and writes, its attributes, known numbers.

A rule is a function of a call that returns an `Effect`, as those of `costlab.ops` do, and mostly
asks one of them. Does not know the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costlab.graph import TensorSpec
from costlab.ops.rule import Declined, Effect, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Call:
    """An operator with its operands.

    `inputs` has None where an optional one is left out; `values` are the numbers of those inputs
    that are known, None of all others; `outputs` are the specs that ONNX infers, None for one that
    is not asked for, and empty where ONNX does not know the operator.
    """

    op: str
    attributes: Mapping[str, Any]
    inputs: tuple[TensorSpec | None, ...]
    outputs: tuple[TensorSpec | None, ...] = ()
    values: tuple[Any, ...] = ()

    def has(self, slot: int) -> bool:
        """Whether the input at a place is given."""
        return slot < len(self.inputs) and self.inputs[slot] is not None

    def optional(self, slot: int) -> TensorSpec | None:
        """The spec of an input that may be left out."""
        return self.inputs[slot] if slot < len(self.inputs) else None

    def given(self, slot: int) -> TensorSpec:
        """The spec of an input that the rule needs.

        Raises:
            Declined: it is left out.
        """
        spec = self.optional(slot)
        if spec is None:
            raise Declined
        return spec

    @property
    def out(self) -> TensorSpec:
        """The spec of the first output that there is.

        Raises:
            Declined: none is known.
        """
        for spec in self.outputs:
            if spec is not None:
                return spec
        raise Declined

    def value(self, slot: int) -> list[Any] | None:
        """The numbers of an input as a list; None if they are not known."""
        known = self.values[slot] if slot < len(self.values) else None
        return None if known is None else list(known.reshape(-1).tolist())

    def number(self, name: str, default: float = 0) -> Any:
        """An attribute that is a number."""
        return self.attributes.get(name, default)

    def numbers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        return tuple(self.attributes.get(name) or default)

    def text(self, name: str, default: str = "") -> str:
        """An attribute that is a text."""
        return str(self.attributes.get(name, default))


Rule = Callable[[Call], Effect]
"""What an operator costs; an `Effect` of its first output's shape."""


def like(spec: TensorSpec, shape: Shape | None = None) -> TensorSpec:
    """A spec of the same shape, or of another, in float32: what rules of float operations take."""
    return TensorSpec(spec.shape if shape is None else shape)


def each_output(flops: int) -> Rule:
    """The rule of an element-wise operator: so many operations an output element."""
    return lambda call: Effect(call.out.shape, flops=flops * call.out.elements)


def each_input(flops: int) -> Rule:
    """The rule of an operator that looks at its first input so many times an element."""
    return lambda call: Effect(call.out.shape, flops=flops * call.given(0).elements)
