"""Attributes of nodes as Python's values, and those of a call put into the function it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.onnx.reading import described

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnx import AttributeProto, FunctionProto, NodeProto


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """The attributes of a node as Python's values, small tensors as numpy's arrays; no graphs."""
    from onnx import AttributeProto, helper

    told: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type in {AttributeProto.GRAPH, AttributeProto.GRAPHS}:
            continue
        if attribute.type == AttributeProto.TENSOR:
            told[attribute.name] = described(attribute.t).values
            continue
        value = helper.get_attribute_value(attribute)
        told[attribute.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return told


def array_of(attribute: AttributeProto) -> Any:
    """The array of a constant that is written as a number, a text or a list of such."""
    import numpy as np
    from onnx import helper

    array = np.asarray(helper.get_attribute_value(attribute))
    if array.dtype.kind in "SUO":
        return array.astype(object)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)


def with_arguments(inner: NodeProto, call: NodeProto, function: FunctionProto) -> NodeProto:
    """A node of a function's body, its attributes those of the call where it refers to them.

    So are those of the nodes in its graphs, which are the function's own.
    """
    if not _refers(inner):
        return inner
    given = {attribute.name: attribute for attribute in function.attribute_proto}
    given |= {attribute.name: attribute for attribute in call.attribute}
    made = type(inner)()
    made.CopyFrom(inner)
    _fill(made, given)
    return made


def _refers(node: NodeProto) -> bool:
    """Whether a node, or one in its graphs, has an attribute that is an argument's."""
    return any(
        attribute.ref_attr_name or any(map(_refers, _inner(attribute)))
        for attribute in node.attribute
    )


def _inner(attribute: AttributeProto) -> Iterator[NodeProto]:
    """The nodes of the graphs that an attribute holds."""
    for graph in (attribute.g, *attribute.graphs):
        yield from graph.node


def _fill(node: NodeProto, given: Mapping[str, AttributeProto]) -> None:
    """Puts arguments in the place of the attributes that refer to them; away with those of none."""
    for at in reversed(range(len(node.attribute))):
        attribute = node.attribute[at]
        source = given.get(attribute.ref_attr_name)
        if not attribute.ref_attr_name:
            for inner in _inner(attribute):
                _fill(inner, given)
        elif source is None:
            del node.attribute[at]
        else:
            name = attribute.name
            attribute.CopyFrom(source)
            attribute.name = name
