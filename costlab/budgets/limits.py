"""One limit on one value: what passes, exactly, and how the limit is said.

Knows numbers, neither models nor files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from costlab.budgets.budget import Limit
    from costlab.budgets.checks import Outcome

Against = Literal["", "baseline", "anchor"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit of one kind, and what it is relative to; "" for an absolute one."""

    text: str
    against: Against
    warn: int | None = None
    max: int | None = None
    increase: Fraction | None = None
    and_over: int = 0
    warn_text: str = ""

    def held(self, value: int, base: int | None) -> tuple[Outcome, int, str]:
        """The outcome for a value, the largest value that passes, and the rule that says so.

        A relative rule is broken by an increase of more than its share of the base that is more
        than its floor too; a share is exact, and what it leaves of a whole is not allowed.

        >>> from fractions import Fraction
        >>> Rule("max_increase = 2%", "baseline", increase=Fraction(1, 50)).held(103, 101)
        ('pass', 103, 'max_increase = 2%')
        """
        if self.increase is not None and base is not None:
            largest = base + max(base * self.increase.numerator // self.increase.denominator,
                                 self.and_over)  # fmt: skip
            return ("pass" if value <= largest else "fail"), largest, self.text
        if self.max is not None and value > self.max:
            return "fail", self.max, self.text
        if self.warn is not None and value > self.warn:
            return "warn", self.warn, self.warn_text
        if self.max is not None:
            return "pass", self.max, self.text
        if self.warn is not None:
            return "pass", self.warn, self.warn_text
        message = f"{self.text!r} limits nothing"
        raise ValueError(message)


def rules(limit: Limit) -> Iterator[Rule]:
    """The rules of a limit: an absolute one, one relative to the baseline, one to the anchor."""
    if limit.max is not None or limit.warn is not None:
        yield Rule(
            _said("max", limit, limit.max),
            "",
            warn=limit.warn,
            max=limit.max,
            warn_text=_said("warn", limit, limit.warn),
        )
    floor = f", and_over = {_text('and_over', limit, limit.and_over)}" if limit.and_over else ""
    relative: tuple[tuple[str, Fraction | None, Against], ...] = (
        ("max_increase", limit.max_increase, "baseline"),
        ("anchor_increase", limit.anchor_increase, "anchor"),
    )
    for kind, increase, against in relative:
        if increase is not None:
            text = f"{_said(kind, limit, increase)}{floor}"
            yield Rule(text, against, increase=increase, and_over=limit.and_over)


def _said(kind: str, limit: Limit, value: object) -> str:
    return f"{kind} = {_text(kind, limit, value)}"


def _text(kind: str, limit: Limit, value: object) -> str:
    """How a limit was written, or else its number."""
    return limit.written.get(kind) or (f"{value:,}" if isinstance(value, int) else str(value))
