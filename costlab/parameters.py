"""The parameters of a model, each once, and its buffers: what is tied, frozen, never executed.

Knows neither torch nor text, nor what operations cost.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.graph import TensorSpec, rows
from costlab.inputspec import DTYPES, format_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.graph import Graph


class Weight(NamedTuple):
    """One parameter: the shape of what it stands for, and the tensors that hold it.

    `path` is the first name that it is registered under, `aliases` are the others; `executed` says
    whether the forward used it, `trainable` whether it wants a gradient.
    """

    path: str
    shape: tuple[int, ...]
    held: tuple[TensorSpec, ...]
    executed: bool = True
    trainable: bool = True
    aliases: tuple[str, ...] = ()

    @property
    def elements(self) -> int:
        """The weights that it is: ∏ shape."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """The bytes that hold it, scales of quantized weights included."""
        return sum(spec.bytes for spec in self.held)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The element types of the tensors that hold it, each once."""
        return tuple(dict.fromkeys(spec.dtype for spec in self.held))


class Buffers(NamedTuple):
    """The tensors that modules register beside their parameters."""

    tensors: int = 0
    elements: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Parameters:
    """All parameters of a model, in registration order, and what its buffers come to."""

    each: tuple[Weight, ...]
    buffers: Buffers

    @property
    def elements(self) -> int:
        """The elements of all, each parameter once."""
        return sum(weight.elements for weight in self.each)

    @property
    def bytes(self) -> int:
        """The bytes that hold them."""
        return sum(weight.bytes for weight in self.each)

    @property
    def executed(self) -> int:
        """The elements of those that the forward used."""
        return sum(weight.elements for weight in self.each if weight.executed)

    @property
    def frozen(self) -> int:
        """The elements of those that want no gradient."""
        return sum(weight.elements for weight in self.each if not weight.trainable)

    @property
    def tied(self) -> tuple[Weight, ...]:
        """Those that are registered under more than one name."""
        return tuple(weight for weight in self.each if weight.aliases)

    @property
    def dtypes(self) -> dict[str, int]:
        """The bytes of each element type, the most first."""
        found: Counter[str] = Counter()
        for weight in self.each:
            for spec in weight.held:
                found[spec.dtype] += spec.bytes
        return dict(found.most_common())

    def to_dict(self) -> dict[str, Any]:
        """The parameters as plain data; the sums are there for who reads no list."""
        return {
            "elements": self.elements,
            "executed": self.executed,
            "frozen": self.frozen,
            "bytes": self.bytes,
            "dtypes": self.dtypes,
            "buffers": self.buffers._asdict(),
            "each": [_weight_to_dict(weight) for weight in self.each],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Parameters:
        """The parameters that a document holds.

        Raises:
            KeyError, TypeError, ValueError, UsageError: the document is damaged.
        """
        buffers = document["buffers"]
        return cls(
            each=tuple(_weight_from_dict(weight) for weight in document["each"]),
            buffers=Buffers(*(_count(buffers[name]) for name in Buffers._fields)),
        )


def parameters_of(graph: Graph) -> Parameters:
    """The parameters and buffers of a traced model."""
    # A column at a time: a model has hundreds, in an analysis of milliseconds.
    each: tuple[Weight, ...] = ()
    if graph.parameters:
        paths, specs, tensors, trainable, aliases, logical, stored, _ = zip(
            *graph.parameters, strict=True
        )
        each = rows(
            Weight,
            paths,
            [
                spec.shape if shape is None else shape
                for spec, shape in zip(specs, logical, strict=True)
            ],
            [parts or (spec,) for spec, parts in zip(specs, stored, strict=True)],
            [tensor is not None for tensor in tensors],
            trainable,
            aliases,
        )
    kinds = {id(spec): spec for spec in graph.buffers}  # tensors of one kind share their spec
    count = [(kinds[key], times) for key, times in Counter(map(id, graph.buffers)).items()]
    return Parameters(
        each,
        Buffers(
            len(graph.buffers),
            sum(spec.elements * times for spec, times in count),
            sum(spec.bytes * times for spec, times in count),
        ),
    )


def _weight_to_dict(weight: Weight) -> dict[str, Any]:
    document = {
        "path": weight.path,
        "shape": list(weight.shape),
        "elements": weight.elements,
        "bytes": weight.bytes,
        "held": [format_spec(spec) for spec in weight.held],
        "executed": weight.executed,
        "trainable": weight.trainable,
    }
    if weight.aliases:
        document["aliases"] = list(weight.aliases)
    return document


def _weight_from_dict(document: Mapping[str, Any]) -> Weight:
    return Weight(
        path=_text(document["path"]),
        shape=tuple(_count(size) for size in document["shape"]),
        held=tuple(_spec(text) for text in document["held"]),
        executed=_yes_or_no(document["executed"]),
        trainable=_yes_or_no(document["trainable"]),
        aliases=tuple(_text(path) for path in document.get("aliases", ())),
    )


def _spec(text: Any) -> TensorSpec:
    """A spec of any element type: a parameter may be of one that no input is."""
    match = re.fullmatch(r"([A-Za-z]\w*)\[((?:\d+(?:,\d+)*)?)\]", _text(text), re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is no spec of a tensor")
    dtype, sizes = match.groups()
    shape = tuple(int(size) for size in sizes.split(",") if size)
    return TensorSpec(shape, DTYPES.get(dtype, dtype))


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value
