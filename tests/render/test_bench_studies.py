"""The studies as tables, and the pairs of one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from costlab.bench.studies import BLOCKS, FACTORIZATIONS, STUDIES
from costlab.bench.study import Pair, Study, Subject
from costlab.render.bench import pairs_table, studies_table
from tests.render.test_bench import cell


def test_the_studies() -> None:
    """Each study is listed with its cases."""
    table = studies_table(STUDIES.values())
    assert [cell(table, row, "study") for row in range(len(STUDIES))] == list(STUDIES)
    assert all(cell(table, row, "cases") for row in range(len(STUDIES)))


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_pairs_of_a_study(study: Study) -> None:
    """Each pair has a row, by the name that --pair takes; their cases add up to the study's."""
    table = pairs_table(study)
    rows = range(len(study.pairs))
    assert [cell(table, row, "pair") for row in rows] == [pair.name for pair in study.pairs]
    for key, axes in (("cases", study.axes), ("quick", study.quick)):
        counted = [cell(table, row, key) for row in rows]
        assert sum(n for n in counted if isinstance(n, int)) == sum(1 for _ in study.cases(axes))


def test_what_has_no_baseline_is_told() -> None:
    """Blocks are compared arm with arm; factorizations have two sides, and need no such line."""
    said = "What has no baseline is compared with itself"
    assert any(said in note for note in pairs_table(BLOCKS).notes)
    assert not any(said in note for note in pairs_table(FACTORIZATIONS).notes)


def test_what_a_pair_runs_on() -> None:
    """The shape of a sample, or the inputs as they were given."""
    image = Subject("image", "net.py:Net", (3, 9, 9))
    tokens = replace(image, shape=(), inputs=("i64[2,5]", "bool[2,5]"))
    made = replace(image, shape=(), inputs_from="inputs.py:make")
    study = Study("s", "s", tuple(Pair(str(n), one) for n, one in enumerate((image, tokens, made))))
    told = [cell(pairs_table(study), row, "given") for row in range(3)]
    assert told == ["f32[…,3,9,9]", "i64[2,5], bool[2,5]", "inputs.py:make"]
