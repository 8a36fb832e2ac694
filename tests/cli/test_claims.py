"""`costlab claims`: each claim with its verdict, judged anew, and what a user may do wrong."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costlab.claims import recorded
from costlab.claims.lab import Lab
from tests.cli.conftest import Costlab


@pytest.fixture(scope="module", autouse=True)
def _traced_once() -> Iterator[None]:
    """One lab for all commands here, which would else trace the same networks anew."""
    lab = Lab()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("costlab.claims.lab.Lab", lambda: lab)
        yield


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The document of all claims."""
    import contextlib

    from costlab.cli import main

    path = tmp_path_factory.mktemp("claims") / "claims.json"
    with pytest.raises(SystemExit) as end, contextlib.redirect_stdout(io.StringIO()):
        main(["claims", "--format", f"json:{path}"])
    assert end.value.code == 0
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_four_that_people_know_come_first(everything: dict[str, Any]) -> None:
    """28 %, 33 %, 11 %, 5 billion multiply-adds and 25 million parameters lead the table."""
    first = [(claim["id"], claim["printed"]) for claim in everything["claims"][:5]]
    assert first == [
        ("B3", "28%"),
        ("B6", "33%"),
        ("B7", "11%"),
        ("A1", "5 billion"),
        ("A2", "< 25 million"),
    ]


def test_the_document(everything: dict[str, Any]) -> None:
    """Each claim tells what is claimed, where, printed and computed, and how each reading came."""
    assert everything["schema"] == "costlab.claims/1"
    known = {claim["id"]: claim for claim in everything["claims"]}
    cost = known["A1"]
    assert cost["computed"] == 5_713_216_096
    assert cost["deviation"] == pytest.approx(5_713_216_096 / 5e9 - 1)
    assert sum(part["value"] for part in cost["readings"][0]["parts"]) == cost["computed"]
    assert sum(everything["counts"].values()) == len(known)


def test_text(costlab: Costlab) -> None:
    """A row a claim in its section, and the counts of the verdicts at the end."""
    found = costlab("claims")
    assert (found.code, found.err) == (0, "")
    assert "What people know" in found.out
    rows = [line for line in found.out.splitlines() if line.startswith("B3 ")]
    assert rows[0].split()[-4:] == ["28.0", "%", "0", "holds*"]
    assert (
        f"{len(list(csv.DictReader(io.StringIO(costlab('claims', '--format', 'csv').out))))}"
        in (found.out.rpartition("holds: rounds")[0].splitlines()[-2])
    )


def test_one_in_full(costlab: Costlab) -> None:
    """One claim is told with its readings, the formula, where it stands and the blocks it sums."""
    found = costlab("claims", "A1", "--units", "exact")
    assert found.code == 0
    assert re.search(r"the released graph at 299×299 +5,713,216,096", found.out)
    assert "Stands in: P abstract; S compute setup." in found.out
    assert "Mixed_6e" in found.out
    assert "617,914,368" in found.out


def test_ids_are_found_in_any_case(costlab: Costlab) -> None:
    """b3 is B3."""
    assert costlab("claims", "b3").out == costlab("claims", "B3").out


def test_the_ladder(costlab: Costlab) -> None:
    """The ladder holds each reading against both figures, and says what it contradicts."""
    found = json.loads(costlab("claims", "ladder", "--format", "json").out)
    assert [claim["printed"] for claim in found["claims"]] == ["3.8 Bn", "4.8 Bn"]
    for claim in found["claims"]:
        assert len(claim["readings"]) > 10
        assert all(reading["contradicts"] for reading in claim["readings"])


def test_only_and_source(costlab: Costlab) -> None:
    """Verdicts and documents choose claims; both can be repeated."""
    found = json.loads(
        costlab(
            "claims", "--only", "fails", "--only", "near", "--source", "R", "--format", "json"
        ).out
    )
    assert {claim["verdict"] for claim in found["claims"]} == {"fails", "near"}
    assert all(any(w.startswith("R") for w in claim["where"]) for claim in found["claims"])


