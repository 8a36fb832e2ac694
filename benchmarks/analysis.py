"""The speed of an analysis: costlab and its peers in one process and run, and what starting costs.

Does not know how the results are shown (`docs/speed_page.py`). Raw samples are kept; the bars are
reported, and nothing is asserted.
"""

from __future__ import annotations

import gc
import io
import sys
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for benchmarks and tests

from rich.console import Console

from benchmarks import _environment, _startup
from costlab.store import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = "analysis"
PACKAGES = ("costlab", "torch", "torchvision", "fvcore", "torchinfo", "ptflops")
ROUNDS = 5
UNTIMED, TIMED = 2, 3
PROCESS_ROUNDS = 15
PEAK_ROUNDS = 5
CHAIN_ROUNDS = 2
CHAINS = (100, 300, 1000, 3000, 10_000)
CHAIN_INPUT = (1, 8, 32, 32)
PLOT = _environment.ROOT / "docs" / "images" / "cost_per_operation.svg"
MB = 1_000_000

Samples = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure of the results, and the most that it may be."""

    name: str
    figure: Callable[[Mapping[str, Any]], float]
    limit: float
    unit: str


def _over_import_s(results: Mapping[str, Any]) -> float:
    """What a report takes more than the import of its own round: the machine has faster minutes."""
    took = results["processes_s"]
    rounds = zip(took["costlab report inception_v3"], took["import torch"], strict=True)
    return float(median(report - alone for report, alone in rounds))


def _over_import_mb(results: Mapping[str, Any]) -> float:
    peaks = results["peaks_bytes"]
    return float(median(peaks["analysis of inception_v3"]) - median(peaks["import torch"])) / MB


def _nearest_peer(results: Mapping[str, Any]) -> float:
    """The median of costlab over that of the fastest peer, on the network where that is largest."""
    ratios = []
    for asked in results["warm"].values():
        medians = {
            name: median(told["samples_s"]) for name, told in asked.items() if "macs" in told
        }
        ours = medians.pop("costlab")
        ratios.append(ours / min(medians.values()))
    return float(max(ratios))


def _over_flop_counter(results: Mapping[str, Any]) -> float:
    """The median of costlab over that of FlopCounterMode in the same round, on Inception-v3."""
    asked = results["warm"]["Inception-v3"]
    ours, theirs = (turns(asked[name]["samples_s"]) for name in ("costlab", "FlopCounterMode"))
    return float(median(one / other for one, other in zip(ours, theirs, strict=True)))


def turns(samples_s: list[float]) -> list[float]:
    """The median of each turn of a counter, one a round."""
    return [median(samples_s[at : at + TIMED]) for at in range(0, len(samples_s), TIMED)]


def _growth(results: Mapping[str, Any]) -> float:
    """An operation's time in the longest chain over that in the shortest."""
    chains = results["chains"]
    shortest, longest = (
        median(told["costlab_s"]) / told["operations"] for told in (chains[0], chains[-1])
    )
    return float(longest / shortest)


BARS = (
    Bar("`costlab report inception_v3` above `import torch`", _over_import_s, 0.5, "s"),
    Bar("peak memory of an analysis above `import torch`", _over_import_mb, 30, "MB"),
    Bar("torch modules after `costlab --help`", lambda r: float(r["help_imports_torch"]), 0, ""),
    Bar("costlab over FlopCounterMode, Inception-v3", _over_flop_counter, 0.1, "×"),
    Bar("costlab over the fastest peer, at worst", _nearest_peer, 1, "×"),
    Bar("time per operation, longest chain over shortest", _growth, 2, "×"),
)
"""What is to hold; each is printed with its figure."""


def main() -> None:
    """Measures everything, keeps the results, draws the plot and prints the bars."""
    console = Console(stderr=True)
    results: dict[str, Any] = {
        "versions": _environment.versions(PACKAGES),
        "machine": _environment.machine(),
    }
    with console.status("processes") as status:
        # Before torch is imported here: see _startup.
        results["processes_s"] = _startup.times_s(PROCESS_ROUNDS)
        results["peaks_bytes"] = _startup.peaks_bytes(PEAK_ROUNDS)
        results["help_imports_torch"] = _startup.help_imports_torch()
        warnings.simplefilter("ignore")  # the peers' own, of torch.jit and of meta tensors
        results["warm"] = warm(status.update)
        status.update("chains")
        results["chains"] = chains()
    results["bars"] = [judged(bar, results) for bar in BARS]
    _environment.keep(NAME, results)
    plot(results["chains"])
    for told in results["bars"]:
        verdict = "pass" if told["holds"] else "FAIL"
        print(
            f"{verdict}  {told['name']}: {told['value']:.3g} {told['unit']} "
            f"(at most {told['limit']:g})"
        )


