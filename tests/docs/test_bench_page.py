"""The page on measuring holds what its result says, and nothing of what was not measured."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from costlab.bench import backends
from costlab.bench.document import Measurements
from costlab.bench.plan import QUICK, Plan
from costlab.bench.saved import plain
from costlab.bench.studies import FACTORIZATIONS, STUDIES
from costlab.bench.study import ARMS, REGIMES, without_threads
from costlab.bench.studyfile import parsed
from costlab.cli import main
from costlab.errors import UsageError
from docs import bench_page, bench_studyfile, generate
from docs.bench_cpu import DOCUMENTS, Kept
from tests.bench import pretended
from tests.docs import pretended_gpu

if TYPE_CHECKING:
    from pathlib import Path

KEPT = generate.RESULTS / DOCUMENTS[0].file
THERE = [document for document in DOCUMENTS if (generate.RESULTS / document.file).exists()]
"""The documents of a CPU that were measured."""


def result() -> dict[str, Any]:
    """The result of a CPU that is kept."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def parts(page: str) -> dict[str, float]:
    """The worked example: each part of the saving, in points."""
    rows = re.findall(r"^\| ([\w *-]+?) \| ([+−]?[\d.]+) \| \S", page, flags=re.MULTILINE)
    return {name.strip("* "): float(value.replace("−", "-")) for name, value in rows}


def test_the_worked_example_adds_up() -> None:
    """The parts of the example are the saving, but for what each was rounded."""
    found = parts(bench_page.page(result()))
    saving = found.pop("saving")
    assert len(found) == len(bench_page.PARTS)
    assert sum(found.values()) == pytest.approx(saving, abs=0.05 * len(found) + 0.06)


def test_every_arm_and_regime_is_told() -> None:
    """Whatever a case may be measured in, the page says what it is."""
    page = bench_page.page(result())
    assert [arm for arm in ARMS if f"\n| {arm} |" not in page] == []
    assert [regime for regime in REGIMES if f"*{regime}*" not in page] == []


def test_the_protocol_is_that_of_the_plan() -> None:
    """Limits on the page are those of the code."""
    page = bench_page.page(result())
    plan = Plan()
    assert f"At least {plan.min_pairs} pairs" in page
    assert f"or {plan.limit_s:g} s are over" in page


def test_the_cpu_is_named() -> None:
    """The result says which CPU it is of; it is complete, and compared identical arms."""
    found = Measurements.from_dict(result())
    assert f"## On a CPU: {found.environment['cpu']}" in bench_page.page(result())


@pytest.mark.parametrize("document", THERE, ids=[document.file for document in THERE])
def test_what_is_kept_was_measured_as_it_is_now(document: Kept) -> None:
    """Each document is complete, of a CPU, by today's plan, and each case has its flags.

    Its identical arms are no further apart than their own interval: nothing else was measured.
    """
    found = document.read(generate.RESULTS)
    assert found is not None
    assert found.study == document.study
    assert found.environment["device"] == "cpu"
    assert found.environment["plan"] == plain(asdict(QUICK))
    assert found.complete
    assert found.null is not None
    assert found.null.low <= 1 <= found.null.high
    assert all(case.flags for case in found.cases)
    page = bench_page.page(result())
    assert f"### `{document.study}`\n\n`{document.command}`\n\n" in page


def test_the_first_document_is_there() -> None:
    """The page cannot be made without it."""
    assert DOCUMENTS[0] in THERE
    assert {document.study for document in DOCUMENTS} == set(STUDIES)


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    """A study without a document is named, with the command that measures it."""
    for document in DOCUMENTS[1:]:
        command = (
            f"no results of `{document.study}` are in `benchmarks/results`; `{document.command}`"
        )
        assert command in bench_page.page(result(), tmp_path)
        (tmp_path / document.file).write_text(json.dumps(result()), encoding="utf-8")
        assert command not in bench_page.page(result(), tmp_path)


