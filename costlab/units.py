"""Numbers as text: SI counts, binary bytes, percentages, each with fixed significant digits.

It does not know what a number measures beyond its kind, nor where the text will be shown.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal, NamedTuple

Kind = Literal["count", "bytes", "share", "ratio", "seconds", "text", "path", "shape"]
Units = Literal["si", "exact"]

SI_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q")
BINARY_PREFIXES = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
SECONDS = {0: "s", -1: "ms", -2: "µs", -3: "ns", -4: "ps"}
DIGITS = 3

_THOUSAND = 1000
_WHOLE = Decimal(100)

# Wide enough for every digit of a float: quantize refuses a result that does not fit.
_WIDE = Context(prec=5000, rounding=ROUND_HALF_UP)


class Quantity(NamedTuple):
    """A number and its unit apart, so that a column can align both; the gap belongs to the unit."""

    number: str
    unit: str = ""

    def __str__(self) -> str:
        """The two as one text.

        >>> str(Quantity("5.71", " G"))
        '5.71 G'
        """
        return self.number + self.unit


def scale_count(n: int, digits: int = DIGITS, unit: str = "") -> Quantity:
    """A count under the SI prefix that leaves one to three digits before the point.

    >>> scale_count(5_713_216_096, unit="MAC")
    Quantity(number='5.71', unit=' GMAC')
    """
    if abs(n) < _THOUSAND:
        return Quantity(str(n), _spaced(unit))
    rounded = _significant(Decimal(n), Decimal(1), digits)
    power = min(rounded.adjusted() // 3, len(SI_PREFIXES) - 1)
    number = _fixed(rounded.scaleb(-3 * power), digits)
    return Quantity(number, _spaced(SI_PREFIXES[power] + unit))


def scale_bytes(n: int, digits: int = DIGITS) -> Quantity:
    """A size in bytes under the largest binary prefix that it reaches.

    >>> scale_bytes(95_338_272)
    Quantity(number='90.9', unit=' MiB')
    """
    power = min((max(abs(n).bit_length(), 1) - 1) // 10, len(BINARY_PREFIXES) - 1)
    if power == 0:
        return Quantity(str(n), " B")
    rounded = _significant(Decimal(n), Decimal(1024**power), digits)
    return Quantity(_fixed(rounded, digits), f" {BINARY_PREFIXES[power]}B")


def scale_share(share: float, decimals: int = 1) -> Quantity:
    """A share of a whole in percent; what would round to nothing or to all says so.

    >>> scale_share(2_048_000 / 5_713_216_096)
    Quantity(number='<0.1', unit=' %')
    """
    value = _WIDE.multiply(Decimal(share), _WHOLE)
    if not value.is_finite():
        return Quantity(_not_finite(value), " %")
    step = Decimal(1).scaleb(-decimals)
    if 0 < abs(value) < step / 2:
        return Quantity(f"<{step}" if value > 0 else f">-{step}", " %")
    if _WHOLE - step / 2 <= value < _WHOLE:
        return Quantity(f">{_WHOLE - step}", " %")
    rounded = value.quantize(step, context=_WIDE)
    return Quantity(f"{rounded or abs(rounded):,f}", " %")


def scale_ratio(ratio: float, digits: int = DIGITS) -> Quantity:
    """A factor between two values.

    >>> scale_ratio(5_718_899_296 / 5_713_216_096, digits=4)
    Quantity(number='1.001', unit='×')
    """
    return Quantity(_float(Decimal(ratio), digits), "×")


def scale_seconds(seconds: float, digits: int = DIGITS) -> Quantity:
    """A duration under the prefix, second to picosecond, that leaves digits before the point.

    >>> scale_seconds(0.0012345)
    Quantity(number='1.23', unit=' ms')
    """
    value = Decimal(seconds)
    if not value or not value.is_finite():
        return Quantity(_float(value, digits), " s")
    rounded = _significant(value, Decimal(1), digits)
    power = max(min(rounded.adjusted() // 3, 0), min(SECONDS))
    return Quantity(_float(rounded.scaleb(-3 * power), digits), f" {SECONDS[power]}")


def si(n: int, digits: int = DIGITS) -> str:
    """A count with an SI prefix; below a thousand it is exact.

    >>> si(5_713_216_096), si(5_713_216_096, digits=5)
    ('5.71 G', '5.7132 G')
    >>> si(999_999), si(928), si(-401_937_408), si(0)
    ('1.00 M', '928', '-402 M', '0')
    """
    return str(scale_count(n, digits))


def exact(n: int) -> str:
    """A count with every digit.

    >>> exact(5_713_216_096)
    '5,713,216,096'
    """
    return f"{n:,}"


def binary_bytes(n: int, digits: int = DIGITS) -> str:
    """A size in bytes with a binary prefix; below 1024 it is exact.

    >>> binary_bytes(23_834_568 * 4), binary_bytes(1023), binary_bytes(1024)
    ('90.9 MiB', '1023 B', '1.00 KiB')
    """
    return str(scale_bytes(n, digits))


def percent(share: float, decimals: int = 1) -> str:
    """A share, 0 to 1, in percent.

    >>> percent(1_967_382_528 / 5_713_216_096), percent(0.0), percent(0.9999), percent(1.0)
    ('34.4 %', '0.0 %', '>99.9 %', '100.0 %')
    """
    return str(scale_share(share, decimals))


def ratio(value: float, digits: int = DIGITS) -> str:
    """A factor between two values.

    >>> ratio(5_713_216_096 / 1_582_671_872)
    '3.61×'
    """
    return str(scale_ratio(value, digits))


def seconds(value: float, digits: int = DIGITS) -> str:
    """A duration.

    >>> seconds(0.011), seconds(2.5e-6)
    ('11.0 ms', '2.50 µs')
    """
    return str(scale_seconds(value, digits))


def shape(sizes: tuple[int, ...], times: str = "×") -> str:
    """The sizes of a tensor, joined; those of a scalar are empty brackets.

    >>> shape((768, 17, 17)), shape((768, 17, 17), times="x"), shape(())
    ('768×17×17', '768x17x17', '()')
    """
    return times.join(map(str, sizes)) if sizes else "()"


def _significant(numerator: Decimal, denominator: Decimal, digits: int) -> Decimal:
    """The quotient, rounded once, half away from zero, whatever the size of its terms."""
    return Context(prec=digits, rounding=ROUND_HALF_UP).divide(numerator, denominator)


def _fixed(rounded: Decimal, digits: int) -> str:
    """A rounded number with as many decimals as its significant digits leave."""
    return f"{rounded:.{max(digits - 1 - rounded.adjusted(), 0)}f}"


def _float(value: Decimal, digits: int) -> str:
    """A number at its significant digits; zero, infinity and nan in one word."""
    if not value.is_finite():
        return _not_finite(value)
    return _fixed(_significant(value, Decimal(1), digits), digits) if value else "0"


def _not_finite(value: Decimal) -> str:
    """'nan', 'inf' or '-inf'."""
    return "nan" if value.is_nan() else ("-inf" if value < 0 else "inf")


def _spaced(unit: str) -> str:
    """The unit behind its gap; nothing if there is none."""
    return f" {unit}" if unit else ""
