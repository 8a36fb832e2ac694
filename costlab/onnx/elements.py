"""ONNX's element types and tensor types, as costlab's specs and back.

Does not know where a tensor stands.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from costlab.errors import SourceError
from costlab.graph import TensorSpec
from costlab.inputspec import MOST_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnx import TypeProto

# Source: onnx.proto, `TensorProto.DataType`.
NAMES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4_e2m1",
    24: "float8_e8m0",
    25: "uint2",
    26: "int2",
}
"""What an element type is called, by its number in the format."""
NUMBERS = {name: number for number, name in NAMES.items()}

Dim = int | str | None
"""A size, the name of one that may vary, or nothing."""


def is_float(dtype: str) -> bool:
    """Whether elements are numbers with a fraction, in however few bits.

    >>> is_float("bfloat16"), is_float("float8_e5m2"), is_float("int4")
    (True, True, False)
    """
    return dtype.startswith(("float", "bfloat", "complex"))


def entries(spec: TensorSpec) -> int:
    """The numbers by which a list of them holds a tensor: small ones share one, complex take two.

    Source: onnx.proto, `TensorProto.int32_data`, `TensorProto.float_data`.

    >>> entries(TensorSpec((5,), "float16")), entries(TensorSpec((5,), "int4"))
    (5, 3)
    >>> entries(TensorSpec((5,), "complex64"))
    10
    """
    if spec.dtype.startswith("complex"):
        return 2 * spec.elements
    return min(spec.elements, spec.bytes)  # an entry holds a byte's worth, or one element


def dims_of(proto: TypeProto) -> tuple[str, tuple[Dim, ...]] | None:
    """The element type and the dimensions of a tensor type; None if it is none, or has no rank."""
    if proto.WhichOneof("value") != "tensor_type":
        return None
    tensor = proto.tensor_type
    if tensor.elem_type not in NAMES or not tensor.HasField("shape"):
        return None
    dims: list[Dim] = []
    for dim in tensor.shape.dim:
        which = dim.WhichOneof("value")
        # A size below 0 is none: onnxruntime has -1 for an open one (tensorprotoutils.cc).
        size = dim.dim_value if dim.dim_value >= 0 else None
        dims.append(size if which == "dim_value" else dim.dim_param or None)
    return NAMES[tensor.elem_type], tuple(dims)


def spec_of(proto: TypeProto, bound: Mapping[str, int]) -> TensorSpec | None:
    """The spec of a tensor type, its named sizes as `bound` has them; None if one is not known."""
    told = dims_of(proto)
    if told is None:
        return None
    dtype, dims = told
    sizes = [bound.get(dim) if isinstance(dim, str) else dim for dim in dims]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes) or min(known, default=0) < 0:
        return None
    return TensorSpec(bounded(known), dtype)


def bounded(sizes: Iterable[int]) -> tuple[int, ...]:
    """The sizes as a shape.

    Raises:
        SourceError: no memory holds a tensor of that shape, or a size is negative.
    """
    shape = tuple(sizes)
    if min(shape, default=0) < 0 or prod(shape) > MOST_ELEMENTS:
        raise SourceError(f"a tensor of the shape {list(shape)} is in it, which no memory holds")
    return shape


@lru_cache(maxsize=4096)
def type_of(spec: TensorSpec) -> TypeProto:
    """The tensor type of a spec."""
    from onnx import helper

    return helper.make_tensor_type_proto(NUMBERS[spec.dtype], list(spec.shape))
