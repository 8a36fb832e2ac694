"""Where each table and key of a TOML text stands: the lines that `tomllib` does not tell.

Knows nothing of what the text means. It is for a text that `tomllib` has read: what is no TOML is
not noticed here. TOML libraries that keep places are none of costlab's dependencies.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_GAP = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'  # up to two quotes may stand before the closing three
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_OTHER = re.compile(r"[^,\]}\n#]+")


def lines(text: str) -> Mapping[Path, int]:
    r"""The line, from 1, of each table, key and element, by the way to it.

    >>> found = lines("[a]\nb = 1\n[[c]]\nd.e = [\n 5,\n]\n")
    >>> found["a", "b"], found["c", 0], found["c", 0, "d", "e"], found["c", 0, "d", "e", 0]
    (2, 3, 4, 5)
    """
    return _Scan(text).found


class _Scan:
    """A walk over a text: `at` is where it stands, `found` what it has passed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.lengths: dict[Path, int] = {}
        self._line, self._counted = 1, 0
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(text):
            begin = self.at
            if text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
            if self.at == begin:
                return  # no TOML: nothing more can be told

    def _header(self) -> Path:
        """The table that a line in brackets opens."""
        line = self._here()
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        *parents, last = self._key()
        self._skip(_GAP)
        self.at += 2 if double else 1
        table: Path = ()
        for part in parents:
            table = self._enter((*table, part), line)
        table = (*table, last)
        if double:
            self.found.setdefault(table, line)
            self.lengths[table] = self.lengths.get(table, 0) + 1
            table = (*table, self.lengths[table] - 1)
        self.found.setdefault(table, line)
        return table

    def _enter(self, table: Path, line: int) -> Path:
        """A table by its way: of an array of tables, the last."""
        self.found.setdefault(table, line)
        return (*table, self.lengths[table] - 1) if table in self.lengths else table

    def _pair(self, table: Path) -> None:
        """A key and its value."""
        line = self._here()
        for part in self._key():
            table = (*table, part)
            self.found.setdefault(table, line)
        self._skip(_GAP)
        self.at += 1  # =
        self._skip(_GAP)
        self._value(table)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_GAP)
            quoted = self.text[self.at : self.at + 1] in {'"', "'"}
            raw = self._skip(_STRING if quoted else _BARE)
            # An empty one is no TOML: it is left to tomllib to say so.
            parts.append(tomllib.loads(f"k = {raw}")["k"] if quoted else raw)
            self._skip(_GAP)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _value(self, path: Path) -> None:
        self.found.setdefault(path, self._here())
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self._inside("]", path)
        elif opening == "{":
            self._inside("}", path)
        elif opening in {'"', "'"}:
            self._skip(_STRING)
        else:
            self._skip(_OTHER)

    def _inside(self, closing: str, path: Path) -> None:
        """The elements of an array, or the pairs of an inline table."""
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.at < len(self.text) and not self.text.startswith(closing, self.at):
            begin = self.at
            if closing == "]":
                self._value((*path, index))
            else:
                self._pair(path)
            index += 1
            self._skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1
                self._skip(_BLANK)
            if self.at == begin:
                return
        self.at += 1

    def _skip(self, what: re.Pattern[str]) -> str:
        """Passes what matches here; what that was."""
        match = what.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def _here(self) -> int:
        """The line of the place that is reached."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line