def test_csv_has_one_header_and_all_digits(costlab: Costlab) -> None:
    """CSV is one table, with the section as a column and values as they were computed."""
    rows = list(csv.DictReader(io.StringIO(costlab("claims", "--format", "csv").out)))
    row = next(row for row in rows if row["id"] == "A1")
    assert row["computed"] == "5713216096"
    assert row["section"] == "What people know"
    assert float(row["deviation"]) == pytest.approx(0.1426432192)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("B3", "B6", "B7", "--require", "holds"), 0),
        (("A1", "--require", "near"), 0),
        (("A1", "--require", "holds"), 1),
        (("A3", "--require", "holds"), 2),
    ],
)
def test_require(costlab: Costlab, arguments: tuple[str, ...], code: int) -> None:
    """What is required decides the exit code; of what cannot be checked nothing can be required."""
    found = costlab("claims", *arguments)
    assert found.code == code
    assert bool(found.err) == bool(code)


def test_a_changed_value(costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that has moved within its verdict is told, and is no failure; rounding is none."""
    kept = dict(recorded.values())
    monkeypatch.setattr(recorded, "values", lambda: kept)
    kept["B3"] = 0.28 * (1 + 1e-12)
    assert costlab("claims", "B3").err == ""
    kept["B3"] = 0.29
    found = costlab("claims", "B3")
    assert found.code == 0
    assert "B3 comes to 0.28, and to 0.29 on record" in found.err


def test_globs_and_rungs(costlab: Costlab) -> None:
    """An id may be a glob, and a rung of the ladder is a claim like any other."""
    rows = json.loads(costlab("claims", "T1.*", "--format", "json").out)["claims"]
    assert len(rows) > 13
    assert {row["id"].partition(".")[0] for row in rows} == {"T1"}
    rung = json.loads(costlab("claims", "ladder-3.8", "--format", "json").out)["claims"]
    assert [claim["id"] for claim in rung] == ["ladder-3.8"]


def test_a_damaged_record(costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is no JSON is named, with what writes it."""
    monkeypatch.setattr(recorded, "NAME", "document.py")
    found = costlab("claims", "B3")
    assert found.code == 2
    assert "is damaged" in found.err
    assert "make docs" in found.err


def test_a_changed_verdict(costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that is not the recorded one, or is not on record, ends with 1 and is named."""
    words = dict(recorded.recorded())
    monkeypatch.setattr(recorded, "recorded", lambda: words)
    words["B3"] = "fails"
    found = costlab("claims", "B3")
    assert found.code == 1
    assert "B3 is 'holds', and on record as 'fails'" in found.err
    assert "28.0 %" in found.out
    del words["B3"]
    assert costlab("claims", "B3", "--quiet").code == 1
    assert costlab("claims", "B6").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("B33",), "no claim is called 'B33'. Did you mean B3?"),
        (("laddder",), "no claim is called 'laddder'. Did you mean ladder?"),
        (("--only", "hold"), "'hold' is no verdict. Did you mean holds?"),
        (("--source", "Z"), "no document is called 'Z'"),
        (("B3", "--only", "fails"), "no claim among these fails"),
        (("B12", "--source", "G"), "no claim among these is one of G"),
        (("--require", "fails"), "--require"),
        (("--format", "yaml"), "'yaml' is no format"),
    ],
)
def test_bad_input(costlab: Costlab, arguments: tuple[str, ...], told: str) -> None:
    """What is wrong is named, with the nearest that is right, and nothing is printed."""
    found = costlab("claims", *arguments)
    assert (found.code, found.out) == (2, "")
    assert told in found.err


def test_saved_verdicts_are_shown_again(costlab: Costlab, desk: Path) -> None:
    """`costlab show` renders saved verdicts, without judging anything."""
    costlab("claims", "--format", "json:claims.json")
    document = json.loads((desk / "claims.json").read_text(encoding="utf-8"))
    document["claims"][0]["verdict"] = "fails"
    (desk / "claims.json").write_text(json.dumps(document), encoding="utf-8")
    found = costlab("show", "claims.json")
    assert found.code == 0
    assert next(x for x in found.out.splitlines() if x.startswith("B3 ")).endswith("fails*")
    assert costlab("show", "claims.json", "--module", "*").code == 2


def test_help_needs_no_torch(costlab: Costlab) -> None:
    """The help of the command names its documents and exit codes."""
    assert "ladder" in costlab("claims", "--help").out
