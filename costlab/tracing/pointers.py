"""Which of its arguments a kernel in Triton's language writes to, read off its source.

Follows names through assignments, and runs nothing. Where it cannot tell, an argument counts as
written to.
"""

from __future__ import annotations

import ast
import builtins
from inspect import getsource
from textwrap import dedent
from typing import Any
from weakref import WeakKeyDictionary

READS = frozenset({"load", "gather", "load_tensor_descriptor"})
"""Calls that return values, which point nowhere."""

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
        arguments = (*kernel.args.posonlyargs, *kernel.args.args, *kernel.args.kwonlyargs)
        self.origins = {argument.arg: {argument.arg} for argument in arguments}

    def written(self) -> set[str]:
        """The parameters that reach what is written through."""
        nodes = [node for statement in self.body for node in ast.walk(statement)]
        known = 0
        while known < (found := sum(map(len, self.origins.values()))):  # a loop carries names on
            known = found
            for node in nodes:
                self._assign(node)
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        return {name for call in calls for name in self._through(call)}

    def _assign(self, node: ast.AST) -> None:
        targets: list[ast.expr]
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
            targets, value = [node.target], node.value
        elif isinstance(node, ast.For):
            targets, value = [node.target], node.iter
        else:
            return
        for target in targets:
            self._bind(target, value)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
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
        if isinstance(node, ast.Call) and _called(node) in READS:
            return set()
        return {name for part in ast.iter_child_nodes(node) for name in self._origins(part)}

    def _through(self, call: ast.Call) -> set[str]:
        """The parameters through which a call writes."""
        name = _called(call)
        if name.startswith(("store", "atomic_")):
            pointer = [item.value for item in call.keywords if item.arg == "pointer"]
            owner = [call.func.value] if isinstance(call.func, ast.Attribute) else []
            parts = (*owner, *call.args[:1], *pointer)
        elif self._is_tritons(call.func):
            return set()
        else:  # another function of the user's
            parts = (*call.args, *(item.value for item in call.keywords))
        return {found for part in parts for found in self._origins(part)}

    def _is_tritons(self, function: ast.expr) -> bool:
        """Whether a function is of Triton's language or of Python, or a method of a value."""
        while isinstance(function, ast.Attribute):
            function = function.value
        if not isinstance(function, ast.Name) or function.id in self.origins:
            return True
        value = self.globals.get(function.id, getattr(builtins, function.id, None))
        value = getattr(value, "fn", value)
        home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        return str(home).partition(".")[0] in ("triton", "builtins", "math")


def _called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
