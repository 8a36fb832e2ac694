"""The scoreboard page, from `benchmarks/results/scoreboard.json`.

It asks no counter: every figure is counted from what is kept there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import geometric_mean, median
from typing import TYPE_CHECKING, Any

from costlab.units import exact, ratio, seconds
from docs.parts import NOTICE, table, versions_in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OURS = "costlab"
MB = 1_000_000
NEAR = 0.01
EXACT, NAMED, NEARLY, OFF, SILENT, CRASHED = KINDS = (
    "exact",
    "bound",
    "within 1 %",
    "off",
    "zero",
    "failed",
)
"""What may come of a case, from best to worst."""
MEANING = {
    EXACT: "to the integer",
    NAMED: "less than the truth, and the counter says itself that a contraction is missing",
    NEARLY: "within one per cent of the truth, and not exact",
    OFF: "off by more, without a word",
    SILENT: "nothing counted where there is something, without a word",
    CRASHED: "it raised, or was not done in its time",
}

Case = dict[str, Any]
Took = Callable[[Mapping[str, Any]], float]


def outcome(case: Mapping[str, Any]) -> str:
    """What came of a case.

    >>> outcome({"macs": 0, "truth": 5, "named": False}), outcome({"macs": 5, "truth": 5})
    ('zero', 'exact')
    """
    if "error" in case:
        return CRASHED
    macs, truth = case["macs"], case["truth"]
    if macs == truth:
        return EXACT
    if case["named"] and macs < truth:
        return NAMED
    if macs == 0:
        return SILENT
    return NEARLY if truth and abs(macs / truth - 1) <= NEAR else OFF


def page(results: Mapping[str, Any]) -> str:
    """The page as Markdown: the count of each outcome, then each model, then each operation."""
    counters = results["counters"]
    ours = counters[OURS]["cases"]
    models = sum(1 for case in ours if case["group"] == "models")
    return "\n\n".join([
        "# The scoreboard of counters",
        NOTICE,
        (
            f"Each counter that installs beside this torch is asked for the multiply-adds of "
            f"{models} models and {len(ours) - models} single operations whose answer is known: "
            "from a formula in the sizes that they are built from, or a naive loop over the "
            "outputs of their modules. No counter has a part in the answers. Every case runs in a "
            "process of its own, on the CPU in eval mode, without gradients where the counter "
            "leaves the choice, and at least three times, up to thirty within half a second: the "
            "first is told apart."
        ),
        _setting(results),
        "## In all",
        "\n".join(f"- **{kind}**: {meaning}." for kind, meaning in MEANING.items()),
        _counts(counters),
        together(counters),
        fastest(counters),
        fastest(counters, first_s),
        on_operations(counters),
        (
            "A counter that adds biases, normalizations or activations to the multiply-adds is "
            "off by that, in a convention of its own; `costlab explain MODEL` gives the terms. "
            "What a convention does not explain is in the two tables below: attention, recurrent "
            "layers, functions without a module, transposed convolutions."
        ),
        "## Models",
        (
            "What each counter says over the truth; an empty place is exact, “0” nothing at all, "
            "“≥” a bound that says so."
        ),
        *_matrix(counters, "models"),
        "### Time and memory",
        (
            "The median of all analyses but the first, and the most memory above what the process "
            "had before. A dash: it failed. *At first* is the first analysis in a process that has "
            "asked the counter about a linear layer, and about nothing else."
        ),
        (
            "On the smallest models a counter that only hooks the modules and runs them has less "
            "to do than one that leaves the model as it was, random states and settings too."
        ),
        beside(counters, "models"),
        _times(counters),
        "## Operations",
        *_matrix(counters, "operations"),
        "### Time",
        (
            "The same of single operations, where next to nothing is to be counted: this is what a "
            "counter takes before it counts."
        ),
        beside(counters, "operations"),
    ]) + "\n"  # fmt: skip


def _setting(results: Mapping[str, Any]) -> str:
    machine = results["machine"]
    versions = versions_in_words(results["versions"])
    return (
        f"Measured on {machine['cores']} cores of a processor that calls itself {machine['cpu']}, "
        f"with {versions}; repeat it with `python benchmarks/scoreboard.py`. The samples are in "
        "`benchmarks/results/scoreboard.json`."
    )


def _counts(counters: Mapping[str, Any]) -> str:
    rows = []
    for name, told in counters.items():
        kinds = [outcome(case) for case in told["cases"]]
        version = told["version"].partition("+")[0].partition(".post")[0]
        rows.append((f"{name} {version}", *(str(kinds.count(kind) or "") for kind in KINDS)))
    rows.sort(key=lambda row: -int(row[1] or 0))
    return table(("counter", *KINDS), rows)


def _matrix(counters: Mapping[str, Any], group: str) -> list[str]:
    """A row a case, a column a counter."""
    names = list(counters)
    cases = {
        name: {case["case"]: case for case in told["cases"] if case["group"] == group}
        for name, told in counters.items()
    }
    rows = [
        (case, exact(told["truth"]), *(_over(cases[name][case]) for name in names))
        for case, told in cases[OURS].items()
    ]
    return [table(("", "multiply-adds", *names), rows)]


def _over(case: Case) -> str:
    """A count beside the truth, in as few characters as will do."""
    kind = outcome(case)
    if kind == CRASHED:
        return "failed"
    if kind == EXACT:
        return ""
    if case["macs"] == 0:
        return "≥0" if kind == NAMED else "0"
    over = f"{case['macs'] / case['truth']:.3g}×" if case["truth"] else f"+{case['macs']:,}"
    return f"≥{over}" if kind == NAMED else over


def _times(counters: Mapping[str, Any]) -> str:
    names = list(counters)
    rows: list[Sequence[str]] = []
    for position, case in enumerate(_of(counters[OURS]["cases"], "models")):
        cells = [_spent(_of(counters[name]["cases"], "models")[position]) for name in names]
        rows.append((case["case"], *cells))
    return table(("", *names), rows)


def first_s(case: Mapping[str, Any]) -> float:
    """What the first analysis took, in seconds."""
    return float(case["took_s"][0])


def again_s(case: Mapping[str, Any]) -> float:
    """What an analysis took after the first, in seconds, at the median."""
    return float(median(case["took_s"][1:]))


def fastest(counters: Mapping[str, Any], took_s: Took = again_s) -> str:
    """In a sentence, on how many models no counter that counts them right is faster than ours."""
    ours = _of(counters[OURS]["cases"], "models")
    quicker = [
        f"{case['case']} ({name}, in {share:.2g} of the time)"
        for case, (name, share) in zip(ours, _quickest(counters, "models", took_s), strict=True)
        if name != OURS
    ]
    told = (
        "In the first analysis of a process it is the fastest on "
        if took_s is first_s
        else "Of the counters that are exact on a model, costlab is the fastest on "
    ) + f"{len(ours) - len(quicker)} of {len(ours)}"
    return f"{told}; elsewhere another one is: {', '.join(quicker)}." if quicker else f"{told}."


def together(counters: Mapping[str, Any]) -> str:
    """In a sentence, what all models together take ours, and the fastest that has done them all."""
    models = {name: _of(told["cases"], "models") for name, told in counters.items()}
    took_s = {
        name: sum(map(again_s, cases))
        for name, cases in models.items()
        if all("took_s" in case for case in cases)
    }
    ours = took_s.pop(OURS)
    told = f"All models together take costlab {seconds(ours)}"
    if not took_s:
        return f"{told}."
    name = min(took_s, key=took_s.__getitem__)
    return (
        f"{told}; of the others that have an answer for each, right or wrong, the fastest is "
        f"{name} with {seconds(took_s[name])}."
    )


def on_operations(counters: Mapping[str, Any]) -> str:
    """In a sentence, the same of single operations, and who is mostly faster there."""
    ours = _of(counters[OURS]["cases"], "operations")
    names = [name for name, _ in _quickest(counters, "operations", again_s)]
    others = sorted({*names} - {OURS}, key=lambda name: (-names.count(name), name))
    took_s = [again_s(case) for case in ours if "took_s" in case]
    told = (
        f"On single operations it is the fastest on {names.count(OURS)} of {len(ours)}: with next "
        f"to nothing to count its analysis takes {seconds(median(took_s))} at the median"
    )
    listed = ", ".join(f"{name} ({names.count(name)})" for name in others)
    return f"{told}; on the others the fastest is {listed}." if others else f"{told}."


def _quickest(counters: Mapping[str, Any], group: str, took_s: Took) -> list[tuple[str, float]]:
    """By case, the fastest of those that are exact, and its time over ours; ours if none is."""
    found = []
    for position, case in enumerate(_of(counters[OURS]["cases"], group)):
        exact_ones = {
            name: took_s(other)
            for name, told in counters.items()
            if outcome(other := _of(told["cases"], group)[position]) == EXACT
        }
        name = min(exact_ones, key=exact_ones.__getitem__, default=OURS)
        own = took_s(case) if "took_s" in case else 0.0
        if name == OURS or (own and exact_ones[name] >= own):
            found.append((OURS, 1.0))
        else:
            found.append((name, exact_ones[name] / own if own else 0.0))
    return found


def beside(counters: Mapping[str, Any], group: str) -> str:
    """A row a counter: its time over ours, on the cases of a group that both count right.

    Units: times are seconds, medians of a case's analyses but the first; their mean is geometric.
    """
    ours = _of(counters[OURS]["cases"], group)
    rows = []
    for name, told in counters.items():
        both = [
            (again_s(case), again_s(own), first_s(case), first_s(own))
            for case, own in zip(_of(told["cases"], group), ours, strict=True)
            if outcome(case) == outcome(own) == EXACT
        ]
        if name == OURS or not both:
            continue
        theirs, own_s, at_first, own_at_first = (sum(times) for times in zip(*both, strict=True))
        mean = geometric_mean(one / other for one, other, *_ in both)
        slower = sum(1 for one, other, *_ in both if one > other)
        rows.append((
            name, f"{len(both)} of {len(ours)}", f"{slower} of {len(both)}",
            seconds(theirs), seconds(own_s), ratio(theirs / own_s), ratio(mean),
            ratio(at_first / own_at_first),
        ))  # fmt: skip
    rows.sort(key=lambda row: -int(row[1].split()[0]))
    heads = (
        "counter", "both exact on", "costlab faster on", "its time for these", "costlab's",
        "in all", "mean ratio", "in all, at first",
    )  # fmt: skip
    return table(heads, rows)


def _of(cases: Iterable[Case], group: str) -> list[Case]:
    return [case for case in cases if case["group"] == group]


def _spent(case: Case) -> str:
    if "error" in case:
        return "—"
    return f"{seconds(again_s(case))}, {case['peak_bytes'] / MB:.0f} MB"
