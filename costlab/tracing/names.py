"""Which operation a torch function is: its name in the table of operations.

Does not know what an operation costs.
"""

from __future__ import annotations

from functools import lru_cache
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from torch._ops import HigherOrderOperator

from costlab.ops import ALIASES
from costlab.tracing.bodies import BODIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKS = frozenset(
    {"has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"}
)
ALL = frozenset({"globals", "exec", "eval"})
"""What may use any name of a module."""
ALWAYS = frozenset({"__name__", "__package__", "__spec__", "__warningregistry__"})
"""What an import or a warning asks for."""


def names_of(function: Any) -> tuple[str, ...]:
    """The names an operation may be listed under, most specific first.

    A method of `torch.Tensor` is `Tensor.name`, then `name`; a dispatcher operation is
    `namespace::name`, then `name` for torch's own; anything else is its bare name.
    """
    schema = getattr(function, "_schema", None)
    if schema is not None:
        return _dispatcher_names(schema.name)
    packet = getattr(function, "_qualified_op_name", None)
    if packet is not None:
        return _dispatcher_names(packet)
    owner = getattr(function, "__self__", None)
    name = str(getattr(function, "__name__", type(function).__name__))
    if name in ("__get__", "__set__", "__delete__") and hasattr(owner, "__name__"):
        # Tensor.shape.__get__ is a method-wrapper around the attribute's descriptor.
        attribute = str(owner.__name__)  # type: ignore[union-attr]  # checked in the line above
        listed = (f"Tensor.{attribute}", attribute)
        return listed if name == "__get__" else tuple(f"{key}.{name}" for key in listed)
    qualified = str(getattr(function, "__qualname__", name))
    if qualified.startswith(("Tensor.", "TensorBase.")):
        return (f"Tensor.{name}", name)
    module = getattr(function, "__module__", None) or "torch"
    if not module.startswith("torch.") and module not in ("torch", "torch._C"):
        return (f"{module}.{qualified}",)
    return (name,)


def _dispatcher_names(qualified: str) -> tuple[str, ...]:
    namespace, _, name = qualified.partition("::")
    return (qualified, name) if namespace in ("aten", "prims") else (qualified,)


def is_in_place(name: str) -> bool:
    """Whether a function's name says that it writes to its first operand.

    >>> is_in_place("squeeze_"), is_in_place("__add__")
    (True, False)
    """
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))


def lookup(names: tuple[str, ...], table: Mapping[str, Any]) -> tuple[str, bool] | None:
    """The first of the names that the table lists, and whether it is the in-place spelling.

    `add_` and `__iadd__` are listed as `add`; None if the table has none of the names.
    """
    for name in names:
        bare = name.removeprefix("Tensor.")
        in_place = is_in_place(bare)
        if name in table:
            return name, in_place
        base = bare[:-1] if in_place else bare
        in_place = in_place or (bare.startswith("__i") and f"__{bare[3:]}" in ALIASES)
        if base.startswith("__i") and in_place:
            base = f"__{base[3:]}"
        base = ALIASES.get(base, base)
        if base in table:
            return base, in_place
    return None


def body_of(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """A Python functional without its own torch-function check; None for what has no body.

    Functionals such as `F.multi_head_attention_forward` hand themselves to the active mode before
    they do anything, so calling one again would come straight back. This copy shares the code and
    the names but answers the check with False: its body runs, and the mode sees each call in it.
    It is made anew for each call, with the names that it uses as they are now.
    Of a few compiled functions the body is written anew (`costlab.tracing.bodies`).
    """
    written = BODIES.get(getattr(function, "__name__", ""))
    if written is not None and isinstance(function, BuiltinFunctionType | HigherOrderOperator):
        return written
    if isinstance(function, BuiltinFunctionType) or not isinstance(function, FunctionType):
        return None
    if not any(map(function.__globals__.__contains__, CHECKS)):
        return None
    namespace = _used(function)
    namespace.update(dict.fromkeys(CHECKS & namespace.keys(), _never))
    copy = FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _used(function: FunctionType) -> dict[str, Any]:
    """The names of its module that a function uses, which are few of them, with their values."""
    names, known = _names(function.__code__), function.__globals__
    if not names.isdisjoint(ALL):
        return dict(known)
    return {name: known[name] for name in names if name in known}


@lru_cache(maxsize=256)
def _names(code: CodeType) -> frozenset[str]:
    """The names that a code looks up, the functions within it, and Python itself on its behalf."""
    within = [_names(held) for held in code.co_consts if isinstance(held, CodeType)]
    return frozenset(code.co_names).union(ALWAYS, *within)


def _never(*_tensors: object) -> bool:
    return False
