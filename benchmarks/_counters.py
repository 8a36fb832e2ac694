"""The counters that are timed, each asked the way its documentation has it, at its fastest.

Each is a function of a network that prepares what may be prepared and returns the analysis, which
is timed. Does not know the networks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

import costlab

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks._networks import Network

MEMORY_BYTES = 8 << 30
"""What a counter that computes may need for weights, or it is skipped."""


class Skipped(Exception):  # noqa: N818 - it signals a refusal, not an error
    """A counter cannot be asked about a network; the message is the reason."""


def _weights_bytes(network: Network) -> int:
    """What the weights of a network would take."""
    return sum(p.numel() * p.element_size() for p in network.on_meta().parameters())


def by_costlab(network: Network) -> Callable[[], int]:
    """costlab, on the model as its user has it; without weights where these would not fit."""
    fits = _weights_bytes(network) <= MEMORY_BYTES
    model, given = network.on_cpu() if fits else network.on_meta(), network.input("meta")
    return lambda: costlab.analyze(model, given).total.macs


def by_flop_counter(network: Network) -> Callable[[], int]:
    """The FlopCounterMode of torch, on meta, where it computes nothing."""
    from torch.utils.flop_counter import FlopCounterMode

    model, given = network.on_meta(), network.input("meta")

    def analysis() -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(given)
        return int(counter.get_total_flops()) // 2

    return analysis


def by_fvcore(network: Network) -> Callable[[], int]:
    """fvcore, on real tensors: it traces with torch.jit, which runs the model."""
    size_bytes = _weights_bytes(network)
    if size_bytes > MEMORY_BYTES:
        message = f"it runs the model, whose weights would take {size_bytes >> 30} GiB"
        raise Skipped(message)
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    from fvcore.nn import FlopCountAnalysis

    model, given = network.on_cpu(), network.input("cpu")

    def analysis() -> int:
        with torch.no_grad():
            analyzed = FlopCountAnalysis(model, given)
            analyzed.unsupported_ops_warnings(enabled=False)
            analyzed.uncalled_modules_warnings(enabled=False)
            return int(analyzed.total())

    return analysis


def by_torchinfo(network: Network) -> Callable[[], int]:
    """torchinfo, on meta, where it computes nothing."""
    import torchinfo

    model, given = network.on_meta(), network.input("meta")
    return lambda: int(
        torchinfo.summary(model, input_data=[given], device="meta", verbose=0).total_mult_adds
    )


def by_ptflops(network: Network) -> Callable[[], int]:
    """The default engine of ptflops, on meta, where it computes nothing."""
    import ptflops

    model, given = network.on_meta(), network.input("meta")

    def analysis() -> int:
        with torch.no_grad():
            macs, _ = ptflops.get_model_complexity_info(
                model,
                tuple(given.shape[1:]),
                input_constructor=lambda _: given,
                as_strings=False,
                print_per_layer_stat=False,
                backend="pytorch",
            )
        if macs is None:
            message = "it failed and printed why"
            raise Skipped(message)
        return int(macs)

    return analysis


COUNTERS: dict[str, Callable[[Network], Callable[[], int]]] = {
    "costlab": by_costlab,
    "FlopCounterMode": by_flop_counter,
    "fvcore": by_fvcore,
    "torchinfo": by_torchinfo,
    "ptflops": by_ptflops,
}
"""Every counter by the name that the results give it; costlab first."""