def judged(bar: Bar, results: Mapping[str, Any]) -> dict[str, Any]:
    """A bar with its figure and whether it holds."""
    value = bar.figure(results)
    return {
        "name": bar.name,
        "value": value,
        "limit": bar.limit,
        "unit": bar.unit,
        "holds": value <= bar.limit,
    }


def warm(tell: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Each network's analyses: every counter once a round, after a first that is not kept."""
    from benchmarks._counters import COUNTERS, Skipped
    from benchmarks._networks import networks

    found: dict[str, dict[str, Any]] = {}
    for network in networks():
        told: dict[str, Any] = {}
        analyses: dict[str, Callable[[], int]] = {}
        for name, prepare in COUNTERS.items():
            tell(f"{network.name}: {name}")
            try:
                analysis = prepare(network)
                told[name] = {"macs": analysis()}
                analyses[name] = analysis
            except Skipped as refusal:
                told[name] = {"skipped": str(refusal)}
            except Exception as error:  # noqa: BLE001 - another tool's failure is a result
                first = (str(error).strip().splitlines() or [""])[0]
                told[name] = {"skipped": f"{type(error).__name__}: {first}"}
        for name, samples_s in interleaved(analyses, ROUNDS).items():
            told[name]["samples_s"] = samples_s
        found[network.name] = told
    return found


def chains() -> list[dict[str, Any]]:
    """Chains of operations, shorter and longer, each analyzed by costlab and FlopCounterMode."""
    import torch

    import costlab
    from benchmarks._counters import by_costlab, by_flop_counter
    from benchmarks._networks import Network, chain

    found = []
    for length in CHAINS:
        network = Network(f"chain of {length}", partial(chain, length), CHAIN_INPUT)
        report = costlab.analyze(network.on_meta(), torch.empty(CHAIN_INPUT, device="meta"))
        asked = {"costlab": by_costlab(network), "flop_counter": by_flop_counter(network)}
        for analysis in asked.values():
            analysis()
        samples = interleaved(asked, CHAIN_ROUNDS)
        found.append(
            {
                "operations": report.coverage.priced,
                **{f"{name}_s": samples_s for name, samples_s in samples.items()},
            }
        )
    return found


def interleaved(analyses: Mapping[str, Callable[[], object]], rounds: int) -> Samples:
    """The wall time of each analysis, in every round once, each round beginning with another.

    A turn is some analyses in a row, of which the first are not timed: what is timed is a warm
    analysis, whoever ran last.
    """
    samples: Samples = {name: [] for name in analyses}
    names = list(analyses)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            gc.collect()  # so that nobody pays for another's garbage
            for turn in range(UNTIMED + TIMED):
                start_s = time.perf_counter()
                analyses[name]()
                if turn >= UNTIMED:
                    samples[name].append(time.perf_counter() - start_s)
    return samples


def plot(found: list[dict[str, Any]]) -> None:
    """Draws the time per operation against the number of operations; the file is reproducible."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("no plot: pip install 'costlab[bench]' brings matplotlib", file=sys.stderr)
        return
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = NAME
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    counts = [told["operations"] for told in found]
    for key, label in (("flop_counter_s", "FlopCounterMode on meta"), ("costlab_s", "costlab")):
        per_operation_us = [
            [1e6 * sample_s / told["operations"] for sample_s in told[key]] for told in found
        ]
        middle = [median(samples) for samples in per_operation_us]
        (line,) = axes.plot(counts, middle, marker="o", label=label)
        axes.fill_between(
            counts,
            [min(samples) for samples in per_operation_us],
            [max(samples) for samples in per_operation_us],
            color=line.get_color(),
            alpha=0.2,
            linewidth=0,
        )
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("operations in the forward")
    axes.set_ylabel("time per operation, µs")
    axes.legend(loc="center right")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    drawn = io.StringIO()
    figure.savefig(drawn, metadata={"Date": None})
    plt.close(figure)
    # matplotlib ends lines with spaces, which the checks of a commit refuse.
    write_text(PLOT, "\n".join(map(str.rstrip, drawn.getvalue().splitlines())) + "\n")


if __name__ == "__main__":
    main()
