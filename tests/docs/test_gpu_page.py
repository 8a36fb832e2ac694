"""The page of a GPU says what its documents say, and of all else that it was not measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks._gpu_files import AGREED, COUNTED, RECORD
from costlab.store import load, save
from docs import gpu_page
from docs.gpu_answer import answer
from docs.gpu_predictions import savings
from docs.gpu_results import Results, read
from docs.gpu_tables import counters
from tests.bench.predictions import PREDICTIONS
from tests.docs import pretended_gpu

if TYPE_CHECKING:
    from pathlib import Path

    from costlab.bench.document import Measurements, Verdict


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a GPU, without networks, blocks and counters."""
    return pretended_gpu.write(tmp_path_factory.mktemp("results"))


def section(page: str, title: str) -> str:
    """What stands under a heading."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables in a text, but for titles and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rules = {at for at, line in enumerate(lines) if re.match(r"\| :?---", line)}
    kept = [line for at, line in enumerate(lines) if at not in rules and at + 1 not in rules]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in kept]


def points(cell: str) -> float:
    """A number as the page writes it."""
    return float(cell.partition(" ")[0].replace("−", "-"))


def with_verdict(results: Results, verdict: Verdict, ratio: float) -> Results:
    """The results, all of one verdict."""
    found = results.documents["factorizations"]
    cases = [
        replace(case, comparison=pretended_gpu.compared(ratio, verdict)) for case in found.cases
    ]
    return replace(results, documents={"factorizations": replace(found, cases=tuple(cases))})


def test_the_answer_stands_first(folder: Path) -> None:
    """The first section is the short answer."""
    page = gpu_page.page(folder)
    assert page.startswith("# What factorizing saves: Pretended GPU\n")
    assert re.findall(r"^## (.*)$", page, flags=re.MULTILINE)[0] == "The short answer"


@pytest.mark.parametrize(
    ("verdict", "ratio", "said"),
    [
        ("FASTER", 0.7, "saved time wherever it was measured"),
        ("SLOWER", 1.3, "cost time wherever it was measured"),
        ("AMBIGUOUS", 1.0, "it depends on arm, grid and width"),
    ],
)
def test_the_answer_follows_the_verdicts(
    folder: Path, verdict: Verdict, ratio: float, said: str
) -> None:
    """What is said of when it pays is what was found."""
    text = "\n".join(answer(with_verdict(read(folder), verdict, ratio)))
    first = text.splitlines()[0]
    assert said in first
    others = {"saved time wherever", "cost time wherever", "it depends on"}
    assert [other for other in others if other in first and other not in said] == []


def test_the_best_arm_is_named(folder: Path) -> None:
    """What to do: the arm in which most of the promise arrived, of the cases that all arms have."""
    results = read(folder)
    found = results.documents["factorizations"]
    ratios = {"eager": 1.1, "graph": 0.95, "cudnn-fused": 0.75}
    cases = tuple(
        replace(case, comparison=pretended_gpu.compared(ratios[case.variant.arm]))
        for case in found.cases
    )
    results = replace(results, documents={"factorizations": replace(found, cases=cases)})
    (advice,) = [line for line in answer(results)[0].splitlines() if "What to do" in line]
    assert "in `cudnn-fused`" in advice
    assert "not in `eager`" in advice


def test_every_saving_is_on_the_page(folder: Path) -> None:
    """Each case has its cell, with the saving of its comparison."""
    page = section(gpu_page.page(folder), "Each factorization")
    for case in read(folder).main:
        assert case.comparison is not None
        saved = f"{abs(100 * (1 - case.comparison.ratio)):.1f}"
        assert saved in page, case.key
    assert len(re.findall(r"^### ", page, flags=re.MULTILINE)) == 3


def test_explanations_add_up(folder: Path) -> None:
    """The parts of each row are its saving, to the digit; and it is the one that was measured."""
    page = section(gpu_page.page(folder), "Each factorization")
    found = [row for row in rows(page) if len(row) == 12]
    assert len(found) == len(read(folder).main)
    for row in found:
        assert sum(map(points, row[3:9])) == pytest.approx(points(row[9]), abs=1e-9)


def test_predictions_stand_beside_measurements(folder: Path) -> None:
    """Each prediction of a case that was measured has its row, and is judged by sign and size."""
    text, told, *_ = savings(read(folder))
    known = {(p.grid, p.width, p.batch, p.before, p.after) for p in PREDICTIONS}
    pairs = {(35, 64, "5x5", "3x3 3x3"), (35, 64, "3x3", "3x1 1x3"), (17, 192, "7x7", "1x7 7x1")}
    expected = [
        (grid, width, batch)
        for grid, width, before, after in pairs
        for batch in (1, 256)
        if (grid, width, batch, before, after) in known
    ]
    assert len(rows(told)) == len(expected) == 6
    assert text.startswith("Of 12 predictions, ")


def test_a_wrong_prediction_is_counted_as_wrong(folder: Path) -> None:
    """The guard can fail: if all is slower, no prediction of a saving has the right sign."""
    slower = with_verdict(read(folder), "SLOWER", 3.0)
    shown = [row for row in rows(savings(slower)[1]) for at in (3, 5) if points(row[at]) < 0]
    assert f"{len(shown)} had the right sign and 0 were within" in savings(slower)[0]


def test_what_is_missing_is_said(folder: Path) -> None:
    """Of networks, blocks and counters there is nothing, and the page says so in each place."""
    page = gpu_page.page(folder)
    for title in (
        "Blocks of Inception-v3",
        "Blocks of other networks",
        "Whole networks",
        "Hardware counters",
    ):
        assert section(page, title).strip().endswith("Not yet measured.")
    assert "The tests that need a GPU: not yet run." in page
    empty = gpu_page.written(Results("none", {}))
    assert section(empty, "The short answer").strip() == "Not yet measured."


def test_networks_are_shown_when_they_are_there(tmp_path: Path) -> None:
    """A network has its row, and nothing is then called missing."""
    page = gpu_page.page(pretended_gpu.write(tmp_path, networks=True))
    (row,) = rows(section(page, "Whole networks"))
    assert row[:4] == ["googlenet", "`graph`", "1", "`eager`"]


def test_the_power_cap_is_told(folder: Path) -> None:
    """That samples at the power limit were kept is said, with how many comparisons met it."""
    page = section(gpu_page.page(folder), "How it was measured")
    assert "“software power cap” were kept" in page
    assert "under 50.0 % of base" in page
    assert "the clock was held down: software power cap in 20" in page
    assert "1500 to 1980 MHz" in page


def test_what_failed_is_told(folder: Path, tmp_path: Path) -> None:
    """A case that could not be measured stands with its reason, and in no table."""
    results = read(folder)
    found = results.documents["factorizations"]
    broken = replace(
        found.cases[0],
        comparison=None,
        variant=replace(found.cases[0].variant, samples_s=(), clock_mhz=None, error="no room"),
    )
    document: Measurements = replace(found, cases=(broken, *found.cases[1:]), complete=False)
    save(document, tmp_path / "factorizations.json")
    page = gpu_page.page(tmp_path)
    assert f"- `{broken.key}`: no room" in page
    assert "Not complete: `factorizations`" in page


def test_counters_are_weighed_by_time() -> None:
    """A side's share is that of its kernels by their time; its rate is all bytes over all time."""
    kernels = [
        {"time_s": 3e-6, "read_bytes": 2e6, "written_bytes": 1e6, "tensor_pipe": 0.8},
        {"time_s": 1e-6, "read_bytes": 1e6, "written_bytes": None, "tensor_pipe": 0.0},
    ]
    found = counters(Results("x", {}, counted={"sides": {"one": {"kernels": kernels}}}))
    (row,) = rows(found)
    assert row[1:5] == ["2", "4.00 µs", "4.0 MB", "1000 GB/s"]
    assert row[6] == "60.0 %"


