"""One argument of a forward as text: a tensor, a literal, or tuples, lists and dicts of such.

Does not know how the text of a tensor is read.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import NamedTuple

from costlab.errors import did_you_mean
from costlab.graph import TensorSpec
from costlab.inputspec.tensor import format_spec, parse, tensor_of, unreadable

DEEPEST = 32
"""Containers in containers; nobody writes more."""
LONGEST_NUMBER = 40
"""Characters of a number."""

_NAME = re.compile(r"[A-Za-z_]\w*=")
_KEY = re.compile(r"[A-Za-z_]\w*")
_TENSOR = re.compile(r"(?P<dtype>[A-Za-z]\w*)\[(?P<sizes>[^\[\]]*)\]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TEXT = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_ENDS_WITH_COMMA = re.compile(r"[^\s\[,]\s*,\s*\]$")
_WORDS = {"True": True, "False": False, "None": None}
_CLOSING = {"(": ")", "[": "]", "{": "}"}

Literal = bool | int | float | str | None
Value = TensorSpec | Literal | tuple["Value", ...] | list["Value"] | dict[str, "Value"]
"""What an argument may be: a tensor, a literal, or a tuple, list or dict of such."""


class Argument(NamedTuple):
    """What one argument of a forward is to be, and its name, None for a positional one."""

    name: str | None
    value: Value


def read(text: str) -> Argument:
    """What a text says that one argument is to be: a tensor, a literal, or containers of such.

    Parentheses make a tuple, brackets a list, braces a dict. A list that begins with a number
    and stands by itself ends with a comma, `[2,3,]`, as without it that is a tensor of float32.

    Raises:
        UsageError: the text says nothing of the kind; the message points at the character.

    >>> read("x=(f32[1,3],[i64[2]])").value
    (TensorSpec(shape=(1, 3), dtype='float32'), [TensorSpec(shape=(2,), dtype='int64')])
    >>> read("train=False"), read("{ids: bool[2]}").value
    (Argument(name='train', value=False), {'ids': TensorSpec(shape=(2,), dtype='bool')})
    """
    text = text.strip()
    named = _NAME.match(text)
    start = named.end() if named else 0
    if not _is_nested(text, start):
        return Argument(*parse(text))
    value, end = _value(text, start, 0)
    if end < len(text):
        raise unreadable(text, end, f"nothing may follow the {text[start:end][-1]!r}.")
    return Argument(named[0][:-1] if named else None, value)


def _is_nested(text: str, start: int) -> bool:
    """Whether what begins here is a literal or a container, and not a tensor by itself."""
    rest = text[start:]
    if rest.startswith(("(", "{", "'", '"')) or _NUMBER.fullmatch(rest):
        return True
    if rest.startswith("["):
        return (
            re.match(r"\[\s*[0-9+,\].-]", rest) is None or _ENDS_WITH_COMMA.search(rest) is not None
        )
    return rest.casefold() in {"true", "false", "none"}


def _value(text: str, at: int, depth: int) -> tuple[Value, int]:
    """What stands at a place of the text, and where it ends."""
    opening = text[at : at + 1]
    if opening in _CLOSING:
        if depth == DEEPEST:
            raise unreadable(text, at, f"there are more than {DEEPEST} containers in one another.")
        return _container(text, at, depth)
    tensor = _TENSOR.match(text, at)
    if tensor is not None:
        return tensor_of(text, tensor), tensor.end()
    return _literal(text, at)


def _container(text: str, at: int, depth: int) -> tuple[Value, int]:
    opening = text[at]
    closing = _CLOSING[opening]
    items: list[Value] = []
    table: dict[str, Value] = {}
    place = _blanks(text, at + 1)
    while text[place : place + 1] != closing:
        if opening == "{":
            key, place = _key(text, place, table)
            table[key], place = _value(text, place, depth + 1)
        else:
            value, place = _value(text, place, depth + 1)
            items.append(value)
        place = _blanks(text, place)
        if text[place : place + 1] == ",":
            place = _blanks(text, place + 1)
        elif text[place : place + 1] != closing:
            raise unreadable(text, place, f"a ',' or the closing {closing!r} was expected.")
    if opening == "{":
        return table, place + 1
    return (tuple(items) if opening == "(" else items), place + 1


def _key(text: str, at: int, known: dict[str, Value]) -> tuple[str, int]:
    """The key that stands at a place, and where its value begins."""
    quoted = _TEXT.match(text, at)
    plain = _KEY.match(text, at)
    if quoted is None and plain is None:
        raise unreadable(text, at, "a key was expected, as ids in {ids: i64[2,8]}.")
    if quoted is not None:
        key, end = str(_unquoted(text, quoted)), quoted.end()
    else:
        key, end = text[at : plain.end()] if plain else "", plain.end() if plain else at
    if key in known:
        raise unreadable(text, at, f"the key {key!r} is there twice.")
    colon = _blanks(text, end)
    if text[colon : colon + 1] != ":":
        raise unreadable(text, colon, f"a ':' was expected after the key {key!r}.")
    return key, _blanks(text, colon + 1)


def _literal(text: str, at: int) -> tuple[Literal, int]:
    quoted = _TEXT.match(text, at)
    if quoted is not None:
        return _unquoted(text, quoted), quoted.end()
    number = _NUMBER.match(text, at)
    if number is not None and not re.match(r"\w", text[number.end() : number.end() + 1]):
        figures = number[0]
        if len(figures) > LONGEST_NUMBER:
            raise unreadable(text, at, "this number is too long.")
        whole = figures.lstrip("+-").isdigit()
        return (int(figures) if whole else float(figures)), number.end()
    word = _KEY.match(text, at)
    if word is not None and word[0] in _WORDS:
        return _WORDS[word[0]], word.end()
    if word is None:
        raise unreadable(text, at, "a spec, a literal or a container of such was expected.")
    hint = did_you_mean(word[0].capitalize(), _WORDS)
    after = text[word.end() : word.end() + 1]
    if after == "[" and not hint:
        raise unreadable(text, len(text), "the closing ']' is missing.")
    raise unreadable(text, at, f"{word[0]!r} is neither a spec nor a literal.{hint}")


def _unquoted(text: str, quoted: re.Match[str]) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of odd escapes, such as "\\d"
            found = ast.literal_eval(quoted[0])
    except (SyntaxError, ValueError):
        raise unreadable(text, quoted.start(), "this text cannot be read.") from None
    return str(found)


def _blanks(text: str, at: int) -> int:
    """The first place from here on that is no blank."""
    return at + len(text[at:]) - len(text[at:].lstrip())


def format_argument(argument: Argument) -> str:
    """The text of an argument, as `read` takes it.

    >>> format_argument(Argument("x", ({"ids": TensorSpec((2, 8), "int64")}, [1, 2], None)))
    'x=({ids:i64[2,8]},[1,2],None)'
    >>> format_argument(Argument(None, [1, 2])), format_argument(Argument(None, (1,)))
    ('[1,2,]', '(1)')
    """
    name, value = argument
    text = _text(value)
    if type(value) is list and value and type(value[0]) in (int, float):
        text = f"{text[:-1]},]"
    return f"{name}={text}" if name else text


def _text(value: Value) -> str:
    if isinstance(value, TensorSpec):
        return format_spec(value)
    if isinstance(value, tuple):
        return f"({','.join(map(_text, value))})"
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_written(key)}:{_text(item)}' for key, item in value.items())}}}"
    return repr(value)


def _written(key: str) -> str:
    return key if _KEY.fullmatch(key) else repr(key)