def test_the_command_that_is_named_writes_the_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As it stands on the page it replaces the file that the page is made of."""
    kept = tmp_path / "benchmarks" / "results" / DOCUMENTS[0].file
    kept.parent.mkdir(parents=True)
    kept.write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    sides = [side for pair in FACTORIZATIONS.pairs for side in (pair.variant, pair.baseline)]
    names = {side.name for side in sides if side is not None}
    monkeypatch.setattr(pretended, "CALL_S", dict.fromkeys(names, 0.01))
    backend = pretended.Pretended()
    monkeypatch.setattr(backends, "choose", lambda name, threads=None: backend)  # noqa: ARG005 - as choose takes them
    command, *arguments = shlex.split(DOCUMENTS[0].command)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (command, ended.value.code) == ("costlab", 0)
    found = Measurements.from_dict(json.loads(kept.read_text(encoding="utf-8")))
    assert found.complete
    assert {without_threads(case.key) for case in found.cases} == {
        without_threads(case.key) for case in Measurements.from_dict(result()).cases
    }
    assert f"`{DOCUMENTS[0].command}`" in bench_page.page(json.loads(found.to_json()))


def test_no_gpu_is_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without results of a GPU the page says so, and with some it leads to their page."""
    monkeypatch.setattr(bench_page, "gpus", list)
    assert "**Not yet measured:**" in bench_page.page(result())
    folder = pretended_gpu.write(tmp_path)
    monkeypatch.setattr(bench_page, "gpus", lambda: [folder])
    page = bench_page.page(result())
    assert "Not yet measured" not in page
    assert "- [pretended](pretended.md)" in page


def test_folders_of_gpus_are_found(tmp_path: Path) -> None:
    """A folder is a GPU's if its identical arms were compared; files beside it are not."""
    (tmp_path / "speed").mkdir()
    (tmp_path / "bench_cpu.json").write_text("{}", encoding="utf-8")
    assert bench_page.gpus(tmp_path) == []
    assert bench_page.gpus(tmp_path) != [pretended_gpu.write(tmp_path)]
    assert [one.name for one in bench_page.gpus(tmp_path)] == ["pretended"]


def test_pages_of_gpus_are_generated(tmp_path: Path) -> None:
    """`make docs` writes the page of each GPU beside the others, with its pictures."""
    folder = pretended_gpu.write(tmp_path)
    ((page, text),) = generate.gpu_page(folder).items()
    assert page == generate.DOCS / "pretended.md"
    title, first = generate.opening(text)
    assert title == "What factorizing saves: Pretended GPU"
    assert first.startswith("Which factorized convolutions save time on Pretended GPU")
    pictures = dict(generate.gpu_pictures(folder))
    assert {path.name for path in pictures} == {"pretended-savings.svg", "pretended-roofline.svg"}
    assert {path.parent for path in pictures} == {generate.DOCS / "images"}


def test_every_key_of_a_study_is_told() -> None:
    """The table has exactly the keys that the reader takes, and its example is a study."""
    read = {(place, key) for place, keys in bench_studyfile.READ.items() for key in keys}
    assert set(bench_studyfile.KEYS) == read
    page = bench_page.page(result())
    for place, key in read:
        assert f"| `{place}` | `{key}` | " in page
    for place in ("", "subjects.five", "pairs[1]", "axes"):
        text = "[subjects.five]\nmodel = 'conv5x5(inputs=64)'\n[[pairs]]\nvariant = 'five'\n"
        text = {
            "": f"nothing = 1\n{text}",
            "subjects.five": text.replace("[[", "nothing = 1\n[["),
            "pairs[1]": f"{text}nothing = 1\n",
            "axes": f"{text}[axes]\nnothing = 1\n",
        }[place]
        with pytest.raises(UsageError, match="nothing"):
            parsed(text, "odd")
    study = parsed(bench_studyfile.EXAMPLE, "example")
    assert [pair.name for pair in study.pairs] == ["five → threes"]
    assert len(list(study.cases(study.quick))) == 2
