"""costlab: what a PyTorch network costs, exactly.

The public names are looked up when they are first used: importing costlab does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costlab.analysis import analyze
    from costlab.assertion import assert_cost
    from costlab.errors import (
        CostlabError,
        DocumentError,
        SourceError,
        TraceError,
        UnknownOperationError,
        UsageError,
    )
    from costlab.ops import OPS, Declined, Effect, Op
    from costlab.report import Report
    from costlab.store import load, save
    from costlab.tracing import trace

_HOMES = {
    "analyze": "costlab.analysis",
    "assert_cost": "costlab.assertion",
    "trace": "costlab.tracing",
    "Report": "costlab.report",
    "load": "costlab.store",
    "save": "costlab.store",
    "OPS": "costlab.ops",
    "Op": "costlab.ops",
    "Effect": "costlab.ops",
    "Declined": "costlab.ops",
    "CostlabError": "costlab.errors",
    "UsageError": "costlab.errors",
    "SourceError": "costlab.errors",
    "TraceError": "costlab.errors",
    "UnknownOperationError": "costlab.errors",
    "DocumentError": "costlab.errors",
}

__all__ = [
    "OPS",
    "CostlabError",
    "Declined",
    "DocumentError",
    "Effect",
    "Op",
    "Report",
    "SourceError",
    "TraceError",
    "UnknownOperationError",
    "UsageError",
    "analyze",
    "assert_cost",
    "load",
    "save",
    "trace",
]


def __getattr__(name: str) -> Any:
    """The public name, from the module that defines it."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'costlab' has no attribute {name!r}"
        raise AttributeError(message)
    # Not kept in this module: `costlab.tracing` must stay the function once its package is loaded.
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
