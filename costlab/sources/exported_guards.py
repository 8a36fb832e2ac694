"""The conditions of an exported program, `L['x'].size()[0] % 2 == 0`: read, and never run as code.

Does not know what follows from one that does not hold. What torch itself runs as Python is walked
here by its syntax, and whatever is not arithmetic on sizes is not read.
"""

from __future__ import annotations

import ast
import math
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST = 1 << 16
"""Characters of a condition that are read."""
GREATEST = 1 << 256
"""Numbers beyond are no sizes, nor what is computed of them."""
GREATEST_POWER = 64
BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Div: operator.truediv, ast.Mod: operator.mod,
}  # fmt: skip
COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "max": max, "min": min, "abs": abs, "int": int, "float": float, "bool": bool, "round": round,
    "math.floor": math.floor, "math.ceil": math.ceil, "math.trunc": math.trunc,
    "math.sqrt": math.sqrt,
}  # fmt: skip
ASKED = ("size", "stride", "storage_offset", "dim")
"""What a condition may ask a tensor for."""


class UnreadError(ValueError):
    """A text that is none of those that can be read."""


def holds(guard: str, given: Mapping[str, Any]) -> bool:
    """Whether a condition holds for inputs, which have names such as `scale['by']`.

    Raises:
        UnreadError: it asks for something else than sizes.

    >>> import torch
    >>> holds("L['x'].size()[0] % 2 == 0", {"x": torch.zeros(6, 4)})
    True
    """
    if len(guard) > LONGEST:
        raise UnreadError(f"{guard[:60]}…")
    try:
        return bool(_value(ast.parse(guard.strip(), mode="eval").body, _table(given)))
    except UnreadError:
        raise
    except (
        ArithmeticError, LookupError, MemoryError, RecursionError, SyntaxError, TypeError,
        ValueError,
    ) as error:  # fmt: skip
        raise UnreadError(guard if len(guard) < 100 else f"{guard[:99]}…") from error  # noqa: PLR2004 - a line of a message


def _table(given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by all names that torch has for them in conditions."""
    found: dict[str, Any] = {}
    for place, (name, value) in enumerate(given.items()):
        found[f"L['flat_args'][{place}]"] = value
        root, bracket, rest = name.partition("[")
        found[f"L[{root!r}]{bracket}{rest}"] = value
        several, line, number = root.rpartition("_")
        if line and number.isdecimal():  # one of `*args`
            found[f"L[{several!r}][{number}]{bracket}{rest}"] = value
    return found


def _value(node: ast.expr, table: Mapping[str, Any]) -> Any:
    """What an expression comes to.

    Raises:
        UnreadError: it is of no kind that is read here.
    """
    read = READERS.get(type(node))
    if read is None:
        raise UnreadError(ast.unparse(node)[:100])
    return read(node, table)


def _constant(node: ast.Constant, _: Mapping[str, Any]) -> Any:
    return node.value


def _unary(node: ast.UnaryOp, table: Mapping[str, Any]) -> Any:
    return UNARY[type(node.op)](_value(node.operand, table))


def _compared(node: ast.Compare, table: Mapping[str, Any]) -> bool:
    values = [_value(each, table) for each in (node.left, *node.comparators)]
    pairs = zip(node.ops, values, values[1:], strict=False)
    return all(COMPARED[type(kind)](one, other) for kind, one, other in pairs)


def _joined(node: ast.BoolOp, table: Mapping[str, Any]) -> bool:
    parts = (_value(each, table) for each in node.values)
    return all(parts) if isinstance(node.op, ast.And) else any(parts)


def _chosen(node: ast.IfExp, table: Mapping[str, Any]) -> Any:
    return _value(node.body if _value(node.test, table) else node.orelse, table)


def _computed(node: ast.BinOp, table: Mapping[str, Any]) -> Any:
    left, right = _value(node.left, table), _value(node.right, table)
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if isinstance(node.op, ast.Pow) and numbers and 0 <= right <= GREATEST_POWER:
        made = left**right
    elif type(node.op) in BINARY and numbers:
        made = BINARY[type(node.op)](left, right)
    else:
        raise UnreadError(ast.unparse(node)[:100])
    if abs(made) > GREATEST:
        raise UnreadError(ast.unparse(node)[:100])
    return made


def _called(node: ast.Call, table: Mapping[str, Any]) -> Any:
    if node.keywords:
        raise UnreadError(ast.unparse(node)[:100])
    if isinstance(node.func, ast.Attribute) and node.func.attr in ASKED:
        tensor = table.get(ast.unparse(node.func.value))
        if hasattr(tensor, "shape"):
            return getattr(tensor, node.func.attr)(*(_value(each, table) for each in node.args))
    function = FUNCTIONS.get(ast.unparse(node.func))
    if function is None:
        raise UnreadError(ast.unparse(node)[:100])
    return function(*(_value(each, table) for each in node.args))


def _looked_up(node: ast.Subscript, table: Mapping[str, Any]) -> Any:
    key = ast.unparse(node)
    if key in table:
        return table[key]
    if isinstance(node.value, ast.Call):
        held = _value(node.value, table)
        return held[_value(node.slice, table)]
    raise UnreadError(key[:100])


READERS: dict[type[ast.expr], Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: _constant, ast.BinOp: _computed, ast.UnaryOp: _unary, ast.Compare: _compared,
    ast.BoolOp: _joined, ast.IfExp: _chosen, ast.Call: _called, ast.Subscript: _looked_up,
}  # fmt: skip


def plain(guard: str) -> str:
    """A condition without the table that torch looks names up in: `L['x'].size()` is `x.size()`."""
    try:
        tree = ast.parse(guard, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return guard
    return ast.unparse(_Names().visit(tree))


class _Names(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """A name in place of where it is looked up."""
        table, key = node.value, node.slice
        known = isinstance(table, ast.Name) and table.id == "L"
        if known and isinstance(key, ast.Constant) and str(key.value).isidentifier():
            return ast.Name(str(key.value))
        return self.generic_visit(node)
