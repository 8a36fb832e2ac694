"""Which of its arguments a kernel in Triton's language writes to, read off its source.

Follows names through assignments, and runs nothing. Where it cannot tell, an argument counts as
written to.
"""

from __future__ import annotations

import ast
import builtins
import sys
from inspect import getsource
from textwrap import dedent
from types import BuiltinFunctionType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

READS = frozenset({"load", "load_tensor_descriptor"})
"""Functions of Triton's that return values, which point nowhere."""
WRITES = ("store", "atomic_")
"""How the names begin of those that write through their first argument."""
MAY_WRITE = ("store", "atomic", "scatter", "copy", "asm", "extern", "experimental")
"""What is in the names of those that may write through any."""
PURE = ("triton.language", "triton", "math", "builtins")
"""The modules of whose functions all others write nothing."""
VALUES = ("tensor", "tensor_descriptor", "tensor_descriptor_base", "constexpr", "dtype", "tuple")
"""The classes in Triton's language of what a kernel computes with."""

_KNOWN: WeakKeyDictionary[Any, frozenset[str] | None] = WeakKeyDictionary()


def written_by(function: Any) -> frozenset[str] | None:
    """The parameters through which a kernel may write; None where its source is not there.

    >>> written_by(len) is None
    True
    """
    if function not in _KNOWN:
        _KNOWN[function] = _read(function)
    return _KNOWN[function]


def _read(function: Any) -> frozenset[str] | None:
    try:
        tree = ast.parse(dedent(getsource(function)))
    except (OSError, TypeError, SyntaxError):  # made by a program, compiled, or not a file's own
        return None
    kernel = next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)
    return None if kernel is None else frozenset(_Pointers(kernel, function).written())


class _Pointers:
    """Of each name in a kernel, the parameters that it comes from."""

    def __init__(self, kernel: ast.FunctionDef, function: Any) -> None:
        self.body = kernel.body
        self.globals: dict[str, Any] = getattr(function, "__globals__", {})
        named = (*kernel.args.posonlyargs, *kernel.args.args, *kernel.args.kwonlyargs)
        others = [item for item in (kernel.args.vararg, kernel.args.kwarg) if item is not None]
        self.origins = {argument.arg: {argument.arg} for argument in (*named, *others)}
        self.parameters = frozenset(self.origins)

    def written(self) -> set[str]:
        """The parameters that reach what is written through."""
        nodes = [node for statement in self.body for node in ast.walk(statement)]
        if any(map(self._makes_pointers, nodes)):  # of integers, which may point anywhere
            return set(self.parameters)
        known = 0
        while known < (found := sum(map(len, self.origins.values()))):  # a loop carries names on
            known = found
            for node in nodes:
                self._assign(node)
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        return {name for call in calls for name in self._through(call)}

    def _makes_pointers(self, node: ast.AST) -> bool:
        """Whether an expression names a type of pointers, or that of a parameter, to cast to."""
        if isinstance(node, ast.Name):
            return node.id == "pointer_type" or hasattr(self.globals.get(node.id), "address_space")
        if not isinstance(node, ast.Call):
            return isinstance(node, ast.Attribute) and node.attr == "pointer_type"
        types = (*node.args, *(item.value for item in node.keywords))
        return _called(node) in ("to", "cast") and any(
            isinstance(x, ast.Attribute)
            and x.attr in ("dtype", "type")
            and isinstance(x.value, ast.Name)
            and x.value.id in self.parameters
            for x in types
        )

    def _assign(self, node: ast.AST) -> None:
        targets: list[ast.expr]
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
            targets, value = [node.target], node.value
        elif isinstance(node, ast.For | ast.comprehension):
            targets, value = [node.target], node.iter
        elif isinstance(node, ast.withitem) and node.optional_vars:
            targets, value = [node.optional_vars], node.context_expr
        else:
            return
        for target in targets:
            self._bind(target, value)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            starred = any(isinstance(x, ast.Starred) for x in (*target.elts, *value.elts))
            if not starred and len(target.elts) == len(value.elts):
                for one, other in zip(target.elts, value.elts, strict=True):
                    self._bind(one, other)
                return
        found = self._origins(value)
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                self.origins.setdefault(name.id, set()).update(found)

    def _origins(self, node: ast.AST) -> set[str]:
        """The parameters that an expression comes from; what is read from memory, from none."""
        if isinstance(node, ast.Name):
            return self.origins.get(node.id, set())
        if isinstance(node, ast.Call) and self._name(node.func) in READS:
            return set()
        return {name for part in ast.iter_child_nodes(node) for name in self._origins(part)}

    def _through(self, call: ast.Call) -> set[str]:
        """The parameters through which a call writes."""
        name = self._name(call.func)
        given = (call.func, *call.args, *(item.value for item in call.keywords))
        if name is None:
            return self._of(*given)
        if name.startswith(WRITES):
            pointer = [item.value for item in call.keywords if item.arg in ("pointer", None)]
            return self._of(call.func, *call.args[:1], *pointer) or set(self.parameters)
        return self._of(*given) if any(word in name for word in MAY_WRITE) else set()

    def _of(self, *parts: ast.expr) -> set[str]:
        return {found for part in parts for found in self._origins(part)}

    def _name(self, function: ast.expr) -> str | None:
        """The name of a function of Triton's language or of Python, or of a method of a value.

        None for what another wrote, or what may be anything: what is passed, or has a local name.
        """
        path: list[str] = []
        root = function
        while isinstance(root, ast.Attribute):
            path.insert(0, root.attr)
            root = root.value
        if not isinstance(root, ast.Name) or root.id in self.origins:
            return path[-1] if path and path[-1] in _methods() else None
        value: Any = self.globals.get(root.id, getattr(builtins, root.id, None))
        for name in path:
            value = getattr(value, name, None)
        while hasattr(value, "fn"):  # what Triton wraps its functions in
            value = value.fn
        if not isinstance(value, FunctionType | BuiltinFunctionType | type):
            return None
        home = value.__module__ or ""
        return value.__name__ if home in PURE or home.startswith(f"{PURE[0]}.") else None


def _methods() -> frozenset[str]:
    """The names of the methods of what a kernel computes with."""
    language = sys.modules.get("triton.language")
    kinds = [getattr(language, name, None) for name in VALUES]
    return frozenset(
        name for kind in kinds if kind for name in dir(kind) if not name.startswith("_")
    )


def _called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
