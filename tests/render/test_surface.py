"""What a stream can show."""

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from costlab.render.surface import survey


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    """A true terminal, 100 columns wide."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    with open(follower, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor, no path
        yield stream
    os.close(leader)


def test_a_terminal_has_width_and_colour(terminal: TextIO) -> None:
    """On a terminal: its width, in colour."""
    surface = survey(terminal, environ={"TERM": "xterm-256color"})
    assert (surface.width, surface.color, surface.ascii) == (100, True, False)


def test_a_pipe_has_neither() -> None:
    """In a pipe: natural width, no colour."""
    surface = survey(io.StringIO(), environ={"TERM": "xterm-256color"})
    assert (surface.width, surface.color) == (None, False)


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_a_dumb_terminal_has_no_colour(terminal: TextIO, name: str) -> None:
    """TERM=dumb: no escapes, but its width."""
    surface = survey(terminal, environ={"TERM": name})
    assert (surface.width, surface.color) == (100, False)


@pytest.mark.parametrize(
    ("environ", "color"),
    [
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "false"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
    ],
)
def test_environment_decides_colour(
    terminal: TextIO, environ: dict[str, str], *, color: bool
) -> None:
    """NO_COLOR, then FORCE_COLOR (where 0 is off), then TERM."""
    assert survey(terminal, environ=environ).color is color


def test_force_color_reaches_a_pipe() -> None:
    """FORCE_COLOR=1 colours a pipe; FORCE_COLOR=0 does not."""
    assert survey(io.StringIO(), environ={"FORCE_COLOR": "1"}).color
    assert not survey(io.StringIO(), environ={"FORCE_COLOR": "0"}).color


def test_the_flag_wins(terminal: TextIO) -> None:
    """`--color` wins over every variable, and `width` over COLUMNS."""
    assert survey(io.StringIO(), color="always", environ={"NO_COLOR": "1", "TERM": "dumb"}).color
    assert not survey(terminal, color="never", environ={"FORCE_COLOR": "1"}).color
    assert survey(terminal, width=60, environ={"COLUMNS": "80"}).width == 60


@pytest.mark.parametrize(
    ("columns", "width"), [("80", 80), ("0", None), ("", None), ("wide", None), ("²", None)]
)
def test_columns(columns: str, width: int | None) -> None:
    """COLUMNS sets the width of a pipe, if it is a number."""
    assert survey(io.StringIO(), environ={"COLUMNS": columns}).width == width


def test_columns_wins_over_the_terminal(terminal: TextIO) -> None:
    """COLUMNS is what the user says; the terminal only what it is."""
    assert survey(terminal, environ={"COLUMNS": "72"}).width == 72


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r"])
def test_an_encoding_without_our_glyphs(encoding: str) -> None:
    """A stream that cannot encode the bars gets ASCII."""
    surface = survey(io.TextIOWrapper(io.BytesIO(), encoding=encoding), environ={})
    assert (surface.ascii, surface.encoding) == (True, encoding)


def test_utf_8_has_our_glyphs() -> None:
    """The guard above can pass: UTF-8 has them, unless ASCII is asked for."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert not survey(stream, environ={}).ascii
    assert survey(stream, ascii=True, environ={}).encoding == "ascii"


def test_a_closed_stream() -> None:
    """A closed stream is no terminal, and no error."""
    stream = io.StringIO()
    stream.close()
    assert not survey(stream, environ={}).color