def test_other_files_are_read_too(tmp_path: Path, folder: Path) -> None:
    """All that a study writes beside its documents; what the memory checker said is on the page."""
    save(load(folder / "factorizations.json"), tmp_path / "factorizations.json")
    told = {"passed": 44, "failed": 0, "skipped": 0, "sanitizer": {"cases": {"5x5": "clean"}}}
    (tmp_path / RECORD).write_text(json.dumps({"correctness": told}), encoding="utf-8")
    chosen = {"runs": [{"5x5 · eager · b256": [["a kernel", 1]]}], "batch": 256}
    (tmp_path / AGREED).write_text(json.dumps(chosen), encoding="utf-8")
    (tmp_path / COUNTED).write_text(json.dumps({"sides": {}}), encoding="utf-8")
    page = gpu_page.page(tmp_path)
    assert "44 passed, 0 failed, 0 skipped" in page
    assert "The memory checker on kernels of our own: 5x5: clean." in page


def test_tests_that_were_not_run_are_told(tmp_path: Path, folder: Path) -> None:
    """Where they could not be, the page says why, and gives no counts of what was not run."""
    save(load(folder / "factorizations.json"), tmp_path / "factorizations.json")
    told = {"passed": 0, "failed": 0, "skipped": 0, "why": "pytest is not installed"}
    (tmp_path / "session.json").write_text(json.dumps({"correctness": told}), encoding="utf-8")
    page = gpu_page.page(tmp_path)
    assert "The tests that need a GPU: not run, pytest is not installed." in page
    assert "0 passed" not in page


def test_pictures_are_the_same_twice(folder: Path) -> None:
    """Drawn again, a picture is the same, so that a stale one can be told."""
    first = gpu_page.pictures(folder)
    assert first == gpu_page.pictures(folder)
    assert set(first) == {"pretended-savings.svg", "pretended-roofline.svg"}
    assert all(f"images/{name}" in gpu_page.page(folder) for name in first)
