"""What a stream can show: how wide it is, whether in colour, and which characters it can encode.

It does not know tables.
"""

import codecs
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TextIO

from costlab.render.cells import UNICODE

Color = Literal["auto", "always", "never"]

_GLYPHS = UNICODE.times + UNICODE.absent + UNICODE.rule + "".join(UNICODE.partials)


@dataclass(frozen=True, slots=True)
class Surface:
    """A place to write on. `width` is None where a line may be as long as it needs."""

    width: int | None = None
    color: bool = False
    ascii: bool = False
    encoding: str = "utf-8"


def survey(
    stream: TextIO | None = None,
    *,
    color: Color = "auto",
    width: int | None = None,
    ascii: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Surface:
    """What the stream can show; a choice that is given wins over environment and stream.

    >>> survey(environ={"FORCE_COLOR": "1", "COLUMNS": "100"})
    Surface(width=100, color=True, ascii=False, encoding='utf-8')
    """
    environ = os.environ if environ is None else environ
    terminal = _is_terminal(stream)
    encoding = _encoding(stream)
    return Surface(
        width=width or _columns(environ) or (_terminal_width(stream) if terminal else None),
        color=_in_color(color, environ, terminal=terminal),
        ascii=ascii or not _encodes(encoding),
        encoding="ascii" if ascii else encoding,
    )


def _in_color(color: Color, environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether to colour: the flag, then NO_COLOR, then FORCE_COLOR, then the terminal."""
    if color != "auto":
        return color == "always"
    if environ.get("NO_COLOR"):  # no-color.org: when present and not empty
        return False
    forced = environ.get("FORCE_COLOR")
    if forced:  # force-color.org; "0" turns it off, unlike in rich
        return forced.lower() not in {"0", "false"}
    return terminal and environ.get("TERM") not in {"dumb", "unknown"}


def _columns(environ: Mapping[str, str]) -> int | None:
    """The width that COLUMNS names; None if it names none."""
    columns = environ.get("COLUMNS", "")
    return (int(columns) or None) if columns.isascii() and columns.isdigit() else None


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a person may be watching; False for a closed stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _terminal_width(stream: TextIO | None) -> int | None:
    """The width of the terminal behind the stream; None if it does not tell."""
    try:
        return (os.get_terminal_size(stream.fileno()).columns or None) if stream else None
    except (OSError, ValueError):
        return None


def _encoding(stream: TextIO | None) -> str:
    """The encoding of the stream; UTF-8 where it has none, as a buffer in memory."""
    name = getattr(stream, "encoding", None) or "utf-8"
    try:
        codecs.lookup(name)
    except LookupError:
        return "ascii"
    return str(name)


def _encodes(encoding: str) -> bool:
    """Whether the encoding has every glyph that the renderer draws with."""
    try:
        _GLYPHS.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
