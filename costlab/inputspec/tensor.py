"""One tensor as text, `f32[1,3,299,299]` or `tokens=i64[2,128]`, and where a text goes wrong.

Does not know what else an argument may be.
"""

from __future__ import annotations

import re
import unicodedata
from math import prod
from typing import NamedTuple

from costlab.errors import UsageError, did_you_mean
from costlab.graph import TensorSpec

DTYPES = {
    "f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64", "i8": "int8",
    "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8", "bool": "bool",
    "c64": "complex64", "c128": "complex128", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2",
}  # fmt: skip
SHORT = {long: short for short, long in DTYPES.items()}
LARGEST_SIZE = 2**48
"""No axis of a real tensor is longer; a longer one is a slip of the keyboard."""
MOST_ELEMENTS = 2**58
"""With 16 bytes an element, torch's 64-bit sizes end soon after."""

SPEC = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<dtype>[A-Za-z]\w*)?\[(?P<sizes>[^\[\]]*)\]")


class InputSpec(NamedTuple):
    """A spec and the name of the argument it is for, None for a positional one."""

    name: str | None
    spec: TensorSpec


def parse(text: str) -> InputSpec:
    """What a spec of one tensor says; the element type is f32 if none is given.

    Raises:
        UsageError: the text is not such a spec; the message points at the character.

    >>> parse("tokens=i64[2,128]")
    InputSpec(name='tokens', spec=TensorSpec(shape=(2, 128), dtype='int64'))
    """
    text = text.strip()
    match = SPEC.fullmatch(text)
    if match is None:
        raise unreadable(text, *first_wrong(text))
    return InputSpec(match["name"], tensor_of(text, match))


def tensor_of(text: str, match: re.Match[str]) -> TensorSpec:
    """The tensor that a match of the text says.

    Raises:
        UsageError: its element type or a size is none.
    """
    short = match["dtype"] or "f32"
    dtype = DTYPES.get(short, short if short in SHORT else None)
    if dtype is None:
        hint = did_you_mean(short, DTYPES) or f" Known: {', '.join(DTYPES)}."
        raise unreadable(text, match.start("dtype"), f"{short!r} is not an element type.{hint}")
    sizes = _sizes(text, match["sizes"], match.start("sizes"))
    if prod(sizes) > MOST_ELEMENTS:
        raise unreadable(text, match.start("sizes"), "no memory holds so many elements.")
    return TensorSpec(sizes, dtype)


def _sizes(text: str, listed: str, start: int) -> tuple[int, ...]:
    sizes: list[int] = []
    for part in listed.split(",") if listed.strip() else []:
        at = start + len(part) - len(part.lstrip())
        digits = part.strip()
        if not digits.isascii() or not digits.isdigit():
            what = f"{digits!r} is not a size" if digits else "a size is missing"
            raise unreadable(text, at, what + ".")
        figures = digits.lstrip("0") or "0"
        # Python refuses to read very many figures, with an error of its own.
        if len(figures) > len(str(LARGEST_SIZE)) or int(figures) > LARGEST_SIZE:
            raise unreadable(text, at, "this size is larger than any axis can be.")
        sizes.append(int(figures))
        start += len(part) + 1
    return tuple(sizes)


def format_spec(spec: TensorSpec) -> str:
    """The text of a spec.

    >>> format_spec(TensorSpec((1, 3, 299, 299), "float32"))
    'f32[1,3,299,299]'
    """
    sizes = ",".join(map(str, spec.shape))
    return f"{SHORT.get(spec.dtype, spec.dtype)}[{sizes}]"


def first_wrong(text: str) -> tuple[int, str]:
    """The first character that cannot be part of a spec, and why."""
    opening = text.find("[")
    if opening < 0:
        return len(text), "a '[' with the sizes is missing."
    again = text.find("[", opening + 1)
    closing = text.find("]", opening)
    if again >= 0 and (closing < 0 or again < closing):
        return again, "a second '['."
    if closing < 0:
        return len(text), "the closing ']' is missing."
    if closing < len(text) - 1:
        return closing + 1, "nothing may follow the closing ']'."
    head = re.match(r"([A-Za-z_]\w*=)?([A-Za-z]\w*)?", text)
    return (head.end() if head else 0), "an element type or an argument's name was expected."


def unreadable(text: str, at: int, what: str) -> UsageError:
    """The error that says what is wrong at a character, and points at it."""
    message = (
        f"cannot read the input spec: {what}\n  {_visible(text)}\n"
        f"  {' ' * _width(_visible(text[:at]))}^\n"
        "A spec is an element type and sizes, f32[1,3,299,299], or name=i64[2,128]."
    )
    return UsageError(message)


def _visible(text: str) -> str:
    """The text in one line, so that a caret can stand below it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _width(text: str) -> int:
    """The cells that a terminal takes for the text."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
