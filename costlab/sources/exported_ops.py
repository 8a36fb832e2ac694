"""The operations of an exported program: which torch function a name means, and which it may not.

Does not know the program. Only operations of torch's own namespaces run, on meta, and none that
reads or writes a file.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import torch

from costlab.sources.exported_values import BrokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACES = ("aten", "prims")
TRANSFORMS = "torch._functorch."
"""Begins what an export writes for the inside of a function transform."""
ON_FILES = "filename"
"""The argument of operations that read or write a file (`aten::from_file`)."""
CHECKS = (
    "aten._assert", "aten.sym_constrain", "aten._functional_assert", "aten._functional_sym",
    "aten._linalg_check_errors",
)  # fmt: skip
"""Operations that compute nothing: what they check of values held when it was exported."""
FIRST = ("self", "input", "tensors", "tensor")
"""Names of a first argument that torch's functions take by place."""
LARGEST_INT = 1 << 63


def _power(base: Any, exponent: Any) -> Any:
    return base**exponent if abs(exponent) <= 64 else math.inf  # noqa: PLR2004 - as many bits as a size has


ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    **{
        f"_operator.{name}": getattr(operator, name)
        for name in (
            "add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pos", "abs", "eq", "ne",
            "lt", "le", "gt", "ge", "and_", "or_", "not_",
        )
    },
    "_operator.pow": _power,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "torch.sym_int": int,
    "torch.sym_float": float,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "torch.sym_sum": sum,
    "torch.sym_ite": lambda condition, yes, no: yes if condition else no,
}  # fmt: skip
"""What is computed of sizes; not powers of any size, whose digits would have no end."""


def _indexed(tensor: torch.Tensor, indices: list[Any]) -> torch.Tensor:
    """`x[i, :, j]`, in which the operation has None for a whole axis."""
    return tensor[tuple(slice(None) if index is None else index for index in indices)]


WRITTEN: Mapping[str, Callable[..., Any]] = {
    "aten.index.Tensor": _indexed,
    "aten.sym_size.int": lambda tensor, axis: tensor.shape[axis],
    "aten.sym_numel.default": lambda tensor: tensor.numel(),
    # A constant of the source, `torch.tensor(…)`: it is there, and the export copies it.
    "aten.lift_fresh_copy.default": lambda constant: constant,
    "aten.lift_fresh.default": lambda constant: constant,
}
"""Operations as the source has them, where an export writes something else for them."""


def _by_size(size: int, each: int) -> int:
    return max(1, -(-size // each)) if each > 0 else 1


def _by_count(size: int, chunks: int) -> int:
    # As many as fit of the size that so many would have: 6 in 4 chunks are 3 of 2 (torch.chunk).
    return _by_size(size, -(-size // chunks)) if size and chunks > 0 else chunks


PIECES: Mapping[str, Callable[[int, int], int]] = {
    "split_size": _by_size,
    "chunks": _by_count,
    "sections": lambda _, sections: sections,
}
"""How many tensors an axis of some size is cut into, by the argument that says so."""


def function_of(target: str, results: int) -> Callable[[list[tuple[str, Any]]], Any]:
    """What a target does with its arguments, each with its name, to make so many results.

    Raises:
        BrokenError: it is no operation of torch's own, or one that may not run; when run, it would
            make another number of results.
    """
    if target in ARITHMETIC:
        return lambda given: _computed(ARITHMETIC[target], [value for _, value in given])
    parts = target.removeprefix("torch.ops.").split(".")
    if ".".join(parts).startswith(CHECKS):
        return _check
    written = WRITTEN.get(".".join(parts))
    if written is not None:
        return lambda given: written(*(value for _, value in given))
    if len(parts) != 3 or parts[0] not in NAMESPACES:  # noqa: PLR2004 - namespace, name, overload
        if target.startswith("torch.ops.higher_order."):
            raise BrokenError(f"it has control flow of a kind that is not known ({parts[-1]})")
        if target.startswith(TRANSFORMS):
            raise BrokenError(
                f"it has torch.vmap or another transform as such ({parts[-1]}); save "
                "program.run_decompositions(), in which only its operations are left"
            )
        raise BrokenError(f"{target} is no operation of torch's own, and its cost is not known")
    return _kernel(target, results, *parts)


def _check(given: list[tuple[str, Any]]) -> None:
    """Refuses sizes for which a program says that it does not hold; values are not known here.

    Raises:
        RuntimeError: the condition is one of sizes, and is not so.
    """
    if given and given[0][1] is False:
        raise RuntimeError(str(dict(given).get("assert_msg") or "a condition does not hold"))


def _kernel(
    target: str, results: int, namespace: str, name: str, overload: str
) -> Callable[..., Any]:
    packet = getattr(getattr(torch.ops, namespace), name, None)
    found = getattr(packet, overload, None) if hasattr(packet, "overloads") else None
    if not isinstance(found, torch._ops.OpOverload):  # noqa: SLF001 - the class has no public name
        raise BrokenError(f"torch {torch.__version__} has no operation {target}")
    schema = found._schema  # noqa: SLF001 - its only description
    known = [one.name for one in schema.arguments]
    name = f"{schema.name}.{schema.overload_name}".rstrip(".")
    if ON_FILES in known or not torch._C._dispatch_has_kernel(name):  # noqa: SLF001 - the one list of operations that are kernels
        raise BrokenError(f"{target} may not run: it is no computation on tensors")

    cuts = "::unbind" in schema.name or any(one in PIECES for one in known)

    def run(given: list[tuple[str, Any]]) -> Any:
        # By name, as some of torch's functions have another order than the operation.
        args = [value for place, (key, value) in enumerate(given) if not place and key in FIRST]
        named = {key or known[place]: value for place, (key, value) in enumerate(given)}
        # Before they are made: an input of many rows would be as many tensors.
        try:
            pieces = _pieces(named) if cuts else results
        except (AttributeError, KeyError, TypeError) as error:
            raise BrokenError(f"{target} has not the arguments that torch gives it") from error
        if pieces is not None and pieces != results:
            raise BrokenError(f"{target} makes {pieces} tensors there, and not {results}")
        if args:
            named.pop(given[0][0])
        if "device" in known:
            named["device"] = torch.device("meta")
        return found(*args, **named)

    return run


def _pieces(named: Mapping[str, Any]) -> int | None:
    """How many tensors one is cut into; None where a list tells, or torch is to refuse."""
    shape = named["self"].shape
    try:
        size = shape[named.get("dim", 0)]
    except IndexError:  # it has no such axis, which torch says in its own words
        return None
    for argument, count in PIECES.items():
        if argument in named:
            value = named[argument]
            return count(size, value) if isinstance(value, int) else None
    return int(size)


def _computed(function: Callable[..., Any], given: list[Any]) -> Any:
    found = function(*given)
    if isinstance(found, torch.Tensor) or abs(found) > LARGEST_INT:
        raise BrokenError(f"a size of it comes to {str(found)[:20]}")
    return found
