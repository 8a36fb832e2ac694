"""The parts of a report as plain data, and back: exact integers, no rounding.

Knows values and blocks; not what a report is, nor where a document lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from costlab.blocks import Block, OpTally
from costlab.cost import Cost
from costlab.inputspec import format_spec, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.graph import TensorSpec

Made = TypeVar("Made")


def plain(value: Any) -> dict[str, Any]:
    """The fields of a value by name."""
    return {name: getattr(value, name) for name in _names(value)}


def known(kind: type[Made], document: Mapping[str, Any]) -> Made:
    """The value that a document holds, of those of its keys that the type has."""
    return kind(**{name: document[name] for name in _names(kind) if name in document})


def _names(value: Any) -> tuple[str, ...]:
    """The fields of a value, or of a type, that is a named tuple or a dataclass with slots."""
    names: tuple[str, ...] = getattr(value, "_fields", None) or value.__slots__
    return names


def own_to_dict(block: Block) -> dict[str, Any]:
    """What a block does itself, besides its children."""
    return {
        "own_macs": block.own.macs,
        "own_flops": block.own.flops,
        "own_params": block.own.params,
        "own_params_executed": block.own.params_executed,
        "own_activations": block.own.activations,
        "own_bytes": block.own.bytes,
        "calls": block.calls,
        "outputs": [format_spec(spec) for spec in block.outputs],
        "ops": [_op_to_dict(op) for op in block.ops],
    }


def _op_to_dict(op: OpTally) -> dict[str, Any]:
    document = plain(op)
    attributes = document.pop("attributes")
    if attributes:
        document["attributes"] = {name: _listed(value) for name, value in attributes.items()}
    return document


def _op_from_dict(document: Mapping[str, Any]) -> OpTally:
    told = document.get("attributes", {})
    return known(
        OpTally, {**document, "attributes": {name: _tupled(told[name]) for name in dict(told)}}
    )


def _listed(value: Any) -> Any:
    """The value of an attribute as JSON holds it; whatever it does not know, in words."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, tuple | list):
        return [_listed(item) for item in value]
    return int(value) if isinstance(value, SupportsIndex) else str(value)


def _tupled(value: Any) -> Any:
    """The value of an attribute as a report holds it.

    Raises:
        TypeError: JSON holds something that no attribute is.
    """
    if isinstance(value, list):
        return tuple(_tupled(item) for item in value)
    if isinstance(value, dict):
        raise TypeError(f"{value!r} is no attribute of an operation")
    return value


def block_to_dict(block: Block) -> dict[str, Any]:
    """A block and all blocks below it."""
    return {
        "path": block.path,
        "kind": block.kind,
        **plain(block.cost),
        **own_to_dict(block),
        "children": [block_to_dict(child) for child in block.children],
    }


def block_from_dict(document: Mapping[str, Any]) -> Block:
    """The block that a document holds, with those below it; it sums itself anew.

    Raises:
        KeyError, TypeError, AttributeError, UsageError: the document is damaged.
    """
    return Block(
        path=document["path"],
        kind=document["kind"],
        own=Cost(
            document["own_macs"],
            document["own_flops"],
            document["own_params"],
            document["own_params_executed"],
            document["own_activations"],
            document["own_bytes"],
        ),
        children=tuple(block_from_dict(child) for child in document["children"]),
        calls=document["calls"],
        outputs=tuple(_spec(text) for text in document["outputs"]),
        ops=tuple(_op_from_dict(op) for op in document["ops"]),
    )


def _spec(text: str) -> TensorSpec:
    return parse(text).spec
