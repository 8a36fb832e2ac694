"""Quantities of budgets as text: "5.8G", "5 GMACs", "20 MiB", "2%"; exact, each with its unit.

Knows neither files nor reports. What a text says is an integer or a fraction, never a float: 0.1k
is 100, and a limit that is no whole number is refused.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.budgets.budget import METRICS
from costlab.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.budgets.budget import Metric

LARGEST = 2**63
"""No count of a network is larger, nor is any that torch could hold."""
LONGEST = 64
"""Characters that a quantity may have; a longer one is a slip."""

SI = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
NAMES: Mapping[Metric, tuple[str, ...]] = {
    "macs": ("MACs", "MAC"),
    "flops": ("FLOPs", "FLOP"),
    "params": ("params", "param"),
    "params_executed": ("params", "param"),
    "activations": ("elements", "element"),
    "peak_activation_bytes": ("B",),
    "bytes": ("B",),
    "depth": ("layers", "layer"),
}
"""What each metric is counted in; the first is the name that messages use."""

_POWER = re.compile(r"[eE][+-]?[0-9]+")
_NUMBER = re.compile(r"(?P<number>[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:_[0-9]+)*)?)\s*(?P<unit>.*)")


def units(metric: Metric) -> dict[str, int]:
    """The units that a metric may be written in, and what each stands for.

    >>> units("macs")["GMACs"], units("bytes")["MiB"], "G" in units("bytes")
    (1000000000, 1048576, False)
    """
    names = NAMES[metric]
    if names == ("B",):
        # "20M" might be 20 MB or 20 MiB, and "KB" is written for both: only clear units are read.
        return {"": 1} | {f"{prefix}B": factor for prefix, factor in (SI | BINARY).items()}
    named = {f"{prefix}{name}": factor for prefix, factor in SI.items() for name in names}
    return SI | named


def amount(text: object, metric: Metric) -> int:
    """The count that a text (or a whole number) says, in the units of a metric.

    >>> amount("5.8 GMACs", "macs"), amount("1_000", "params"), amount("20 MiB", "bytes")
    (5800000000, 1000, 20971520)

    Raises:
        UsageError: it is none; the message says what would be one.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return int(_in_range(Fraction(text), shown(text)))
    number, unit = _split(text, _example(metric))
    known = units(metric)
    if unit not in known:
        raise UsageError(_wrong_unit(str(text), unit, metric))
    found = _in_range(number * known[unit], str(text))
    if found.denominator != 1:
        message = (
            f"{text!r} is no whole number of {NAMES[metric][0]}; write one, such as {int(found)}"
        )
        raise UsageError(message)
    return int(found)


def share(text: object) -> Fraction:
    """The share that a percentage says; a bare 0 is the only number that needs no sign.

    >>> share("2%"), share("0.5 %"), share("0")
    (Fraction(1, 50), Fraction(1, 200), Fraction(0, 1))

    Raises:
        UsageError: it is no percentage.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text == 0:
        return Fraction(0)
    if isinstance(text, int | float) and not isinstance(text, bool):
        # 0.05 and 5 are both written for 5 %, and a gate that takes one for the other never fires.
        raise UsageError(f'{shown(text)} has no unit; a percentage needs its sign: "2%"')
    number, unit = _split(text, '"2%"')
    _in_range(number, str(text))
    if unit == "%" or not (unit or number):
        return number / 100
    remedy = f'write "{text}%"' if not unit else 'write it as "2%"'
    raise UsageError(f"{text!r} is no percentage: {remedy}")


def shown(value: object) -> str:
    """A value of a file in a few characters.

    >>> shown(5), shown("x" * 99)[-3:], shown(16**5000)
    ('5', 'xx…', 'a number of 20001 bits')
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"a number of {value.bit_length()} bits"  # Python writes no very long ones
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _split(text: object, example: str) -> tuple[Fraction, str]:
    """The number and the unit of a text."""
    if not isinstance(text, str):
        kind = "a bool" if isinstance(text, bool) else f"a {type(text).__name__}"
        raise UsageError(f"{shown(text)} is {kind}, not a quantity; write {example}")
    if len(text) > LONGEST:
        raise UsageError(f"{text[:LONGEST]!r}… is too long for a quantity; write {example}")
    match = _NUMBER.fullmatch(text.strip())
    if match is not None:
        return Fraction(match["number"].replace("_", "")), match["unit"]
    if text.strip().startswith(("-", "\N{MINUS SIGN}")):
        raise UsageError(f"{text!r} is negative, and nothing costs less than nothing")
    what = "is empty" if not text.strip() else "is no quantity"
    raise UsageError(f"{text!r} {what}; write a number and its unit, such as {example}")


def _in_range(number: Fraction, text: str) -> Fraction:
    if number < 0:
        raise UsageError(f"{text} is negative, and nothing costs less than nothing")
    if number > LARGEST:
        raise UsageError(f"{text} is more than any network has (2**63); a limit is to limit")
    return number


def _wrong_unit(text: str, unit: str, metric: Metric) -> str:
    """What to say of a unit that is not one of the metric's: whose it is, or the nearest."""
    known = units(metric)
    proper = NAMES[metric][0]
    if unit == "%":
        return (
            f"{text!r} is a percentage, and {metric} are limited here in {proper}, such as "
            f"{_example(metric)}; max_increase takes a percentage"
        )
    if _POWER.fullmatch(unit):
        return (
            f"{text!r}: powers of ten are written by their letter: k is 1e3, M 1e6, G 1e9, T 1e12; "
            f"write {_example(metric)}"
        )
    if unit.startswith(","):
        return f"{text!r}: thousands are set apart as in 1_000; a comma is read in two ways"
    others = [other for other in METRICS if unit in units(other) and NAMES[other][0] in unit]
    near = did_you_mean(unit, [name for name in known if name])
    if others and proper != NAMES[others[0]][0]:
        named = " or ".join(others)
        return (
            f"{text!r} is in {NAMES[others[0]][0]}, and {metric} are counted in {proper}; write "
            f"{_example(metric)}, or limit {named}"
        )
    if proper == "B" and unit in SI:
        number = text.strip().removesuffix(unit).strip()
        near = f" Write {number} {unit}B or {number} {unit}iB: they differ."
    return (
        f"{text!r}: {metric} are not counted in {unit!r}.{near} Write a number and its unit, such "
        f"as {_example(metric)}."
    )


def _example(metric: Metric) -> str:
    """A quantity of the metric, as a message shows one."""
    proper = NAMES[metric][0]
    return {"B": '"20 MiB"', "layers": '"48"', "MACs": '"5.8G" or "5.8 GMACs"'}.get(
        proper, f'"25M" or "25 M{proper}"'
    )
