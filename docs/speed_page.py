"""The page on speed, from `benchmarks/results/analysis.json`.

It measures nothing: every figure is a median, a minimum or a ratio of samples that are kept there.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from costlab.units import exact, ratio, seconds
from docs.parts import NOTICE, table, versions_in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OURS = "costlab"
MB = 1_000_000


def page(results: Mapping[str, Any]) -> str:
    """The page as Markdown: the bars, costlab beside its peers, starting, cost per operation."""
    parts = [
        "# How fast an analysis is",
        NOTICE,
        (
            "costlab runs a forward on shapes, and never a kernel. This page tells what that "
            "takes, beside other counters in the same process and run. Times are of one machine; "
            "the ratios are what to look at."
        ),
        _setting(results),
        "## The bars",
        (
            "What is to hold, and what was measured. Bars are reported here and asserted nowhere. "
            "What stands above an import, and what beside FlopCounterMode, is the median over the "
            "rounds of the two of one round, as the machine has faster minutes and slower ones."
        ),
        _bars(results["bars"]),
        "## Beside other counters",
        *_peers(results["warm"]),
        "## Starting",
        *_starting(results),
        "## Cost per operation",
        *_chains(results["chains"]),
    ]
    return "\n\n".join(parts) + "\n"


def _setting(results: Mapping[str, Any]) -> str:
    machine = results["machine"]
    versions = versions_in_words(results["versions"])
    return (
        f"Measured on {machine['cores']} cores of a processor that calls itself {machine['cpu']}, "
        f"with {versions}; repeat it with `python benchmarks/analysis.py`. The raw samples are in "
        "`benchmarks/results/analysis.json`."
    )


def _bars(bars: Iterable[Mapping[str, Any]]) -> str:
    return table(
        ("bar", "measured", "at most", "holds"),
        [
            (
                bar["name"],
                f"{bar['value']:.3g} {bar['unit']}",
                f"{bar['limit']:g} {bar['unit']}",
                "yes" if bar["holds"] else "**no**",
            )
            for bar in bars
        ],
    )


def _peers(warm: Mapping[str, Mapping[str, Any]]) -> list[str]:
    parts = [
        (
            "Each counter analyzes its own copy of the network, batch 1, in eval mode, once "
            "untimed and then in turn with the others, a turn being two untimed analyses and three "
            "timed ones. Those that run on meta tensors are given these, so that they compute "
            "nothing; costlab is given the model as its user has it, on the CPU, and on meta where "
            "the weights would not fit; fvcore traces with `torch.jit`, which runs the model on "
            "the CPU. “costlab ×” is the ratio of the medians."
        ),
    ]
    for network, told in warm.items():
        ours = median(told[OURS]["samples_s"])
        truth = told[OURS]["macs"]
        rows = [
            (name, *_timed(asked, ours, truth)) if "samples_s" in asked else (name, *_refused())
            for name, asked in told.items()
        ]
        parts += [
            f"### {network}",
            table(("counter", "minimum", "median", "costlab ×", "counts", "÷ costlab's"), rows),
            *(
                f"{name} is skipped: {asked['skipped']}."
                for name, asked in told.items()
                if "skipped" in asked
            ),
        ]
    return parts


def _timed(asked: Mapping[str, Any], ours_s: float, truth: int) -> tuple[str, ...]:
    samples_s = asked["samples_s"]
    return (
        seconds(min(samples_s)),
        seconds(median(samples_s)),
        ratio(median(samples_s) / ours_s),
        exact(asked["macs"]),
        "1" if asked["macs"] == truth else ratio(asked["macs"] / truth, digits=4),
    )


def _refused() -> tuple[str, ...]:
    return ("", "", "", "", "")


def _starting(results: Mapping[str, Any]) -> list[str]:
    took, peaks = results["processes_s"], results["peaks_bytes"]
    processes = min(map(len, took.values()))
    loaded = "loads" if results["help_imports_torch"] else "does not load"
    return [
        (
            f"Whole processes, {processes} times in turn, with bytecode of costlab as pip leaves "
            f"it. Most of a report's time is `import torch`; `costlab --help` {loaded} torch."
        ),
        table(
            ("process", "minimum", "median"),
            [(f"`{name}`", seconds(min(s)), seconds(median(s))) for name, s in took.items()],
        ),
        "Peak resident memory of a process (`ru_maxrss`):",
        table(
            ("process", "median"),
            [(name, f"{median(samples) / MB:.1f} MB") for name, samples in peaks.items()],
        ),
    ]


def _chains(chains: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        (
            "A chain of convolution, batch norm and ReLU in turn, ever longer: the time of its "
            "analysis over the number of its operations. The band is from the fastest to the "
            "slowest sample."
        ),
        "![Time per operation against the number of operations](images/cost_per_operation.svg)",
        table(
            ("operations", "costlab, per operation", "FlopCounterMode, per operation", "ratio"),
            [_chain(told) for told in chains],
            numeric_from=0,
        ),
    ]


def _chain(told: Mapping[str, Any]) -> tuple[str, ...]:
    count = told["operations"]
    ours, theirs = median(told["costlab_s"]), median(told["flop_counter_s"])
    return exact(count), seconds(ours / count), seconds(theirs / count), ratio(theirs / ours)
