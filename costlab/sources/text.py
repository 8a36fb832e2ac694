"""The text that names a model, taken apart: a place, and literal arguments in parentheses after it.

Knows neither networks nor files.
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, NamedTuple

from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Words(NamedTuple):
    """What a text says: where the model comes from, and the arguments it is made with."""

    place: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]


def split(text: str) -> Words:
    """The place and the literal arguments of a text.

    Raises:
        UsageError: the arguments are not literals.

    >>> split("my(dir)/net.py:make('small', width=2)")
    Words(place='my(dir)/net.py:make', args=('small',), kwargs={'width': 2})
    """
    openings = [index for index, character in enumerate(text) if character == "("]
    if not openings or (not text.endswith(")") and ":" in text[openings[-1] :]):
        return Words(text, (), {})  # brackets of a folder's name
    for opening in openings:
        call = _call(f"f{text[opening:]}")
        if call is not None:
            return _literal(call, text, text[:opening])
    raise _unreadable(text, text[: openings[0]])


def _call(text: str) -> ast.Call | None:
    """The call that the text is; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of odd literals, such as "\\d"
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return tree if isinstance(tree, ast.Call) else None


def _literal(call: ast.Call, text: str, place: str) -> Words:
    if not isinstance(call.func, ast.Name):  # `f(1)(2)`
        raise _unreadable(text, place)
    try:
        args = tuple(ast.literal_eval(arg) for arg in call.args)
        kwargs = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise _unreadable(text, place) from None
    if len(kwargs) < len(call.keywords):  # `**{…}`, or a name twice
        raise _unreadable(text, place)
    return Words(place, args, kwargs)


def _unreadable(text: str, place: str) -> UsageError:
    return UsageError(
        f"cannot read the arguments of {text!r}; they must be literals, such as {place}(width=2)"
    )
