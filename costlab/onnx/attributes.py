"""Attributes of nodes as Python's values, and those of a call put into the function it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.onnx.reading import described

if TYPE_CHECKING:
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
    """A node of a function's body, its attributes those of the call where it refers to them."""
    if not any(attribute.ref_attr_name for attribute in inner.attribute):
        return inner
    given = {attribute.name: attribute for attribute in function.attribute_proto}
    given |= {attribute.name: attribute for attribute in call.attribute}
    made = type(inner)()
    made.CopyFrom(inner)
    del made.attribute[:]
    for attribute in inner.attribute:
        source = given.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if source is not None:
            made.attribute.append(source)
            made.attribute[-1].name = attribute.name
    return made
