"""The values in the description of an exported program: element types, shapes, arguments.

Does not know what is done with them. Whatever is not as torch writes it is refused.

Source: the format is that of torch/_export/serde/schema.py, version 8.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import SourceError
from costlab.graph import TensorSpec
from costlab.inputspec import LARGEST_SIZE, MOST_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32",
    8: "float64", 9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
    28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz", 33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
FORMATS = {
    1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d,
    4: torch.preserve_format,
}  # fmt: skip
STRIDED = 7


class BrokenError(SourceError):
    """A description that is not as torch writes it; its reader adds the name of the file."""


def spec_of(meta: Any) -> TensorSpec:
    """The shape and element type of a tensor; a size that may vary is that of the example.

    Raises:
        BrokenError: it is no such tensor, or larger than any can be.
    """
    try:
        dtype = DTYPES[meta["dtype"]]
        sizes = tuple(map(_size, meta["sizes"]))
    except (KeyError, TypeError) as error:
        raise BrokenError(f"a tensor is described as {short(meta)}") from error
    if any(not 0 <= size <= LARGEST_SIZE for size in sizes) or prod(sizes) > MOST_ELEMENTS:
        raise BrokenError(f"a tensor has the shape {list(sizes)}")
    return TensorSpec(sizes, dtype)


def _size(told: Any) -> int:
    found = told["as_int"] if "as_int" in told else told["as_expr"]["hint"]["as_int"]
    if type(found) is not int:
        raise TypeError(found)
    return found


def _scalars(read: Callable[[Any], Any]) -> Callable[[Any, Mapping[str, Any]], Any]:
    return lambda value, _: read(value)


def _plain(value: Any) -> Any:
    """JSON's own value: numbers, texts, flags, and lists of them.

    Raises:
        BrokenError: it is something else.
    """
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        raise BrokenError(f"a value is {short(value)}")
    return value


def _float(value: Any) -> float:
    return float(value)  # `Infinity` and `NaN` stand there as texts


def _named(value: Any, values: Mapping[str, Any]) -> Any:
    name = value["name"]
    if name not in values:
        raise BrokenError(f"{name!r} is read before it is made")
    return values[name]


def _symbol(value: Any, values: Mapping[str, Any]) -> Any:
    if "as_name" in value:
        return _named({"name": value["as_name"]}, values)
    (number,) = value.values()
    return _plain(number)


def _optional(value: Any, values: Mapping[str, Any]) -> Any:
    return _named(value["as_tensor"], values) if "as_tensor" in value else None


def _several(read: Callable[[Any, Mapping[str, Any]], Any]) -> Callable[[Any, Any], list[Any]]:
    return lambda told, values: [read(each, values) for each in told]


READERS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "as_none": lambda _, __: None,
    "as_tensor": _named,
    "as_tensors": _several(_named),
    "as_nested_tensors": _several(_several(_named)),
    "as_optional_tensor": _optional,
    "as_optional_tensors": _several(_optional),
    "as_float": _scalars(_float),
    "as_floats": _several(_scalars(_float)),
    "as_sym_int": _symbol,
    "as_sym_ints": _several(_symbol),
    "as_sym_float": _symbol,
    "as_sym_floats": _several(_symbol),
    "as_sym_bool": _symbol,
    "as_sym_bools": _several(_symbol),
    "as_scalar_type": _scalars(lambda value: getattr(torch, DTYPES[value])),
    "as_memory_format": _scalars(lambda value: FORMATS[value]),
    "as_layout": _scalars(lambda value: {STRIDED: torch.strided}[value]),
    # Whatever a program makes, it makes on meta: a shape takes no memory.
    "as_device": _scalars(lambda _: torch.device("meta")),
    "as_complex": _scalars(lambda value: complex(value["real"], value["imag"])),
    **dict.fromkeys(
        ("as_int", "as_ints", "as_bool", "as_bools", "as_string", "as_strings", "as_int_lists"),
        _scalars(_plain),
    ),
}


def argument(told: Any, values: Mapping[str, Any]) -> Any:
    """What an argument is, given the values that were computed before.

    Raises:
        BrokenError: it is of no kind that can be read.
    """
    try:
        ((kind, value),) = told.items()
        return READERS[kind](value, values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BrokenError(f"an argument is {short(told)}") from error


def names_in(told: Any) -> Iterator[str]:
    """The names of all values that an argument, or a list of results, speaks of."""
    if isinstance(told, list):
        for each in told:
            yield from names_in(each)
    elif isinstance(told, dict):
        for key, value in told.items():
            if key in {"name", "as_name"} and isinstance(value, str):
                yield value
            elif key != "as_graph":
                yield from names_in(value)


def short(value: object) -> str:
    """A value as a line of a message has room for it."""
    text = repr(value)
    return text if len(text) < 100 else f"{text[:99]}…"  # noqa: PLR2004 - a line of a message
