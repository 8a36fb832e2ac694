"""What an exported program may be given: sizes it fixes, ranges, sizes that go together, values.

Does not know the graph, nor what a wrong size would have cost. The checks are those that torch
makes before it runs a program.

Source: `_get_input_guards_for_graph` (torch/export/_unlift.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.errors import RefusedInputError
from costlab.graph import TensorSpec
from costlab.inputspec import format_spec
from costlab.sources.exported_guards import UnreadError, holds, plain
from costlab.sources.exported_sizes import range_of, size_of
from costlab.sources.exported_trees import named
from costlab.sources.exported_values import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from costlab.inputspec import Literal
    from costlab.sources.exported_sizes import Affine, Range
    from costlab.sources.exported_trees import Tree

    Given = Sequence[tuple[str, TensorSpec | Literal]]

REMEDY = "export it with dynamic_shapes"


class Axis(NamedTuple):
    """An axis of an input, and the size that it has in this run."""

    name: str
    place: int
    spec: TensorSpec
    size: int

    @property
    def told(self) -> str:
        """The input as it was given."""
        return f"the input {self.name} is {format_spec(self.spec)}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program says of its inputs; `sizes` holds those of each tensor's axes, None unread."""

    given: Given
    names: tuple[str, ...]
    sizes: Mapping[int, tuple[Affine | None, ...]]
    ranges: Mapping[str, Range]
    guards: tuple[str, ...]

    def check(self, leaves: Sequence[Any]) -> None:
        """Refuses inputs for which the program was not exported.

        Raises:
            RefusedInputError: one does not fit; it says which, where, and what the program takes.
        """
        differs = False
        axes: list[tuple[Axis, Affine]] = []
        for place, ((_, asked), leaf) in enumerate(zip(self.given, leaves, strict=True)):
            name = self.names[place]
            if not isinstance(asked, TensorSpec):
                _same(name, asked, leaf)
                continue
            spec = _spec(name, asked, leaf)
            differs |= spec.shape != asked.shape
            axes += self._axes(place, name, spec, asked)
        if not differs:
            return
        values = _solved(axes)
        self._within(axes, values)
        self._guarded(leaves)

    def _axes(
        self, place: int, name: str, spec: TensorSpec, asked: TensorSpec
    ) -> Iterator[tuple[Axis, Affine]]:
        """The axes of an input whose sizes may vary."""
        for number, (size, was, told) in enumerate(
            zip(spec.shape, asked.shape, self.sizes[place], strict=True)
        ):
            axis = Axis(name, number, spec, size)
            if (told is None or not told.factors) and size != was:
                message = (
                    f"{axis.told}, and the program fixes the size {was} of its axis {number}, as "
                    f"it was exported for {format_spec(asked)}; give that size, or {REMEDY}"
                )
                raise RefusedInputError(message)
            if told is not None and told.factors:
                yield axis, told

    def _within(self, axes: Sequence[tuple[Axis, Affine]], values: Mapping[str, int]) -> None:
        """Refuses sizes out of their range."""
        for axis, told in axes:
            for name in told.factors:
                limits = self.ranges.get(name)
                value = values.get(name)
                if limits is None or value is None:
                    continue
                least, greatest = limits
                if (least is None or value >= least) and (greatest is None or value <= greatest):
                    continue
                where = "" if told.factors == {name: 1} and not told.constant else (
                    f" {told.text}, with {name}"
                )  # fmt: skip
                message = (
                    f"{axis.told}, and the program takes{where} {limits.text} on its axis "
                    f"{axis.place}; give a size of these, or export it with another range in "
                    "dynamic_shapes"
                )
                raise RefusedInputError(message)

    def _guarded(self, leaves: Sequence[Any]) -> None:
        """Refuses sizes for which the forward may have gone another way when it was exported."""
        found = dict(zip(self.names, leaves, strict=True))
        given = ", ".join(
            f"{name} is {format_spec(_told(leaf))}"
            for name, leaf in found.items()
            if hasattr(leaf, "shape")
        )
        was = ", ".join(format_spec(x) for _, x in self.given if isinstance(x, TensorSpec))
        for guard in self.guards:
            try:
                if holds(guard, found):
                    continue
                message = f"the program holds only where {plain(guard)}, and {given}"
            except UnreadError as error:
                message = (
                    f"the program has a condition on its sizes that costlab does not read "
                    f"({error}), and {given}"
                )
            remedy = f"give sizes that fit, as {was} does, or export the model with such inputs"
            raise RefusedInputError(f"{message}; {remedy}")


