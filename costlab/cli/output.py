"""Where results go: formats, files and the streams, the same for every command.

Knows tables and documents, not what is in them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from costlab.cli.voice import USUAL, Voice, abandon
from costlab.errors import UsageError, did_you_mean
from costlab.render import FORMATS, html, terminal
from costlab.render.surface import Color
from costlab.render.table import Table, defined_once, stacked
from costlab.store import write_text
from costlab.units import Units

KNOWN = ("json", *FORMATS)
SOURCES = (".py", ".toml", ".pt2", ".onnx", ".yml", ".yaml")
"""What a user writes, and no format is: a word that is misplaced must not cost a file."""


@dataclass(frozen=True, slots=True)
class Face:
    """How text is shown: its units, its colour, in plain words or not, with definitions or not."""

    units: Units = "si"
    color: Color = "auto"
    accessible: bool = False
    defined: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A format, and the file it is written to; None for stdout."""

    form: str
    path: str | None

    def __str__(self) -> str:
        """The target as it is asked for.

        >>> str(Target("json", "report.json")), str(Target("text", None))
        ('json:report.json', 'text')
        """
        return f"{self.form}:{self.path}" if self.path else self.form


def targets(given: list[str], more: tuple[str, ...] = ()) -> list[Target]:
    """What `--format FMT[:PATH]` asks for; text on stdout if nothing does.

    `more` are formats that a command has besides those of every table.

    Raises:
        UsageError: an unknown format, a path that is missing, or two formats in one place.
    """
    found = []
    known = (*KNOWN, *more)
    for text in given or ["text"]:
        form, colon, path = text.partition(":")
        if form not in known:
            message = (
                f"{form!r} is no format.{did_you_mean(form, known)} Formats: {', '.join(known)}"
            )
            raise UsageError(message)
        if colon and not path:
            message = f"the format {text!r} names no file; write {form}:PATH, or {form} for stdout"
            raise UsageError(message)
        if path.endswith(SOURCES):
            message = f"{text!r} would write over {path}; no format is kept in such a file"
            raise UsageError(message)
        found.append(Target(form, path or None))
    for index, target in enumerate(found):
        if _place(target) in map(_place, found[:index]):
            place = f"the file {target.path}" if target.path else "stdout"
            message = (
                f"two formats cannot share {place}; give each a file of its own, as in "
                f"{target.form}:report.{target.form}"
            )
            raise UsageError(message)
    return found


def _place(target: Target) -> str | None:
    """What two targets must not share: the file behind all links, or stdout."""
    return None if target.path is None else os.path.realpath(target.path)


def emit(
    wanted: list[Target],
    tables: Callable[[], list[Table]],
    document: Callable[[], str],
    face: Face,
    voice: Voice = USUAL,
    data: Callable[[], Table] | None = None,
    special: Mapping[str, Callable[[], str]] | None = None,
    aloud: Callable[[], list[Table]] | None = None,
) -> None:
    """Writes a result in each format, files first; they are whole or as they were.

    Files go first because the reader of stdout may go away (`| head`), and nothing is written
    before all is rendered. A file that cannot be written is reported after all else has been.
    `data` is the table for programs (CSV), where that for people is not made of numbers; `special`
    are formats that are not those of tables, by name; `aloud` are the tables for text on stdout
    where stderr says a part of what is in the others.

    Raises:
        UsageError: a file could not be written.
    """

    def chosen(target: Target) -> list[Table]:
        if data and target.form == "csv":
            return [data()]
        return (aloud if aloud and target == Target("text", None) else tables)()

    with voice.step("render", ", ".join(map(str, wanted))):
        made = {"json": document, **(special or {})}
        texts = [
            made[target.form]() if target.form in made else _text(target, chosen(target), face)
            for target in wanted
        ]
    failed: list[UsageError] = []
    for target, text in sorted(
        zip(wanted, texts, strict=True), key=lambda pair: pair[0].path is None
    ):
        try:
            if target.path is None:
                write_out(_encodable(text, target.form))
            else:
                write_text(target.path, text)
                voice.tell(f"wrote {target.path}")
        except UsageError as error:
            failed.append(error)
    if failed:
        raise UsageError("\n".join(map(str, failed)))


def write_out(text: str) -> None:
    """Writes to stdout at once; if its reader has gone away (`| head`), that is no error.

    Raises:
        UsageError: stdout is closed, or takes no more.
    """
    if sys.stdout is None:
        if text:
            message = "stdout is closed; give the format a file, as in json:report.json"
            raise UsageError(message)
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        abandon(sys.stdout)
    except OSError as error:
        abandon(sys.stdout)
        message = f"cannot write to stdout: {error.strerror}"
        raise UsageError(message) from error


def _encodable(text: str, form: str) -> str:
    """The text as stdout can encode it, with the escapes that its format reads."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding, "surrogatepass" if encoding.lower() == "utf-8" else "strict")
    except (UnicodeEncodeError, LookupError):
        if form in ("json", "sarif", "gitlab"):
            return json.dumps(json.loads(text), indent=1) + "\n"
        if form in ("html", "markdown", "junit"):
            return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
    return text


def _text(target: Target, tables: list[Table], face: Face) -> str:
    if target.form == "csv" and len({table.columns for table in tables}) == 1 < len(tables):
        # A program reads one header; what a table is called becomes a column.
        tables = [stacked(tables, "section", "section")]
    if target.form == "html":
        return html.page(tables, units=face.units)
    if target.form != "text":
        return "\n".join(FORMATS[target.form](table, units=face.units) for table in tables)
    stream = sys.stdout if target.path is None else None
    color: Color = face.color if stream is not None else "never"
    return "\n".join(
        terminal.render(
            table,
            stream,
            units=face.units,
            color=color,
            accessible=face.accessible,
            defined=face.defined,
        )
        for table in (tables if face.defined else defined_once(tables))
    )


def ordering(sort: str | None) -> tuple[str | None, bool]:
    """The column to sort by, and whether ascending: `macs`, `macs:desc`, `params:asc`.

    Raises:
        UsageError: a direction that is neither.
    """
    if sort is None:
        return None, False
    column, _, direction = sort.partition(":")
    if direction not in ("", "asc", "desc"):
        message = f"cannot sort {direction!r}; write {column}:asc or {column}:desc"
        raise UsageError(message)
    return column, direction == "asc"


Mode = Literal["eval", "train"]
