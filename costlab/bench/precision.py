"""The precision of a case: torch's flags on rounding, set for a while, recorded and put back.

It knows nothing of what runs meanwhile. The flags on how cuDNN chooses a kernel are set along.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costlab.bench.study import Precision

# Ten plans of cuDNN are timed, torch's own default; 0 would be all of them.
BENCHMARK_LIMIT = 10
REDUCED = ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")


@dataclass(frozen=True, slots=True)
class Flags:
    """How convolutions and matrix products are rounded, and how cuDNN chooses among its kernels.

    `reduced_reduction` is whether half-precision matrix products may add up in half precision,
    which torch allows by default.
    """

    tf32: bool
    benchmark: bool = True
    benchmark_limit: int = BENCHMARK_LIMIT
    deterministic: bool = False
    reduced_reduction: bool = True


def flags_of(precision: Precision, *, benchmark: bool = True) -> Flags:
    """The flags of a precision; only `tf32` lets float32 products be rounded.

    >>> flags_of("tf32").tf32, flags_of("fp32").tf32, flags_of("bf16").tf32
    (True, False, False)
    """
    return Flags(tf32=precision == "tf32", benchmark=benchmark)


@contextmanager
def applied(flags: Flags) -> Iterator[None]:
    """Within it, torch has these flags; afterwards, also after an exception, those from before."""
    before = _state()
    try:
        _apply(flags)
        yield
    finally:
        _restore(before)


def recorded() -> Mapping[str, Any]:
    """The flags as torch has them now, by torch's names."""
    return {name: value for name, value in _state().items() if value is not None}


def _apply(flags: Flags) -> None:
    cudnn, matmul = _flags()
    # The older names, not `fp32_precision`: setting these sets the newer too, whereas after the
    # newer, reading the older raises, and the compiler reads them (torch 2.11, Context.cpp).
    cudnn.allow_tf32 = flags.tf32
    matmul.allow_tf32 = flags.tf32
    cudnn.benchmark = flags.benchmark
    cudnn.deterministic = flags.deterministic
    if cudnn.is_available():
        cudnn.benchmark_limit = flags.benchmark_limit
    for name in REDUCED:
        setattr(matmul, name, flags.reduced_reduction)
    matmul.allow_fp16_accumulation = False


def _state() -> dict[str, Any]:
    cudnn, matmul = _flags()
    state: dict[str, Any] = {
        "cudnn.allow_tf32": _readable(cudnn, "allow_tf32"),
        "cudnn.conv.fp32_precision": cudnn.conv.fp32_precision,
        "cudnn.benchmark": cudnn.benchmark,
        "cudnn.benchmark_limit": cudnn.benchmark_limit,
        "cudnn.deterministic": cudnn.deterministic,
        "matmul.allow_tf32": _readable(matmul, "allow_tf32"),
        "matmul.fp32_precision": matmul.fp32_precision,
        "matmul.allow_fp16_accumulation": matmul.allow_fp16_accumulation,
        "float32_matmul_precision": _matmul_precision(),
    }
    for name in REDUCED:
        state[f"matmul.{name}"] = getattr(matmul, name)
    return state


def _flags() -> tuple[Any, Any]:
    """Where torch keeps its flags; modules that behave as objects, and have no stubs."""
    return torch.backends.cudnn, torch.backends.cuda.matmul


def _readable(home: Any, name: str) -> bool | None:
    """A flag of the older names; None where the newer ones were used, so that it cannot be read."""
    try:
        return bool(getattr(home, name))
    except RuntimeError:
        return None


def _matmul_precision() -> str | None:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None


def _restore(state: Mapping[str, Any]) -> None:
    """Puts a state back: the older names first, since they change the newer ones."""
    cudnn, matmul = _flags()
    for home, name in ((cudnn, "cudnn"), (matmul, "matmul")):
        older = state[f"{name}.allow_tf32"]
        if older is not None:
            home.allow_tf32 = older
    if state["float32_matmul_precision"] is not None:
        torch.set_float32_matmul_precision(state["float32_matmul_precision"])
    cudnn.conv.fp32_precision = state["cudnn.conv.fp32_precision"]
    matmul.fp32_precision = state["matmul.fp32_precision"]
    cudnn.benchmark = state["cudnn.benchmark"]
    cudnn.deterministic = state["cudnn.deterministic"]
    if state["cudnn.benchmark_limit"] is not None:
        cudnn.benchmark_limit = state["cudnn.benchmark_limit"]
    for name in (*REDUCED, "allow_fp16_accumulation"):
        setattr(matmul, name, state[f"matmul.{name}"])
