"""Tables of a budget file: each value of the type that it must be, or an error with its line.

Knows which types there are, not which keys; what a key means is said in `costlab.budgets.reading`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from costlab.budgets.budget import Place
from costlab.budgets.quantities import shown
from costlab.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from costlab.budgets.tomllines import Path

KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number with a point",
    str: "a text",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """A file as it was read: its name, and the line of each key."""

    file: str
    lines: Mapping[Path, int] = field(default_factory=dict)

    def place(self, way: Path) -> Place:
        """Where a key stands, or the nearest table around it that has a line."""
        for end in range(len(way), 0, -1):
            if way[:end] in self.lines:
                return Place(self.file, self.lines[way[:end]])
        return Place(self.file, 1)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, the way to it, and what messages call it."""

    values: Mapping[str, Any]
    way: Path
    origin: Origin
    title: str

    @property
    def place(self) -> Place:
        """Where the table begins."""
        return self.origin.place(self.way)

    def fail(self, what: str, key: str | None = None) -> NoReturn:
        """Raises a UsageError that begins with the place of a key, or of the table."""
        place = self.origin.place((*self.way, key) if key is not None else self.way)
        raise UsageError(f"{place}: {self.title}: {what}")

    def only(self, known: Collection[str]) -> None:
        """Raises a UsageError for a key that is none of these."""
        for key in self.values:
            if key not in known:
                near = did_you_mean(key, known)
                listed = "" if near else f" It takes {', '.join(known)}."
                self.fail(f"there is no key {shown(key)}.{near}{listed}", key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; `default`, if there is one, where the key is not."""
        if key not in self.values and default is not None:
            return default
        if key not in self.values:
            self.fail(f"it has no {key}")
        found = self.values[key]
        if not isinstance(found, str):
            self.fail(f"{key} is {_kind(found)}; it must be a text", key)
        if not found.strip():
            remedy = "say it" if default is None else "leave it out, or say it"
            self.fail(f"{key} is empty; {remedy}", key)
        return found

    def one_of(self, key: str, known: Collection[str], default: str) -> str:
        """One of some words."""
        found = self.text(key, default)
        if found not in known:
            near = did_you_mean(found, known)
            self.fail(f"{key} is {shown(found)}; it must be {' or '.join(known)}.{near}", key)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none of them empty, nor the list; nothing if the key is not there."""
        found = self.values.get(key, ())
        if key not in self.values:
            return ()
        if not isinstance(found, list):
            self.fail(f'{key} is {_kind(found)}; it must be a list of texts, such as ["a"]', key)
        if not found:
            self.fail(f"{key} is empty, and so selects nothing; leave it out, or fill it", key)
        for one in found:
            if not isinstance(one, str) or not one.strip():
                what = "an empty text" if isinstance(one, str) else _kind(one)
                self.fail(f"{key} holds {what}; each must be a text that says something", key)
        return tuple(found)

    def below(self, key: str, title: str) -> Table:
        """The table under a key; empty if the key is not there."""
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            self.fail(f"{key} is {_kind(found)}; it must be a table", key)
        return Table(found, (*self.way, key), self.origin, title)

    def rows(self, key: str, title: str) -> Iterator[Table]:
        """The tables of an array of tables; none if the key is not there."""
        found = self.values.get(key, [])
        if not isinstance(found, list):
            self.fail(f"{key} is {_kind(found)}; write each as [[{key}]]", key)
        for index, row in enumerate(found):
            if not isinstance(row, dict):
                self.fail(f"{key} holds {_kind(row)}; write each as [[{key}]]", key)
            yield Table(row, (*self.way, key, index), self.origin, title)


def _kind(value: object) -> str:
    return KINDS.get(type(value), f"a {type(value).__name__}")
