"""Other counters asked about the same model, and each difference told term by term.

Knows what the others count; each of them is imported only when it is asked.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import torch

from costlab.errors import words_of
from costlab.report import Counter, Report
from costlab.tracing.inputs import as_call
from costlab.tracing.tensors import map_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTRACTIONS = ("convolution", "linear", "matmul", "attention", "recurrent")
FVCORE_CONTRACTIONS = frozenset({"conv", "linear", "addmm", "matmul", "mm", "bmm", "einsum"})
FVCORE_REASONS = {
    "batch_norm": "batch norm: 2 an element",
    "layer_norm": "layer norm: 5 an element",
    "group_norm": "group norm: 5 an element",
    "instance_norm": "instance norm: 5 an element",
    "adaptive_avg_pool2d": "adaptive pool: 1 an input element",
    "upsample_nearest2d": "nearest upsampling: 1 an element",
    "upsample_bilinear2d": "bilinear upsampling: 4 an element",
    "grid_sampler": "grid sampling",
}
"""What fvcore counts besides contractions (fvcore 0.1.5, `flop_count._DEFAULT_SUPPORTED_OPS`)."""


def cross_checked(report: Report, model: torch.nn.Module, inputs: Any) -> Report:
    """The report with what FlopCounterMode and fvcore say of the same forward.

    Each runs a copy of the model, so that nothing it leaves behind is left in the caller's. A
    counter that fails says why.
    """
    asked: tuple[tuple[str, str, Callable[[Report, torch.nn.Module, Any], Counter]], ...] = (
        ("FlopCounterMode", "torch", _flop_counter),
        ("fvcore", "fvcore", _fvcore),
    )
    counters = []
    for name, package, ask in asked:
        try:
            counters.append(replace(ask(report, model, inputs), version=_version(package)))
        except Exception as error:  # noqa: BLE001 - another tool's failure is a result, not ours
            reason = (words_of(error).strip().splitlines() or [""])[0]
            text = f"{type(error).__name__}: {reason}"
            counters.append(Counter(name, _version(package), None, error=text))
    return replace(report, counters=tuple(counters))


def copied(model: torch.nn.Module, device: str) -> torch.nn.Module:
    """A copy of the model on a device; weights that had no memory are zeros, shared ones shared."""
    memo: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        if device == "meta" or tensor.is_meta:
            data = torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)
        else:
            data = tensor.detach().clone()
        if isinstance(tensor, torch.nn.Parameter):
            data = torch.nn.Parameter(data, requires_grad=tensor.requires_grad)
        memo[id(tensor)] = data
    return copy.deepcopy(model, memo)


def _flop_counter(report: Report, model: torch.nn.Module, inputs: Any) -> Counter:
    from torch.utils.flop_counter import FlopCounterMode

    args, kwargs = as_call(inputs)
    skeleton = copied(model, "meta").train(report.mode == "train")
    with FlopCounterMode(display=False) as counter:
        skeleton(*args, **kwargs)
    by_kernel = {str(op): n // 2 for op, n in counter.get_flop_counts().get("Global", {}).items()}
    macs = sum(by_kernel.values())
    theirs: dict[str, int] = {}
    for kernel, count in by_kernel.items():
        kind = "convolution" if "conv" in kernel else "matrix products and attention"
        theirs[kind] = theirs.get(kind, 0) + count
    return Counter("FlopCounterMode", "", macs, _by_kind(report, theirs))


def _fvcore(report: Report, model: torch.nn.Module, inputs: Any) -> Counter:
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    from fvcore.nn import FlopCountAnalysis

    args, kwargs = as_call(inputs)
    if kwargs:
        return Counter("fvcore", "", None, error="takes positional inputs only")
    # fvcore traces with torch.jit, which on meta tensors fails: this copy computes.
    real = copied(model, "cpu").train(report.mode == "train")
    zeros = map_tensors(lambda tensor: torch.zeros_like(tensor, device="cpu"), args)
    analysis = FlopCountAnalysis(real, zeros)
    analysis.unsupported_ops_warnings(enabled=False)
    analysis.uncalled_modules_warnings(enabled=False)
    by_operator = {op: int(n) for op, n in analysis.by_operator().items()}
    theirs: dict[str, int] = {}
    others: list[tuple[str, int]] = []
    for op, count in by_operator.items():
        if op in FVCORE_CONTRACTIONS:
            kind = "convolution" if op == "conv" else "matrix products and attention"
            theirs[kind] = theirs.get(kind, 0) + count
        elif count:
            others.append((FVCORE_REASONS.get(op, f"{op}, which is no contraction"), count))
    terms = (*_by_kind(report, theirs), *others)
    return Counter("fvcore", "", int(analysis.total()), terms)


def _by_kind(report: Report, theirs: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The differences in contractions, by kind, where there are any."""
    ours: dict[str, int] = {}
    for family in CONTRACTIONS:
        kind = "convolution" if family == "convolution" else "matrix products and attention"
        ours[kind] = ours.get(kind, 0) + report.root.tally(family).macs
    differences = {kind: theirs.get(kind, 0) - count for kind, count in ours.items()}
    return tuple((f"{kind}: counted differently", d) for kind, d in differences.items() if d)


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0].partition(".post")[0]
    except PackageNotFoundError:
        return ""
