"""Operations that are not costlab's own: whether they can be used, and what their rules say.

Does not know who gives them, an entry point (`costlab.ops.packages`) or a caller (`ops=`), nor
what a rule should say: only what none can.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from numbers import Integral
from typing import TYPE_CHECKING, Any

from costlab.errors import TraceError, UsageError
from costlab.graph import Coverage
from costlab.ops.rule import Effect, Op

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = "{**costlab.OPS, 'namespace::name': costlab.Op(rule, 'matmul')}"
SEE = "see docs/adding-an-op.md"


class RuleError(TraceError):
    """A rule that is not costlab's own said what no operation returns or costs."""


def checked(ops: Any, own: Mapping[str, Op]) -> dict[str, Op]:
    """A caller's table of operations, whose rules are held to what a rule may say.

    Those of costlab's `own` are taken as they are.

    Raises:
        UsageError: it is no mapping, or an item of it cannot be used.
    """
    if not isinstance(ops, Mapping):
        raise UsageError(f"ops is {kind_of(ops)} and not a mapping; write ops={TABLE}")
    table: dict[str, Op] = {}
    for name, op in ops.items():
        if isinstance(op, Op) and own.get(name) is op:
            table[name] = op
            continue
        if fault := fault_of(name, op):
            raise UsageError(f"ops: {fault}; write ops={TABLE}")
        table[name] = held_to_rules(name, op)
    return table


def fault_of(name: object, op: Any) -> str:
    """What is wrong with an item of a table of operations; nothing if it can be used."""
    if not isinstance(name, str):
        return f"{name!r} is no name of an operation, such as 'namespace::name'"
    if not isinstance(op, Op):
        return f"{name} is {kind_of(op)} and not a costlab.Op"
    rule, family, coverage = tuple[Any, Any, Any](op)
    if not isinstance(coverage, Coverage):
        return f"{name} has {kind_of(coverage)} in the place of its coverage"
    if not (coverage is Coverage.FREE if rule is None else callable(rule)):
        return f"{name} has {kind_of(rule)} in the place of a rule"
    if not isinstance(family, str):
        return f"{name} has {kind_of(family)} in the place of the name of a family"
    return ""


def held_to_rules(name: str, op: Op) -> Op:
    """The operation, with a rule that raises a `RuleError` for what no operation can cost."""
    rule = op.rule
    if rule is None:
        return op

    @wraps(rule)
    def held(*args: Any, **kwargs: Any) -> Effect:
        said: object = rule(*args, **kwargs)
        fault = _fault(said)
        if fault:
            raise RuleError(f"the rule of {name}{_place(rule)} {fault}; {SEE}")
        assert isinstance(said, Effect)  # noqa: S101 - for the type checker
        return said._replace(macs=int(said.macs), flops=int(said.flops))

    return op._replace(rule=held)


def _fault(effect: object) -> str:
    """What is wrong with what a rule returned; nothing if it can be used."""
    if not isinstance(effect, Effect):
        return f"returns {kind_of(effect)} and not a costlab.Effect"
    for unit in ("macs", "flops"):
        amount = getattr(effect, unit)
        if not _is_count(amount):
            return f"says {unit}={amount!r}, which must be a whole number (an int), 0 or more"
    shapes: tuple[Any, ...] = (effect.shape,) if effect.shapes is None else effect.shapes
    for shape in shapes:
        if not isinstance(shape, tuple | list) or not all(map(_is_count, shape)):
            which = "a tuple of sizes (of several outputs: shapes=)"
            return f"says that a shape is {shape!r}, which must be {which}"
    kinds: tuple[Any, ...]
    kinds = effect.dtype if isinstance(effect.dtype, tuple) else (effect.dtype,)
    if not all(isinstance(kind, str) for kind in kinds):
        return (
            f"says dtype={effect.dtype!r}, which must be costlab.ops.SAME, costlab.ops.FLOAT or "
            "the name of an element type, such as 'float32'"
        )
    return ""


def _is_count(amount: Any) -> bool:
    return type(amount) is not bool and isinstance(amount, Integral) and int(amount) >= 0


def _place(rule: Callable[..., object]) -> str:
    """Where a rule is written, in brackets; empty where that cannot be told."""
    code = getattr(rule, "__code__", None)
    return "" if code is None else f" [{code.co_filename}:{code.co_firstlineno}]"


def kind_of(value: object) -> str:
    """What a value is, in a message.

    >>> kind_of(None), kind_of(3)
    ('nothing', 'an object of the type int')
    """
    return "nothing" if value is None else f"an object of the type {type(value).__name__}"
