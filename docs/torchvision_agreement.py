"""What agrees and what is explained, of a model of `benchmarks/results/torchvision.json`.

Does not know how it is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

GIGA = 10**9
DECIMALS = 3
"""torchvision publishes 10⁹ multiply-adds with as many decimals."""


def macs_agree(told: Mapping[str, Any]) -> bool:
    """Whether the multiply-adds are the published ones, to the digits that are published."""
    same: bool = round(told["macs"] / GIGA, DECIMALS) == told["published"]["gmacs"]
    return same


def params_agree(told: Mapping[str, Any]) -> bool:
    """Whether the parameters are the published ones."""
    same: bool = told["params"] == told["published"]["params"]
    return same


def counters_agree(told: Mapping[str, Any]) -> bool:
    """Whether FlopCounterMode counts the same multiply-adds, to the integer."""
    other = told["flop_counter"]
    same: bool = told["macs"] == other["macs"] and not other["odd"]
    return same


def explained_by_stages(told: Mapping[str, Any]) -> bool:
    """Whether the first stage and whole numbers of regions give the published figure."""
    macs = told["checks"].get("second_stage", {}).get("macs")
    return macs is not None and round(macs / GIGA, DECIMALS) == told["published"]["gmacs"]


def explained_by_heads(told: Mapping[str, Any]) -> bool:
    """Whether the parameters are the published ones once the auxiliary heads are built."""
    params = told["checks"].get("auxiliary_heads", {}).get("params")
    same: bool = params == told["published"]["params"]
    return same
