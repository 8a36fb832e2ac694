"""What the sizes of an exported program's inputs may be: numbers, or sums of symbols with a range.

Does not know the sizes of a run.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.sources.exported_guards import UnreadError
from costlab.sources.exported_values import BrokenError

if TYPE_CHECKING:
    from collections.abc import Mapping

FREELY = 2
"""A least size up to which torch does not hold a program: it notes 2 for any size that may vary."""


class Affine(NamedTuple):
    """A size as a sum, `4*s83 + 1`: what each symbol is multiplied by, and what is added."""

    factors: Mapping[str, int]
    constant: int

    @property
    def text(self) -> str:
        """The sum as it is written.

        >>> Affine({"s83": 4}, 1).text, Affine({}, 3).text
        ('4*s83 + 1', '3')
        """
        terms = [name if by == 1 else f"{by}*{name}" for name, by in self.factors.items()]
        return " + ".join([*terms, *([str(self.constant)] if self.constant or not terms else [])])


class Range(NamedTuple):
    """The least and the greatest size that a symbol stands for; None is no bound."""

    least: int | None
    greatest: int | None

    @property
    def text(self) -> str:
        """The range in words.

        >>> Range(None, 64).text, Range(4, 64).text, Range(4, None).text
        ('at most 64', '4 to 64', 'at least 4')
        """
        if self.least is None:
            return f"at most {self.greatest}"
        if self.greatest is None:
            return f"at least {self.least}"
        return f"{self.least} to {self.greatest}"


def size_of(told: Any) -> Affine | None:
    """The size of an axis; None if it is no sum of multiples, or cannot be read."""
    if "as_int" in told:
        return Affine({}, told["as_int"])
    try:
        return _affine(ast.parse(str(told["as_expr"]["expr_str"]), mode="eval").body)
    except (UnreadError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _affine(node: ast.expr) -> Affine:
    """What sympy's text of an expression says, `Add(Mul(Integer(4), Symbol('s83', …)), …)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise UnreadError(ast.unparse(node))
    kind, parts = node.func.id, node.args
    if kind in {"Symbol", "Integer"} and len(parts) == 1:
        value = ast.literal_eval(parts[0])
        if isinstance(value, str) and kind == "Symbol":
            return Affine({value: 1}, 0)
        if type(value) is int and kind == "Integer":
            return Affine({}, value)
    if kind not in {"Add", "Mul"}:
        raise UnreadError(ast.unparse(node))
    made = Affine({}, 0 if kind == "Add" else 1)
    for part in map(_affine, parts):
        made = _sum(made, part) if kind == "Add" else _product(made, part)
    return made


def _sum(one: Affine, other: Affine) -> Affine:
    keys = {**one.factors, **other.factors}
    factors = {key: one.factors.get(key, 0) + other.factors.get(key, 0) for key in keys}
    return Affine({key: by for key, by in factors.items() if by}, one.constant + other.constant)


def _product(one: Affine, other: Affine) -> Affine:
    if one.factors and other.factors:
        raise UnreadError(f"({one.text})*({other.text})")
    by, of = (other.constant, one) if one.factors else (one.constant, other)
    factors = {key: by * each for key, each in of.factors.items() if by}
    return Affine(factors, by * of.constant)


def range_of(told: Any) -> Range:
    """The range of a symbol.

    Raises:
        BrokenError: it is not as torch writes it.
    """
    least = _number(told, "min_val")
    return Range(None if least is None or least <= FREELY else least, _number(told, "max_val"))


def _number(told: Any, key: str) -> int | None:
    value = told[key]
    if value is not None and type(value) is not int:
        raise BrokenError(f"a range of sizes is {str(told)[:80]}")
    return value
