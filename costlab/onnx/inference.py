"""What an operator writes, as ONNX itself infers it from what goes in.

One operator at a time, so that time and memory are those of the graph, and a result that was
inferred carries to the next. Does not know costs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from costlab.errors import SourceError
from costlab.onnx.elements import spec_of, type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import FunctionProto, NodeProto
    from onnx.defs import OpSchema

    from costlab.graph import TensorSpec


OPERANDS = re.compile(r"(?:[A-Za-z ,]|\.{3})*")
"""What stands before the arrow of an Einstein sum: an axis a letter, or any axes as three dots."""


@lru_cache(maxsize=1024)
def schema_of(op: str, domain: str, opset: int) -> OpSchema | None:
    """What ONNX knows of an operator in a version; None if it does not know it."""
    from onnx import defs

    try:
        return defs.get_schema(op, opset, domain)
    except defs.SchemaError:
        return None


def inferred(
    node: NodeProto,
    schema: OpSchema,
    specs: Mapping[str, TensorSpec],
    values: Mapping[str, Any],
    opsets: Mapping[str, int],
) -> dict[str, TensorSpec | None]:
    """The specs of what a node writes, by name; None where they hang on values that are not known.

    Raises:
        SourceError: what goes in does not fit.
    """
    from onnx import checker, helper, numpy_helper, shape_inference

    if node.op_type == "Einsum":
        _check_equation(node)
    try:
        found = shape_inference.infer_node_outputs(
            schema,
            node,
            {name: type_of(spec) for name, spec in specs.items()},
            {name: numpy_helper.from_array(value, name) for name, value in values.items()},
            opset_imports=[
                helper.make_opsetid(domain, version) for domain, version in opsets.items()
            ],
        )
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise SourceError(_said(error)) from error
    except (KeyError, RuntimeError, ValueError, TypeError):
        return {}  # the definition does not say, or not without what is missing
    return {name: spec_of(told, {}) for name, told in found.items()}


def _check_equation(node: NodeProto) -> None:
    """Looks at the operands of an Einstein sum, whose inference never ends on other signs.

    Raises:
        SourceError: there is one that no equation has.
    """
    for attribute in node.attribute:
        operands = attribute.s.decode(errors="replace").partition("->")[0]
        if not OPERANDS.fullmatch(operands):
            raise SourceError(f"{operands[:60]!r} are no operands of an equation")


def _said(error: Exception) -> str:
    """What ONNX says is wrong, without the names that it puts in front."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else "the shapes do not fit"


def definition_of(
    node: NodeProto,
    schema: Any,  # an OpSchema, whose published types lack what it says of functions
    specs: Mapping[str, TensorSpec],
    opset: int,
) -> FunctionProto | None:
    """The function by which ONNX defines an operator; None for one that is defined in words."""
    import onnx

    if schema.has_context_dependent_function:
        types = [
            type_of(specs[name]).SerializeToString() if name in specs else b""
            for name in node.input
        ]
        known = [each for each in schema.context_dependent_function_opset_versions if each <= opset]
        if not known:
            return None
        try:
            made = schema.get_context_dependent_function_with_opset_version(
                max(known), node.SerializeToString(), types
            )
        except (RuntimeError, ValueError, TypeError):
            return None
        return onnx.FunctionProto.FromString(made) if made else None
    if not schema.has_function:
        return None
    known = [each for each in schema.function_opset_versions if each <= opset]
    if not known:
        return None
    body = schema.get_function_with_opset_version(max(known))
    return body if isinstance(body, onnx.FunctionProto) else onnx.FunctionProto.FromString(body)
