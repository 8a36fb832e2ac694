"""One cell as text: its number and unit, or a name with all that is not plain made visible.

It does not know rows, widths or colours.
"""

from dataclasses import dataclass

from costlab.render.table import POINTS, Column, Value
from costlab.units import (
    Quantity,
    Units,
    exact,
    scale_bytes,
    scale_count,
    scale_ratio,
    scale_seconds,
    scale_share,
    shape,
)

EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of one look.

    `absent` stands for no number, `nameless` for no name or shape, and `partials` are the ends
    of a bar, from none to a whole cell. `repeated` is how often there is what a row sums.
    """

    times: str
    absent: str
    rule: str
    partials: tuple[str, ...]
    indent: str = "  "
    nameless: str = ""
    repeated: str = " ×{}"


UNICODE = Glyphs(times="×", absent="\N{EN DASH}", rule="─", partials=EIGHTHS)
ASCII = Glyphs(times="x", absent="-", rule="-", partials=("", "#"), repeated=" x{}")
# For a screen reader: no picture, and a word where there is no value.
SPOKEN = Glyphs(
    times=" by ",
    absent="none",
    rule="",
    partials=(),
    indent="",
    nameless="none",
    repeated=", {} times",
)

# What our own titles, units and notes hold, in ASCII.
_PLAIN = str.maketrans(
    {
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "\N{MIDDLE DOT}": "|",
        "\N{MICRO SIGN}": "u",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{ALMOST EQUAL TO}": "~",
        "\N{PLUS-MINUS SIGN}": "+-",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{SECTION SIGN}": "sec. ",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    }
)


def literal(text: str, encoding: str = "utf-8") -> str:
    r"""The text with every character that could act on a terminal shown as its escape.

    >>> literal("conv\n\x1b[31m"), literal("卷积", "ascii")
    ('conv\\n\\x1b[31m', '\\u5377\\u79ef')
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escape(c) for c in text)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def plain(text: str) -> str:
    """Our own typography in ASCII.

    >>> plain("12.0 µs ≤ 3×3 → …")
    '12.0 us <= 3x3 -> ...'
    """
    return text.translate(_PLAIN)


def quantity(
    column: Column, value: Value, *, units: Units = "si", glyphs: Glyphs = UNICODE
) -> Quantity:
    """The text of a value in its column, number and unit apart.

    >>> quantity(Column("macs", "MACs", "count"), 374_063_104)
    Quantity(number='374', unit=' M')
    >>> quantity(Column("macs", "MACs", "count"), 374_063_104, units="exact")
    Quantity(number='374,063,104', unit='')
    """
    if value is None:
        missed = column.numeric and not column.sparse
        return Quantity(glyphs.absent if missed else glyphs.nameless)
    if isinstance(value, str):
        return Quantity(value)
    if isinstance(value, tuple):
        return Quantity(shape(value, glyphs.times))
    return _number(column, value, "exact" if column.exact else units)


def _number(column: Column, value: float, units: Units) -> Quantity:
    """The text of a number, by the kind of its column."""
    match column.kind:
        case "share":
            shown = scale_share(value)
            return Quantity(shown.number) if column.unit == POINTS else shown
        case "ratio":
            return scale_ratio(value, column.digits)
        case "seconds":
            return scale_seconds(value, column.digits)
        case "bytes":
            return (
                _exact(value, "B") if units == "exact" else scale_bytes(int(value), column.digits)
            )
        case _ if units == "exact":
            return _exact(value, column.unit)
        case _:
            return scale_count(int(value), column.digits, column.unit)


def _exact(value: float, unit: str) -> Quantity:
    """A count with every digit."""
    return Quantity(exact(int(value)), f" {unit}" if unit else "")


def repeated(times: int, glyphs: Glyphs = UNICODE) -> str:
    """What stands behind the name of a row that is the sum of so many; nothing for one.

    >>> repeated(96), repeated(96, ASCII), repeated(1)
    (' ×96', ' x96', '')
    """
    return glyphs.repeated.format(times) if times > 1 else ""


def bar(fraction: float, width: int, glyphs: Glyphs = UNICODE) -> str:
    """A bar that fills this fraction of its width, to the nearest part of a cell.

    >>> bar(0.344, 8), bar(0.344, 8, ASCII), bar(1.0, 8, ASCII)
    ('██▊', '###', '########')
    """
    steps = len(glyphs.partials) - 1
    if steps < 1 or not fraction > 0:
        return ""
    cells, rest = divmod(round(min(fraction, 1.0) * width * steps), steps)
    return glyphs.partials[-1] * cells + glyphs.partials[rest]


def _escape(character: str) -> str:
    """The escape of one character, as Python writes it."""
    return character.encode("unicode_escape").decode("ascii")
