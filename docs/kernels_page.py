"""The generated parts of docs/kernels.md: its tables, and whether a GPU ever ran the kernels.

Knows no kernel: the tables follow from shapes and rates, the rest from what is kept of each GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.gpu_results import read
from docs.gpu_words import name_of
from tests.bench.kernels.pages import in_parts, singles, table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from docs.gpu_results import Results

OURS = "ours"
TABLES = {"pairs": table, "launches": singles, "parts": in_parts}
NEVER = (
    "**Nothing on this page ever ran on a GPU**: no kernel, no tuning of a tiling, no CUDA graph "
    "of launches, no programmatic dependent launch, and none of the tests that are marked `gpu`."
)
PREDICTED = (
    "What is below says what the kernels compute and move, and what a roofline predicts of them; "
    "no time on this page was measured"
)


def parts(folders: Iterable[Path]) -> dict[str, str]:
    """What stands between the markers of the page, by their names."""
    return {"ran": ran([read(folder) for folder in folders])} | {
        name: made() for name, made in TABLES.items()
    }


def ran(results: Iterable[Results]) -> str:
    """On which GPUs the kernels ran, and what of it is kept.

    >>> print(ran([]).splitlines()[0][:46])
    **Nothing on this page ever ran on a GPU**: no
    """
    lines = [line for line in map(_on, results) if line]
    if not lines:
        return f"{NEVER}\n{PREDICTED}."
    return "\n".join(
        ("The kernels ran on:", "", *lines, "", f"{PREDICTED}: the pages of the GPUs have those.")
    )


def _on(results: Results) -> str:
    """A line of a GPU; "" if nothing of ours ever ran there."""
    cases = [
        case
        for name in results.documents
        for case in results.of(name)
        if OURS in (case.baseline.arm, case.variant.arm)
    ]
    compared = sum(case.comparison is not None for case in cases)
    failed = sum(bool(case.error) for case in cases)
    tests = results.session.get("correctness", {})
    said = []
    if compared:
        said.append(f"{compared} comparisons with a side in the arm `{OURS}`")
    if failed:
        said.append(f"{failed} such comparisons failed")
    if tests.get("passed") or tests.get("failed"):
        said.append(
            f"of the tests that are marked `gpu` {tests.get('passed', 0)} passed, "
            f"{tests.get('failed', 0)} failed and {tests.get('skipped', 0)} skipped"
        )
    if not said:
        return ""
    return f"- [{name_of(results.environment)}]({results.name}.md): {'; '.join(said)}."
