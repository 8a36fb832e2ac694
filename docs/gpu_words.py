"""Numbers of measurements as the pages write them. Knows no page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Comparison, Measured

MARKS = {"FASTER": "", "SLOWER": "", "SAME": " =", "AMBIGUOUS": " ?"}
NOTHING = "–"  # noqa: RUF001 - a dash, as in the tables of the command line


def points(share: float) -> str:
    """A share in percentage points, with its sign.

    >>> points(0.28), points(-0.1234), points(-0.0001)
    ('+28.0', '−12.3', '0.0')
    """
    text = f"{abs(100 * share):.1f}"
    if text == "0.0":
        return text
    return f"{'−' if share < 0 else '+'}{text}"


def saving(comparison: Comparison) -> str:
    """A saving in per cent with its interval, and a mark if the verdict is no difference.

    >>> from costlab.bench.document import Comparison
    >>> saving(Comparison(0.8, 0.79, 0.81, 30, 0, "FASTER", "precise"))
    '+20.0 [+19.0, +21.0]'
    >>> saving(Comparison(1.0, 0.99, 1.01, 30, 0, "SAME", "precise"))
    '0.0 [−1.0, +1.0] ='
    """
    bounds = f"[{points(1 - comparison.high)}, {points(1 - comparison.low)}]"
    return f"{points(1 - comparison.ratio)} {bounds}{MARKS[comparison.verdict]}"


def interval(case: Measured) -> str:
    """What a case saves, in words.

    Raises:
        ValueError: it was not compared.
    """
    if case.comparison is None:
        message = f"{case.key} was not compared"
        raise ValueError(message)
    low, high = 1 - case.comparison.high, 1 - case.comparison.low
    return f"95 % interval {points(low)} to {points(high)}"


def name_of(environment: Mapping[str, object]) -> str:
    """The device: the GPU's name, else the CPU's."""
    return str(environment.get("gpu") or environment.get("cpu") or "an unnamed device")
