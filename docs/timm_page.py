"""The page on timm's models, from `benchmarks/results/timm.json`.

It analyzes nothing: every figure is counted from what is kept there.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from costlab.units import exact, percent, seconds
from docs.parts import NOTICE, table, versions_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOWEST = 10
PLACES = 3

Told = dict[str, Any]


def page(results: Mapping[str, Any]) -> str:
    """The page as Markdown: what was counted, what took longest, where counters differ."""
    models: dict[str, Told] = results["models"]
    counted = {name: told for name, told in models.items() if "macs" in told}
    return "\n\n".join([
        "# Every model of timm",
        NOTICE,
        (
            f"All {len(models):,} models that timm registers, built without weights, analyzed at "
            "the input size of their own configuration, batch 1, in eval mode; beside each the "
            "multiply-adds that torch's FlopCounterMode counts on meta tensors."
        ),
        _setting(results),
        "## In all",
        _summary(models, counted),
        "## Where FlopCounterMode counts otherwise",
        *_differences(counted),
        "## Not analyzed, or not in full",
        *_gaps(models, counted),
        f"## The {SLOWEST} that take longest",
        *_slowest(counted, results.get("slowest", {})),
    ]) + "\n"  # fmt: skip


def _setting(results: Mapping[str, Any]) -> str:
    machine = results["machine"]
    return (
        f"Measured on {machine['cores']} cores of a processor that calls itself {machine['cpu']}, "
        f"with {versions_in_words(results['versions'])}; repeat it with "
        "`python benchmarks/timm_sweep.py`. The samples are in `benchmarks/results/timm.json`."
        f"{_duration(results)}"
    )


def _duration(results: Mapping[str, Any]) -> str:
    """How long the sweep itself took, if that is kept."""
    if not results.get("swept_s"):
        return ""
    return (
        f" The whole sweep took {seconds(results['swept_s'])} on these cores, a process on each: "
        "to build each model, to analyze it four times, to derive FlopCounterMode's figure, and to "
        "ask it."
    )


def _summary(models: Mapping[str, Told], counted: Mapping[str, Told]) -> str:
    whole = [told for told in counted.values() if not told["unknown"]]
    asked = [told for told in counted.values() if "macs" in told["flop_counter"]]
    same = [told for told in asked if told["flop_counter"]["macs"] == told["macs"]]
    ours = sum(median(told["samples_s"]) for told in counted.values())
    both = [(median(t["samples_s"]), t["flop_counter"]["flop_counter_s"]) for t in asked]
    ratios = sorted(theirs / mine for mine, theirs in both)
    return "\n".join([
        (f"- {len(counted):,} of {len(models):,} analyzed, {len(whole):,} of them without an "
        "unknown operation."),
        (f"- {len(same):,} equal to FlopCounterMode to the integer; of "
        f"{len(asked) - len(same):,} the difference is explained below."),
        (f"- All analyses together take {seconds(ours)}, one after the other (the median of three "
        "of each model); FlopCounterMode takes "
        f"{seconds(sum(theirs for _, theirs in both))} for the {len(both):,} that it counts, "
        f"{median(ratios):.3g} times as long at the median."),
    ])  # fmt: skip


def _differences(counted: Mapping[str, Told]) -> list[str]:
    """Each model that FlopCounterMode counts otherwise, with the terms of the difference."""
    rows = []
    for name, told in counted.items():
        theirs = told["flop_counter"].get("macs")
        if theirs is None or theirs == told["macs"]:
            continue
        why = "; ".join(f"{reason} ({amount:+,})" for reason, amount in told["terms"])
        derived = theirs == told["derived"]
        rows.append((
            f"`{name}`", exact(told["macs"]), f"{theirs - told['macs']:+,}",
            why if derived else f"**not explained**: {why or 'no rule says so'}",
        ))  # fmt: skip
    if not rows:
        return ["Nowhere: where it counts, it counts the same."]
    return [table(("model", "multiply-adds", "FlopCounterMode more", "why"), rows, text_from=3)]


def _gaps(models: Mapping[str, Told], counted: Mapping[str, Told]) -> list[str]:
    """What could not be built, what stopped, what is unknown, and where torch's counter failed."""
    lists = {
        "Not built": {n: t["error"] for n, t in models.items() if "error" in t},
        "Stopped": {n: t["stopped"] for n, t in models.items() if "stopped" in t},
        "With an unknown operation": {
            n: ", ".join(f"{op} ({calls})" for op, calls in t["unknown"])
            for n, t in counted.items()
            if t["unknown"]
        },
        "Counted by costlab, and not by FlopCounterMode": {
            n: t["flop_counter"]["error"]
            for n, t in counted.items()
            if "error" in t["flop_counter"]
        },
    }
    parts = []
    for title, found in lists.items():
        if found:
            reasons: dict[str, list[str]] = {}
            for name, why in found.items():
                reasons.setdefault(_plain(why), []).append(f"`{name}`")
            told = [f"- {', '.join(names)}: {why}" for why, names in reasons.items()]
            parts.append("\n".join([f"{title} ({len(found)}):", "", *told]))
    return parts or ["None."]


def _plain(text: str) -> str:
    """A message within Markdown."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _slowest(counted: Mapping[str, Told], why: Mapping[str, Told]) -> list[str]:
    """The models whose analysis takes longest, and what it was found at when it was looked at."""
    ranked = sorted(counted.items(), key=lambda item: -median(item[1]["samples_s"]))[:SLOWEST]
    heads = ["model", "an analysis", "operations", "an operation"]
    rows = [
        (
            f"`{name}`",
            seconds(median(told["samples_s"])),
            exact(told["operations"]),
            seconds(median(told["samples_s"]) / told["operations"]),
            *(_reasons(why.get(name, {})) if why else ()),
        )
        for name, told in ranked
    ]
    usual = median(median(t["samples_s"]) / t["operations"] for t in counted.values())
    most = median(told["operations"] for told in counted.values())
    said = (
        f"The median of all models is {exact(round(most))} operations, and {seconds(usual)} for "
        "one. "
    )
    if why:
        heads += ["where its time goes", "what it has much of"]
        said += (
            f"Where the time goes is what an analysis was at when its stack was looked at, the "
            f"{PLACES} most frequent; an operation without a rule of its own would stand there "
            f"with the words “kernel by kernel”."
        )
    return [table(heads, rows, text_from=4), said.strip()]


def _reasons(why: Told) -> tuple[str, str]:
    """Both columns on a model; empty if it could not be looked at."""
    return (_where(why), _much(why)) if "where" in why else ("", "")


def _where(why: Told) -> str:
    """The places at which an analysis was found most often, with their share of all looks."""
    found = why["where"]
    looks = sum(found.values())
    most = sorted(found, key=lambda place: -found[place])[:PLACES]
    return ", ".join(f"{place} {percent(found[place] / looks, 0)}" for place in most)


def _much(why: Told) -> str:
    """The operations that a model calls most often, and its modules and weights."""
    calls = why["calls"]
    most = sorted(calls, key=lambda op: -calls[op])[:PLACES]
    listed = ", ".join(f"{exact(calls[op])} {op}" for op in most)
    return f"{listed}; {exact(why['modules'])} modules, {exact(why['weights'])} weights and buffers"
