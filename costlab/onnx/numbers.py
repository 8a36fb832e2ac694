"""The numbers that shapes are made of: shape arithmetic, done where all operands are known.

Exporters write `x.reshape(n, -1)` as a dozen operators on vectors of sizes. They are computed here,
on the few elements that such a vector has, with ONNX's meaning. Does not know tensors: what is not
small, or depends on an input, is not computed.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from costlab.onnx.reading import FEW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.graph import TensorSpec

Array = Any  # numpy's arrays, of whatever type the file says; None for an operand that is left out


def folded(op: str, operands: list[Array], attributes: Mapping[str, Any]) -> list[Array]:
    """What an operator makes of known numbers; empty if it is not known, or no longer small."""
    rule = FOLDS.get(op)
    if rule is None:
        return []
    try:
        with np.errstate(all="ignore"):
            made = rule(operands, attributes)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError):
        return []  # operands that do not fit: the inference of shapes says what is wrong
    found = [np.asarray(each) for each in (made if isinstance(made, list) else [made])]
    return found if all(each.size <= FEW and _is_kept(op, each) for each in found) else []


def _is_kept(op: str, made: Array) -> bool:
    """Whether an array is of a rank that sizes have; integers are moved through more axes."""
    return made.ndim <= 1 or (op in MOVED and made.dtype.kind in "biu")


def sizes(op: str, spec: TensorSpec, attributes: Mapping[str, Any]) -> Array:
    """What `Shape` and `Size` say of a tensor, whose elements need not be known."""
    if op == "Size":
        return np.array(spec.elements, np.int64)
    end = attributes.get("end")
    return np.array(spec.shape[attributes.get("start", 0) : end], np.int64)


def _axes(operands: list[Array], attributes: Mapping[str, Any], slot: int = 1) -> Any:
    """Axes by an attribute, as operators had them first, or by an input."""
    if len(operands) > slot and operands[slot] is not None:
        return tuple(int(axis) for axis in np.ravel(operands[slot]))
    told = attributes.get("axes")
    if told is not None and len(told) > FEW:  # numpy looks for each axis among all of them
        raise ValueError
    return None if told is None else tuple(told)


def _unsqueezed(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
    return np.expand_dims(operands[0], _axes(operands, attributes))


def _squeezed(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
    return np.squeeze(operands[0], _axes(operands, attributes))


def _sliced(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
    if len(operands) > 1:
        starts, ends, axes, steps = (*operands[1:5], None, None)[:4]
    else:
        starts, ends = attributes["starts"], attributes["ends"]
        axes, steps = attributes.get("axes"), None
    array = np.asarray(operands[0])
    cut = [slice(None)] * array.ndim
    for at, axis in enumerate(range(len(starts)) if axes is None else axes):
        step = 1 if steps is None else int(steps[at])
        cut[int(axis)] = slice(int(starts[at]), int(ends[at]), step)
    return array[tuple(cut)]


def _reshaped(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
    array = np.asarray(operands[0])
    to = [int(size) for size in operands[1]]
    if not attributes.get("allowzero"):  # a 0 stands for the size that is there
        to = [size or array.shape[at] for at, size in enumerate(to)]
    return np.reshape(array, to)


def _split(operands: list[Array], attributes: Mapping[str, Any]) -> list[Array]:
    told = operands[1] if len(operands) > 1 else attributes.get("split")
    if told is None:
        raise ValueError
    return list(np.split(operands[0], np.cumsum(told)[:-1], attributes.get("axis", 0)))


def _filled(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
    value = attributes.get("value")
    shape = [int(size) for size in np.ravel(operands[0])]
    if len(shape) > 1 or np.prod(shape) > FEW:
        raise ValueError
    return np.full(
        shape, 0.0 if value is None else value.reshape(-1)[0], getattr(value, "dtype", "f4")
    )


def _ranged(operands: list[Array], _: Mapping[str, Any]) -> Array:
    start, limit, step = (np.ravel(operand)[0] for operand in operands)
    if step == 0 or (limit - start) / step > FEW:
        raise ValueError
    return np.arange(start, limit, step, dtype=np.asarray(operands[0]).dtype)


def _divided(operands: list[Array], _: Mapping[str, Any]) -> Array:
    a, b = (np.asarray(operand) for operand in operands)
    if not np.issubdtype(a.dtype, np.integer):
        return a / b
    if not b.all():
        raise ValueError
    # Towards zero, as in C.
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)


def _remainder(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
    a, b = (np.asarray(operand) for operand in operands)
    if not b.all():
        raise ValueError
    return np.fmod(a, b) if attributes.get("fmod") else np.mod(a, b)


def _cast(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
    from onnx import helper

    return np.asarray(operands[0]).astype(helper.tensor_dtype_to_np_dtype(attributes["to"]))


def _expanded(operands: list[Array], _: Mapping[str, Any]) -> Array:
    value, shape = np.asarray(operands[0]), tuple(int(size) for size in np.ravel(operands[1]))
    if len(shape) > 1 or np.prod(shape) > FEW:
        raise ValueError
    return value * np.ones(shape, value.dtype)


def _reduced(of: str) -> Any:
    def rule(operands: list[Array], attributes: Mapping[str, Any]) -> Array:
        axes = _axes(operands, attributes) or None
        if axes is None and attributes.get("noop_with_empty_axes"):
            return operands[0]
        keep = bool(attributes.get("keepdims", 1))
        made = getattr(np, of)(operands[0], axis=axes, keepdims=keep)
        return np.asarray(made).astype(np.asarray(operands[0]).dtype)

    return rule


def _numpy(name: str) -> Any:
    def rule(operands: list[Array], _: Mapping[str, Any]) -> Array:
        return getattr(np, name)(*operands)

    return rule


def _joined(name: str) -> Any:
    def rule(operands: list[Array], _: Mapping[str, Any]) -> Array:
        return reduce(getattr(np, name), operands)

    return rule


FOLDS: dict[str, Any] = {
    "Cast": _cast,
    "Concat": lambda operands, told: np.concatenate(operands, told["axis"]),
    "ConstantOfShape": _filled,
    "Div": _divided,
    "Expand": _expanded,
    "Gather": lambda operands, told: np.take(operands[0], operands[1], told.get("axis", 0)),
    "Identity": lambda operands, _: operands[0],
    "Max": _joined("maximum"),
    "Min": _joined("minimum"),
    "Mod": _remainder,
    "Pow": lambda operands, _: np.power(operands[0], operands[1]).astype(operands[0].dtype),
    "Range": _ranged,
    "Reshape": _reshaped,
    "Slice": _sliced,
    "Split": _split,
    "Squeeze": _squeezed,
    "Transpose": lambda operands, told: np.transpose(operands[0], told.get("perm")),
    "Unsqueeze": _unsqueezed,
    **{f"Reduce{name.capitalize()}": _reduced(name) for name in ("max", "min", "prod", "sum")},
    **{
        op: _numpy(name)
        for op, name in {
            "Abs": "abs",
            "Add": "add",
            "And": "logical_and",
            "Ceil": "ceil",
            "Equal": "equal",
            "Floor": "floor",
            "Greater": "greater",
            "GreaterOrEqual": "greater_equal",
            "Less": "less",
            "LessOrEqual": "less_equal",
            "Mul": "multiply",
            "Neg": "negative",
            "Not": "logical_not",
            "Or": "logical_or",
            "Sqrt": "sqrt",
            "Sub": "subtract",
            "Where": "where",
        }.items()
    },
}
"""What is computed, an operator a line; Python's numpy has the same meaning for most."""
MOVED = {
    "Cast",
    "Concat",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
"""What puts numbers elsewhere and computes none: padding goes through a matrix so."""
