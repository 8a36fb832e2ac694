"""Measurements on disk: the same when they come back, and refused if they are damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from costlab.bench.document import Ceilings, Correctness, Measurements
from costlab.bench.runner import run
from costlab.bench.saved import from_dict, plain, to_json
from costlab.errors import DocumentError
from costlab.schemas import schema
from costlab.store import load, save
from tests.bench.pretended import REQUEST, Pretended, out_of_memory
from tests.cli.test_schemas import mutations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def found() -> Measurements:
    """A run of which one case failed."""
    backend = Pretended(trouble={("prepare", "three"): (1, out_of_memory())})
    return run(REQUEST, backend).found


def saved(found: Measurements) -> Any:
    """The document as JSON holds it."""
    return json.loads(to_json(found))


def test_measurements_come_back(found: Measurements, tmp_path: Path) -> None:
    """What is saved is loaded as equal measurements, to the last digit of each sample."""
    save(found, tmp_path / "a.json")
    assert load(tmp_path / "a.json") == found
    assert found.cases[0].baseline.samples_s


def test_they_are_as_their_schema_says(found: Measurements) -> None:
    """A document with a failure, a comparison and ceilings is valid."""
    Draft202012Validator(schema("costlab.bench/1")).validate(saved(found))
    assert {bool(case.error) for case in found.cases} == {True, False}


def test_the_schema_notices_every_change(found: Measurements) -> None:
    """Whatever key is taken away or added, whatever value changes its type: it is found."""
    validator = Draft202012Validator(schema("costlab.bench/1"))
    document = saved(found)
    document["environment"] = {}  # which may hold anything
    for ceilings in (document["ceilings"], document["sessions"][0]["ceilings"]):
        ceilings["flops_per_s"] = ceilings["how"] = {}
    free = ("('environment',", "'flops_per_s')", "'how'", "'flags'")
    changes = [
        (what, edited)
        for what, edited in mutations(document)
        if not any(name in what for name in free)
    ]
    assert len(changes) > 200
    assert [what for what, edited in changes if validator.is_valid(edited)] == []


def test_samples_stand_in_a_line(found: Measurements) -> None:
    """A file of thousands of samples can be looked at; a list of words keeps its lines."""
    lines = to_json(replace(found, notes=("[\n 1\n]", "two"))).splitlines()
    samples = [line for line in lines if '"samples_s": [' in line]
    assert len(samples) == 4
    assert all(line.rstrip(",").endswith("]") for line in samples)
    assert '  "[\\n 1\\n]",' in lines


def test_numbers_that_are_none_come_back(found: Measurements) -> None:
    """An infinite error is told in a word, as JSON has no number for it, and is a number again."""
    case = found.cases[0]
    timing = replace(case.variant, correctness=Correctness(inf, nan, 1e-3, poisoned=True))
    again = from_dict(saved(replace(found, cases=(replace(case, variant=timing),))))
    correctness = again.cases[0].variant.correctness
    assert correctness is not None
    assert correctness.before == inf
    assert correctness.after is not None
    assert isnan(correctness.after)


def test_keys_of_a_later_costlab_are_left_out(found: Measurements) -> None:
    """Within a version keys are only added: a document with more of them is read all the same."""

    def more(value: Any) -> Any:
        if isinstance(value, dict):
            named = ("how", "flags")
            known = {key: below if key in named else more(below) for key, below in value.items()}
            return known | {"novel": [1]}
        return [more(below) for below in value] if isinstance(value, list) else value

    document = saved(found)
    extended = more(document)
    extended["environment"] = document["environment"]
    extended["ceilings"]["flops_per_s"] = document["ceilings"]["flops_per_s"]
    rates = document["sessions"][0]["ceilings"]["flops_per_s"]
    extended["sessions"][0]["ceilings"]["flops_per_s"] = rates
    assert from_dict(extended) == found


def test_what_was_added_to_the_version_may_be_missing(found: Measurements) -> None:
    """A document from before `dropped` and `how` is read: all of its samples count.

    Without sessions, its cases were judged by the ceilings and the noise of the document.
    """
    document = saved(found)
    del document["sessions"]
    for case in document["cases"]:
        del case["session"], case["threads"], case["flags"], case["power_w"]
        for side in ("baseline", "variant"):
            del case[side]["dropped"], case[side]["how"]
    sides = [side for case in from_dict(document).cases for side in (case.baseline, case.variant)]
    assert [(side.dropped, side.how) for side in sides] == [((), {})] * len(sides)
    assert all(side.counted_s == side.samples_s for side in sides)


def case_of(document: Any) -> Any:
    """The first case of a document."""
    return document["cases"][0]


DAMAGED: dict[str, tuple[Callable[[Any], object], str]] = {
    "no cases": (lambda d: d.pop("cases"), "KeyError: 'cases'"),
    "cases are none": (lambda d: d.update(cases=None), "None is no list"),
    "a study that is none": (lambda d: d.update(study=3), "3 is no text"),
    "an environment that is none": (lambda d: d.update(environment=[]), r"\[\] is no object"),
    "neither yes nor no": (lambda d: d.update(complete="yes"), "'yes' is neither true nor false"),
    "half a batch": (lambda d: case_of(d).update(batch=0.5), "0.5 is no count"),
    "a verdict of another": (
        lambda d: case_of(d)["comparison"].update(verdict="QUICKER"),
        "'QUICKER' is none of FASTER, SLOWER",
    ),
    "a time below zero": (
        lambda d: case_of(d)["baseline"].update(samples_s=[-1.0]),
        "-1.0 is not above zero",
    ),
    "a time that is a text": (
        lambda d: case_of(d)["baseline"].update(samples_s=["1"]),
        "'1' is no number",
    ),
    "fewer clocks than samples": (
        lambda d: case_of(d)["baseline"].update(clock_mhz=[1.0]),
        "1 clocks of",
    ),
    "one model of two": (
        lambda d: case_of(d)["models"].pop(),
        "not enough values to unpack",
    ),
    "parts that do not add up": (
        lambda d: case_of(d)["explanation"].update(mac=0.9),
        "the parts add up to .*, not to",
    ),
    "a ratio of nothing": (
        lambda d: d["null"].update(ratio=0),
        "0 is not above zero",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_refused(
    found: Measurements, tmp_path: Path, damage: Callable[[Any], object], message: str
) -> None:
    """A document with a value that cannot be is named, with what is wrong and what would help."""
    document = saved(found)
    damage(document)
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DocumentError, match=f"the measurements are damaged: .*{message}") as error:
        load(tmp_path / "a.json")
    assert "Measure anew with `costlab bench STUDY --out FILE`." in str(error.value)


def test_an_environment_becomes_plain() -> None:
    """Whatever a backend says of its machine can be saved, and is the same when it comes back."""
    told = plain({"version": (12, 8), 1: {"nan": nan}, "flag": True, "kind": Ceilings})
    assert told == {
        "version": [12, 8],
        "1": {"nan": "nan"},
        "flag": True,
        "kind": "<class 'costlab.bench.document.Ceilings'>",
    }
    document = Measurements("a", told, ())
    assert from_dict(saved(document)) == document
