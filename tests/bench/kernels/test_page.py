"""docs/kernels.md says what is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks._gpu_measure import TUNED_ALL_S, TUNED_EACH_S
from costlab.bench.kernels.device import __doc__ as device
from costlab.bench.kernels.tuning import Budget
from costlab.bench.studies import FACTORIZATIONS
from costlab.store import save
from docs import generate
from docs.gpu_results import Results, read
from docs.kernels_page import NEVER, TABLES, ran
from tests.bench.kernels.pages import BATCHES, LINES, PAIRS, RATES, lines_of, scratch_mb
from tests.docs import pretended_gpu

if TYPE_CHECKING:
    from costlab.bench.kernels.work import Lines

PAGE = (Path(__file__).parents[3] / "docs" / "kernels.md").read_text(encoding="utf-8")
KERNELS = ("conv_bn_relu", "partial_sums", "added_bn_relu", "side_by_side", "conv_and_pool",
           "between_in_cache", "between_in_shared")  # fmt: skip


@pytest.mark.parametrize("name", list(TABLES))
def test_the_tables_are_computed(name: str) -> None:
    """The predictions of the page follow from the shapes and the rates that it names."""
    shown = PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0].strip()
    assert shown == TABLES[name]()


def test_the_rates() -> None:
    """The page says of which rates and tiles they are."""
    assert f"{RATES.flops_per_s / 1e12:g} TFLOP/s and {RATES.bytes_per_s / 1e12:g} TB/s" in PAGE
    assert f"tiles of {LINES} lines" in PAGE
    assert f"at most {scratch_mb():.0f} MB" in PAGE


def test_the_time_for_tilings() -> None:
    """The page tells how long choices may take, and in a GPU's study."""
    usual = Budget()
    assert f"ends after {usual.each_s:g} seconds" in PAGE
    assert usual.all_s == 5 * 60
    assert "all of a process together after five minutes" in PAGE
    assert f"gives them {TUNED_EACH_S:g} seconds and {TUNED_ALL_S:g}" in PAGE


def test_every_kernel_is_on_the_page() -> None:
    """Each kernel of the package has its row."""
    assert device
    folder = Path(__file__).parents[3] / "costlab" / "bench" / "kernels" / "device"
    source = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    for name in KERNELS:
        assert f"def {name}(" in source
        assert f"| `{name}` |" in PAGE


def test_every_pair_of_the_study_has_its_roofline() -> None:
    """Each factorization at each batch, in the study's order; none that it does not have."""
    rows = [row.split(" | ") for row in TABLES["pairs"]().splitlines()[2:]]
    shown = [(row[0].removeprefix("| "), int(row[1])) for row in rows]
    names = [pair.variant.name.replace("x", "×").split(", ") for pair in FACTORIZATIONS.pairs]
    wanted = [f"{patches.replace(' ', ' → ')}, {place}" for patches, place in names]
    assert shown == [(name, batch) for name in wanted for batch in BATCHES]


def test_what_gains_from_fusing() -> None:
    """From batch 32 on nothing but pairs at 35×35 gains at the roof, as the page says."""

    def gain(pair: Lines) -> float:
        apart_s = sum(
            max(2 * one.macs / RATES.flops_per_s, one.moved(2) / RATES.bytes_per_s)
            for one in (pair.first, pair.second)
        )
        return apart_s / pair.roof_s(2, RATES)

    large = [(pair.grid, lines_of(pair, batch, LINES)) for pair in PAIRS for batch in BATCHES[1:]]
    assert {grid for grid, pair in large if gain(pair) > 1.01} == {35}
    assert "only pairs at 35×35 that wait for their bytes gain" in PAGE


def test_what_ran_is_generated(tmp_path: Path) -> None:
    """Without a GPU's results nothing ever ran; with some of ours, what ran is told instead."""
    here = read(pretended_gpu.write(tmp_path))
    assert ran([]).startswith(NEVER)
    assert ran([here]).startswith(NEVER)  # of ours it has nothing
    document = here.documents["factorizations"]
    mine = tuple(
        replace(case, variant=replace(case.variant, arm="ours")) for case in document.cases[:3]
    )
    failed = replace(mine[2], comparison=None, variant=replace(mine[2].variant, error="no room"))
    changed = replace(document, cases=(*mine[:2], failed))
    tests = {"passed": 201, "failed": 1, "skipped": 2}
    found = Results("h200", {"factorizations": changed}, session={"correctness": tests})
    text = ran([here, found])
    assert NEVER not in text
    assert "- [Pretended GPU](h200.md): 2 comparisons with a side in the arm `ours`; 1 such" in text
    assert "201 passed, 1 failed and 2 skipped." in text


def test_the_page_is_written_anew_when_there_are_results(tmp_path: Path) -> None:
    """The sentence on the page goes as soon as a GPU's folder holds something of ours."""
    folder = pretended_gpu.write(tmp_path)
    document = read(folder).documents["factorizations"]
    sides = [replace(one, variant=replace(one.variant, arm="ours")) for one in document.cases]
    save(replace(document, cases=tuple(sides)), folder / "factorizations.json")
    assert NEVER in generate.kernels_page([])
    assert NEVER not in generate.kernels_page([folder])
    assert "- [Pretended GPU](pretended.md): " in generate.kernels_page([folder])
