"""Tables as text: one module a format, each with a function `render`; `views` makes the tables.

It does not know torch, and it loads rich only when a table is rendered for a terminal.
"""

from typing import Protocol

from costlab.render import csv, html, markdown, terminal
from costlab.render.table import Table
from costlab.units import Units


class Renderer(Protocol):
    """What each format offers."""

    def __call__(self, table: Table, *, units: Units = "si") -> str:
        """The table in this format."""
        ...


FORMATS: dict[str, Renderer] = {
    "text": terminal.render,
    "markdown": markdown.render,
    "csv": csv.render,
    "html": html.render,
}
