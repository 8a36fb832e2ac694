"""The page of a GPU: what each factorization saves there, when, and why.

Made of what is kept in `benchmarks/results/NAME/`; what is not there is said to be missing.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from benchmarks._gpu_parts import LEFT_OUT
from costlab.render.plots import latency_svg, roofline_svg
from costlab.units import percent, scale_bytes, scale_count, seconds
from docs import gpu_kernels, gpu_predictions, gpu_tables
from docs.gpu_answer import NOT_YET, answer
from docs.gpu_results import REFERENCE, STUDIES, read
from docs.gpu_words import name_of, saving
from docs.parts import NOTICE, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from costlab.bench.document import Ceilings, Measurements
    from docs.gpu_results import Results

VERSIONS = ("driver", "cuda", "cudnn", "torch", "triton", "python")


def page(folder: Path) -> str:
    """The page of the results in a folder, as Markdown."""
    return written(read(folder))


def written(results: Results) -> str:
    """The page of some results."""
    device = name_of(results.environment)
    parts = [
        f"# What factorizing saves: {device}",
        NOTICE,
        (
            f"Which factorized convolutions save time on {device}, how much of what their "
            "multiply-adds promise, and why. [How it is measured](bench.md) is told apart."
        ),
        "## The short answer",
        *answer(results),
        *_pictured(results),
        "## Each factorization",
        (
            "Savings in per cent, of multiply-adds and of time, with 95 % intervals; minus is "
            "slower, = the same within the noise, ? not told apart. Below each, why: in points of "
            "the baseline's time, each row adding up to the saving."
        ),
        *gpu_tables.families(results),
        "## Kernels of our own",
        *gpu_kernels.section(results),
        "## What was predicted",
        *gpu_predictions.section(results),
        "## Under other conditions",
        *gpu_tables.others(results),
        "## Blocks of Inception-v3",
        gpu_tables.whole(results, "blocks"),
        "## Blocks of other networks",
        gpu_tables.whole(results, "network-blocks"),
        "## Whole networks",
        gpu_tables.whole(results, "networks"),
        "## Hardware counters",
        (
            "By Nsight Compute, at the clocks that the GPU had; it runs a kernel several times and "
            "empties caches before, so that its times are not those above."
        ),
        gpu_tables.counters(results),
        "## How it was measured",
        *_measured(results),
    ]
    return "\n\n".join(parts) + "\n"


def pictures(folder: Path) -> dict[str, str]:
    """The pictures of the page as SVG, by the name of the file; none if there is nothing to draw.

    Raises:
        UsageError: matplotlib is not installed.
    """
    results = read(folder)
    drawn = _drawn(results)
    if drawn is None:
        return {}
    return {
        f"{results.name}-savings.svg": latency_svg(drawn),
        f"{results.name}-roofline.svg": roofline_svg(drawn),
    }


def _drawn(results: Results) -> Measurements | None:
    """What has room in a picture: factorizations of the largest batch, as the page tells first."""
    found = results.documents.get(STUDIES[0])
    cases = [case for case in results.main if found and case in found.cases]
    if found is None or found.ceilings is None or not cases:
        return None
    largest = max(case.batch for case in cases)
    return replace(found, cases=tuple(case for case in cases if case.batch == largest))


def _pictured(results: Results) -> Iterator[str]:
    drawn = _drawn(results)
    if drawn is not None:
        batch = drawn.cases[0].batch
        yield f"![What is saved of multiply-adds and of time](images/{results.name}-savings.svg)"
        yield f"![Each side on the roofline](images/{results.name}-roofline.svg)"
        yield f"Batch {batch}: what each factorization saves, and where it stands on the roofline."


def _measured(results: Results) -> list[str]:
    return [
        *_machine(results),
        *_correct(results),
        "### Noise",
        _noise(results),
        "### Ceilings",
        _ceilings(results),
        "### Clocks and samples",
        *_clocks(results),
        "### What was left out on purpose",
        "\n".join(f"- {what}: {why}." for what, why in LEFT_OUT.items()),
        *_remarks(results),
    ]


def _machine(results: Results) -> Iterator[str]:
    environment = results.environment
    known = [f"{name} {environment[name]}" for name in VERSIONS if environment.get(name)]
    limit = environment.get("power_limit_w")
    power = f", power limit {limit:.0f} W" if isinstance(limit, int | float) else ""
    yield f"{name_of(environment)}, {', '.join(known)}{power}; clocks: {environment.get('clocks')}."


def _correct(results: Results) -> Iterator[str]:
    found = results.session.get("correctness")
    if not found:
        yield "The tests that need a GPU: not yet run."
        return
    counts = ", ".join(f"{found.get(name, 0)} {name}" for name in ("passed", "failed", "skipped"))
    why = found.get("why")
    yield f"The tests that need a GPU: {f'not run, {why}' if why else counts}."
    sanitizer = found.get("sanitizer", {})
    if sanitizer.get("cases"):
        told = ", ".join(f"{name}: {said}" for name, said in sanitizer["cases"].items())
        yield f"The memory checker on kernels of our own: {told}."
    elif sanitizer.get("why"):
        yield f"The memory checker was not run: {sanitizer['why']}."


def _noise(results: Results) -> str:
    found = results.documents.get(REFERENCE)
    compared = [case for case in found.cases if case.comparison] if found else []
    if not compared:
        return NOT_YET
    rows = [
        (case.pair, f"`{case.variant.arm}`", case.batch, saving(case.comparison))
        for case in compared
        if case.comparison
    ]
    return (
        "Each of these arms was compared with itself; the widest interval is the noise floor of "
        "all verdicts.\n\n"
        + table(("identical arms", "arm", "batch", "saving, %"), rows, numeric_from=2)
    )


def _ceilings(results: Results) -> str:
    found = next((one.ceilings for one in results.documents.values() if one.ceilings), None)
    return NOT_YET if found is None else table(("ceiling", "measured"), _rates(found))


def _rates(found: Ceilings) -> Iterator[tuple[str, str]]:
    for name, rate in found.flops_per_s.items():
        yield f"matrix product, {name}", str(scale_count(round(rate), unit="FLOP/s"))
    yield "copy", str(scale_count(round(found.copy_bytes_per_s), unit="B/s"))
    cache = scale_bytes(found.cache_bytes)
    yield (
        f"copy in a cache of {cache}",
        str(scale_count(round(found.cache_bytes_per_s), unit="B/s")),
    )
    yield "launch of a kernel", seconds(found.launch_s)
    if found.graph_node_s is not None:
        yield "node of a graph", seconds(found.graph_node_s)


def _clocks(results: Results) -> Iterator[str]:
    cases = [case for found in results.documents.values() for case in found.cases]
    timed = [case for case in cases if case.comparison]
    if not timed:
        yield NOT_YET
        return
    clocks = [
        clock
        for case in timed
        for timing in (case.baseline, case.variant)
        for clock in timing.clock_mhz or ()
    ]
    if clocks:
        yield (
            f"The clock of the processors, after each sample: {min(clocks):.0f} to "
            f"{max(clocks):.0f} MHz, median {median(clocks):.0f}. Nobody held it."
        )
    plan = results.environment.get("plan", {})
    tolerated = plan.get("tolerated") or ()
    if tolerated:
        yield (
            f"**Samples taken while the clock was held down for “{', '.join(tolerated)}” were "
            "kept:** a large GPU under matrix products runs at its power limit, and without them "
            "little would be left. Both sides of a pair were timed in turn, so that their ratio "
            "holds; absolute times are those of a board at its limit. A block was dropped for any "
            f"other reason, or a clock under {percent(plan.get('clock_share', 0))} of base."
        )
    held: dict[str, int] = {}
    for case in timed:
        for reason in case.throttled:
            held[reason] = held.get(reason, 0) + 1
    told = ", ".join(f"{reason} in {count}" for reason, count in held.items()) or "in none"
    yield f"Of {len(timed)} comparisons, the clock was held down: {told}."
    pairs = [case.comparison.pairs for case in timed if case.comparison]
    late = sum(case.comparison.stopped == "time limit" for case in timed if case.comparison)
    yield (
        f"Pairs of samples: {min(pairs)} to {max(pairs)} a comparison, median {median(pairs):.0f}; "
        f"{late} comparisons ended at their time limit, before their interval was as narrow as "
        f"asked (±{percent(plan.get('half_width', 0))})."
    )


def _remarks(results: Results) -> Iterator[str]:
    """What failed, what is missing, and the notes of the runs."""
    failed = [
        f"- `{case.key}`: {case.error}"
        for found in results.documents.values()
        for case in found.cases
        if case.error
    ]
    yield "### What could not be measured"
    yield "\n".join(failed) or "Nothing failed."
    missing = [f"`{name}`" for name, found in results.documents.items() if not found.complete]
    if missing:
        yield f"Not complete: {', '.join(missing)}; cases of the plan are still to be measured."
    notes = dict.fromkeys(note for found in results.documents.values() for note in found.notes)
    if notes:
        yield "\n".join(f"- {note}" for note in notes)