def limits_of(
    program: Mapping[str, Any],
    given: Given,
    described: Mapping[int, Any],
    tree: Tree | None,
    names: Sequence[str],
) -> Limits:
    """What a program says of its inputs: `described` has the descriptions of those tensors.

    Raises:
        BrokenError: it is not as torch writes it.
    """
    ranges = program.get("range_constraints", {})
    guards = program.get("guards_code", [])
    if not isinstance(ranges, dict) or not isinstance(guards, list):
        raise BrokenError("its ranges or conditions of sizes are not as torch writes them")
    return Limits(
        given,
        named(tree, names, [name for name, _ in given]),
        {place: tuple(map(size_of, meta["sizes"])) for place, meta in described.items()},
        {str(name): range_of(told) for name, told in ranges.items()},
        tuple(map(str, guards)),
    )


def _solved(axes: Sequence[tuple[Axis, Affine]]) -> dict[str, int]:
    """The number that each symbol stands for.

    Raises:
        RefusedInputError: there is none, or it is another elsewhere.
    """
    values: dict[str, int] = {}
    first: dict[str, Axis] = {}
    waiting = list(axes)
    while waiting:
        rest = []
        for axis, told in waiting:
            unknown = [name for name in told.factors if name not in values]
            if len(unknown) > 1:
                rest.append((axis, told))
                continue
            known = told.constant + sum(
                by * values[name] for name, by in told.factors.items() if name in values
            )
            if unknown:
                by = told.factors[unknown[0]]
                number, over = divmod(axis.size - known, by)
                if over or number < 0:
                    message = (
                        f"{axis.told}, and the program takes sizes {told.text} on its axis "
                        f"{axis.place}; give one of these, or {REMEDY} that leave it free"
                    )
                    raise RefusedInputError(message)
                values[unknown[0]], first[unknown[0]] = number, axis
            elif known != axis.size:
                other = first[next(iter(told.factors))]
                message = (
                    f"{axis.told}, and the program takes the size {known} on its axis {axis.place} "
                    f"where axis {other.place} of {other.name} is {other.size}; give sizes that go "
                    f"together, or {REMEDY} that leave them free"
                )
                raise RefusedInputError(message)
        if len(rest) == len(waiting):
            axis, told = rest[0]
            message = (
                f"{axis.told}, and the program takes sizes {told.text} there, which its inputs do "
                f"not tell; give the sizes that it was exported for, or {REMEDY} that name it"
            )
            raise RefusedInputError(message)
        waiting = rest
    return values


def _spec(name: str, asked: TensorSpec, leaf: Any) -> TensorSpec:
    """The shape of a tensor that is given.

    Raises:
        RefusedInputError: it is no tensor, or has other axes.
    """
    if not hasattr(leaf, "shape"):
        message = (
            f"the input {name} is {leaf!r}, and the program was exported for {format_spec(asked)}; "
            "give a tensor"
        )
        raise RefusedInputError(message)
    spec = _told(leaf)
    if len(spec.shape) != len(asked.shape):
        message = (
            f"the input {name} is {format_spec(spec)}, and the program was exported for "
            f"{format_spec(asked)}; give as many axes, or export the model with such an input"
        )
        raise RefusedInputError(message)
    return spec


def _told(leaf: Any) -> TensorSpec:
    return TensorSpec(tuple(map(int, leaf.shape)), str(leaf.dtype).removeprefix("torch."))


def _same(name: str, asked: Literal, leaf: Any) -> None:
    """Refuses another value than the one that an export made part of the program."""
    if not hasattr(leaf, "shape") and (leaf == asked or (leaf != leaf and asked != asked)):  # noqa: PLR0124 - only NaN is not itself
        return
    given = format_spec(_told(leaf)) if hasattr(leaf, "shape") else repr(leaf)
    message = (
        f"the input {name} is {given}, and the program fixes it at {asked!r}; give that, or export "
        "the model with the other value"
    )
    raise RefusedInputError(message)
