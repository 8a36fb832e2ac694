"""Lines of a TOML text: what `tomllib` reads is found where it stands, whatever its form."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.budgets.tomllines import Path, lines

KEYS = st.text(st.sampled_from('ab.-_ "é\\\t#[]=\n'), max_size=4) | st.sampled_from(["a", "b-1"])
TEXTS = st.text(st.sampled_from("x\"'\\#[]{}=,\n\t "), max_size=6)


def key(name: str, *, bare: bool) -> str:
    """A key as TOML writes it, bare where that can be."""
    plain = name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
    return name if bare and plain else json.dumps(name)


class Writer:
    """Writes TOML and notes where each key and element stands, as it goes."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.text = ""
        self.places: dict[Path, int] = {}

    def line(self) -> int:
        """The line that is being written."""
        return self.text.count("\n") + 1

    def flag(self) -> bool:
        """Either of two."""
        chosen: bool = self.draw(st.booleans())
        return chosen

    def blank(self) -> None:
        """What may stand between elements."""
        self.text += self.draw(st.sampled_from(["", " ", "\n", "  # [x] = 'y'\n", "\n\n\t"]))

    def string(self) -> None:
        """A text in one of the four forms."""
        chosen: str = self.draw(TEXTS)
        form = self.draw(st.sampled_from(["basic", "long", "literal", "long literal"]))
        if form == "literal" and not set(chosen) & {"'", "\n"}:
            self.text += f"'{chosen}'"
        elif form == "long literal" and "'" not in chosen:
            self.text += f"'''{chosen}'''"
        elif form == "long":
            escaped = chosen.replace("\\", "\\\\").replace('"', '\\"')
            self.text += f'"""{escaped}{self.draw(st.sampled_from(["", chr(34), chr(34) * 2]))}"""'
        else:
            self.text += json.dumps(chosen)

    def value(self, path: Path, depth: int) -> None:
        """A value, at most so many levels deep."""
        self.places.setdefault(path, self.line())
        kind = self.draw(st.integers(0, 5 if depth else 3))
        if kind < 2:
            self.string()
        elif kind == 2:
            self.text += self.draw(st.sampled_from(["1", "-2.5", "true", "1979-05-27 07:32:00"]))
        elif kind == 3:
            self.text += self.draw(st.sampled_from(["inf", "0x1F", "1979-05-27T07:32:00Z", "1e9"]))
        elif kind == 4:
            self.text += "["
            self.blank()
            for index in range(self.draw(st.integers(0, 3))):
                self.value((*path, index), depth - 1)
                self.blank()
                self.text += ","
                self.blank()
            self.text += "]"
        else:
            self.text += "{"
            for index, name in enumerate(self.names()):
                self.text += ", " if index else " "
                self.pair(path, name, depth - 1)
            self.text += " }"

    def names(self) -> list[str]:
        """Keys of a table."""
        names: list[str] = self.draw(st.lists(KEYS, max_size=3, unique=True))
        return names

    def pair(self, path: Path, name: str, depth: int) -> None:
        """A key, dotted or not, and its value."""
        self.places[*path, name] = self.line()
        self.text += key(name, bare=self.flag())
        path = (*path, name)
        if self.flag():
            self.places[*path, "dotted"] = self.line()
            self.text += self.draw(st.sampled_from([".dotted", ' . "dotted"']))
            path = (*path, "dotted")
        self.text += self.draw(st.sampled_from(["=", " = "]))
        self.value(path, depth)

    def body(self, path: Path) -> None:
        """The pairs of a table."""
        for name in self.names():
            self.pair(path, name, 2)
            self.text += self.draw(st.sampled_from(["\n", "  # = [\n", "\n\n"]))

    def document(self) -> None:
        """Pairs, tables and arrays of tables."""
        self.body(())
        for index, name in enumerate(self.names()):
            title = f"t{index}{name}"
            if self.flag():
                self.places[title,] = self.line()
                self.text += f"[ {key(title, bare=True)} ] # a\n"
                self.body((title,))
                continue
            self.places[title,] = self.line()
            for number in range(self.draw(st.integers(1, 2))):
                self.places[title, number] = self.line()
                self.text += f"[[{key(title, bare=True)}]]\n"
                self.body((title, number))
                if self.flag():
                    self.places[title, number, "~sub"] = self.line()
                    self.text += f'[{key(title, bare=True)}."~sub"]\n'
                    self.body((title, number, "~sub"))


def paths(value: Any, way: Path = ()) -> set[Path]:
    """The way to everything in a document."""
    found = {way} if way else set()
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for part, below in pairs:
        found |= paths(below, (*way, part))
    return found


@given(st.data())
def test_everything_is_found_where_it_stands(data: st.DataObject) -> None:
    """Each table, key and element of any TOML has a line, and it is the right one."""
    writer = Writer(data.draw)
    writer.document()
    found = lines(writer.text)
    assert set(found) == paths(tomllib.loads(writer.text))
    assert found == writer.places


@given(st.text(st.sampled_from("ab=[]{}\"'.,\n\\# ") | st.characters(), max_size=40))
def test_any_text_has_an_end(text: str) -> None:
    """What is no TOML is walked over too: it neither hangs nor raises what nobody expects."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(lines(text)) == paths(document)


@pytest.mark.parametrize(
    ("text", "way", "line"),
    [
        ("a = 1\r\nb = 2\r\n", ("b",), 2),
        ('a = """\n\\"""\n"""\nb = 2', ("b",), 4),
        ("a = '''\n'''''\nb = 2", ("b",), 3),
        ("[a.b]\n[[a.b.c]]\n[a.b.c.d]\ne = 1", ("a", "b", "c", 0, "d", "e"), 4),
        ("a = [[1,\n2], # ]\n{b = 3}]", ("a", 1, "b"), 3),
    ],
)
def test_a_line(text: str, way: Path, line: int) -> None:
    """Line breaks of Windows, quotes before quotes, tables in arrays: told apart by hand."""
    tomllib.loads(text.replace("\r\n", "\n"))
    assert lines(text)[way] == line
