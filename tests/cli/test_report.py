"""`costlab report` of Inception-v3, with every option."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from costlab.cost import CONVENTION, IN_SHORT
from tests.cli.conftest import Costlab

EVAL_MACS = 5_713_216_096
TRAIN_MACS = 5_718_899_296
MACS_AT_224 = 2_837_921_120
PARAMS = 27_161_264


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a table as CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def total(text: str) -> dict[str, str]:
    """The last row of a table as CSV, which is the total."""
    last = rows(text)[-1]
    assert last["row"] == "total"
    return last


def test_the_table(costlab: Costlab) -> None:
    """Without options: the blocks, the totals in full, where they are defined; stderr is empty."""
    found = costlab("report", "inception_v3")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("inception_v3 · eval · f32[1,3,299,299]\n")
    assert re.search(r"^Mixed_6b +768×17×17 +1\.30 M +374 M", found.out, re.MULTILINE)
    assert "5,713,216,096 MACs" in found.out
    assert "Never executed in eval mode: AuxLogits." in found.out
    assert IN_SHORT in " ".join(found.out.split())
    assert CONVENTION not in " ".join(found.out.split())


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(
    ("options", "lines", "texts"),
    [(("--format", "text"), 1, 0), (("--verbose",), 0, 1), (("--format", "markdown"), 0, 1)],
)
def test_definitions_are_told_once(
    costlab: Costlab, mode: str, options: tuple[str, ...], lines: int, texts: int
) -> None:
    """Under the last table one line says where they stand; who asks for them reads them there."""
    found = costlab("report", "figure5", "--mode", mode, "--depth", "0", *options)
    told = " ".join(found.out.split())
    assert told.count(IN_SHORT) == lines
    assert told.count("views are free") == texts
    assert told.count("Training: one step") == texts * (mode == "train")


@pytest.mark.parametrize("depth", ["auto", "0", "1", "2", "3", "99"])
def test_rows_add_up(costlab: Costlab, depth: str) -> None:
    """At every depth the outermost rows add up to the total, and children to their parents."""
    found = costlab("report", "inception_v3", "--depth", depth, "--format", "csv")
    table = rows(found.out)
    parts = [row for row in table if row["row"] != "total"]
    for column, all_of_it in (("macs", EVAL_MACS), ("params", PARAMS)):
        assert int(table[-1][column]) == all_of_it
        if depth != "0":
            outer = [int(row[column] or 0) for row in parts if row["level"] == "0"]
            assert sum(outer) == all_of_it
        for row in parts:
            below = [
                int(other[column] or 0)
                for other in parts
                if other["block"].startswith(f"{row['block']}.")
                and int(other["level"]) == int(row["level"]) + 1
            ]
            assert not below or sum(below) == int(row[column] or 0)


def test_depth_0_is_the_total(costlab: Costlab) -> None:
    """No level of blocks leaves one row."""
    table = rows(costlab("report", "inception_v3", "--depth", "0", "--format", "csv").out)
    assert [row["row"] for row in table] == ["total"]


def test_depth_2_shows_branches(costlab: Costlab) -> None:
    """The second level are the branches of the modules."""
    found = costlab("report", "inception_v3", "--depth", "2", "--format", "csv")
    assert "Mixed_6b.branch7x7" in [row["block"] for row in rows(found.out)]


def test_a_glob_stops_at_dots(costlab: Costlab) -> None:
    """`*` names the modules of one level, and the last row adds up what matched."""
    found = costlab("report", "inception_v3", "--module", "Mixed_7*", "--format", "csv")
    *blocks, last = rows(found.out)
    assert [row["block"] for row in blocks] == ["Mixed_7a", "Mixed_7b", "Mixed_7c"]
    assert last["block"] == "3 matched"
    assert sum(int(row["macs"]) for row in blocks) == int(last["macs"])


def test_two_stars_cross_dots(costlab: Costlab) -> None:
    """`**.conv` finds all 94 convolutions at any depth, and those of the auxiliary head."""
    found = costlab(
        "report", "inception_v3", "--module", "**.conv", "--format", "csv", "--columns", "macs"
    )
    *blocks, last = rows(found.out)
    assert len([row for row in blocks if row["macs"]]) == 94
    assert int(last["macs"]) == EVAL_MACS - 2048 * 1000
    assert costlab("report", "inception_v3", "--module", "*.conv").out != found.out


def test_several_globs(costlab: Costlab) -> None:
    """Globs are alternatives; a module that is inside another that matches is not shown twice."""
    found = costlab(
        *("report", "inception_v3", "--format", "csv"),
        *("--module", "Mixed_5b", "--module", "Mixed_5b.*", "--module", "fc"),
    )
    assert [row["block"] for row in rows(found.out)] == ["Mixed_5b", "fc", "2 matched"]


def test_depth_counts_from_the_match(costlab: Costlab) -> None:
    """With a glob, depth 0 is what matched in one row, and depth 2 the children of it."""
    inner = ("report", "inception_v3", "--module", "Mixed_6b", "--format", "csv", "--depth")
    assert [row["block"] for row in rows(costlab(*inner, "0").out)] == ["1 matched"]
    assert "Mixed_6b.branch1x1" in [row["block"] for row in rows(costlab(*inner, "2").out)]


@pytest.mark.parametrize(("order", "backwards"), [("", True), (":desc", True), (":asc", False)])
def test_sort(costlab: Costlab, order: str, backwards: bool) -> None:
    """A column sorts the blocks, the largest first unless it says `asc`."""
    found = costlab("report", "inception_v3", "--sort", f"macs{order}", "--format", "csv")
    macs = [int(row["macs"] or 0) for row in rows(found.out) if row["row"] == "normal"]
    assert macs == sorted(macs, reverse=backwards)


def test_top_and_the_rest(costlab: Costlab) -> None:
    """The five largest, and one row that is all the others: together they are the total."""
    found = costlab(
        "report", "inception_v3", "--top", "5", "--sort", "macs", "--format", "csv", "--depth", "1"
    )
    *largest, rest, last = rows(found.out)
    assert len(largest) == 5
    assert largest[0]["block"] == "Conv2d_4a_3x3"
    assert (rest["block"], rest["row"]) == ("and 17 more", "remainder")
    for column in ("macs", "params", "activations", "bytes"):
        parts = [int(row[column]) for row in (*largest, rest)]
        assert sum(parts) == int(last[column])


def test_columns(costlab: Costlab) -> None:
    """Columns are shown as they are named; one of a family counts that family's operations."""
    columns = "kind,calls,macs,convolution.macs,pooling.flops,normalization.elements"
    found = costlab("report", "inception_v3", "--columns", columns, "--format", "csv")
    assert found.out.splitlines()[0] == f"block,{columns},level,row"
    last = total(found.out)
    assert int(last["convolution.macs"]) == EVAL_MACS - 2048 * 1000
    assert int(last["normalization.elements"]) * 2 == 17_934_976


def test_train(costlab: Costlab) -> None:
    """In training the auxiliary classifier runs too."""
    found = costlab("report", "inception_v3", "--mode", "train", "--format", "csv")
    assert int(total(found.out)["macs"]) == TRAIN_MACS
    aux = next(row for row in rows(found.out) if row["block"] == "AuxLogits")
    assert int(aux["macs"]) == TRAIN_MACS - EVAL_MACS


def test_input(costlab: Costlab) -> None:
    """Another size, another cost; a batch of two costs twice that of one."""
    at_224 = costlab(
        "report", "inception_v3", "--input", "f32[1,3,224,224]", "--depth", "0", "--format", "csv"
    )
    assert int(total(at_224.out)["macs"]) == MACS_AT_224
    two = costlab(
        "report", "inception_v3", "-i", "[2,3,224,224]", "--depth", "0", "--format", "csv"
    )
    assert int(total(two.out)["macs"]) == 2 * MACS_AT_224


def test_units(costlab: Costlab) -> None:
    """Exact units show every digit."""
    assert "5,713,216,096  100.0 %" in costlab("report", "inception_v3", "--units", "exact").out


def test_strict_is_content_where_all_is_priced(costlab: Costlab) -> None:
    """Nothing of Inception-v3 is unknown."""
    assert costlab("report", "inception_v3", "--strict", "--depth", "0").code == 0


def test_accessible(costlab: Costlab) -> None:
    """For a screen reader there are words, and neither bars nor rules."""
    found = costlab("report", "inception_v3", "--accessible")
    assert not set(found.out) & set("─█▏×")
    assert "768 by 17 by 17" in found.out


def test_colour(costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour where it is asked for, by the option or by FORCE_COLOR; NO_COLOR holds against it."""
    plain = ("report", "inception_v3", "--depth", "0")
    assert "\x1b[" not in costlab(*plain).out
    assert "\x1b[" in costlab(*plain, "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in costlab(*plain).out
    assert "\x1b[" not in costlab(*plain, "--color", "never").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in costlab(*plain).out


def test_width(costlab: Costlab) -> None:
    """A network twice as wide has nearly four times the multiply-adds."""
    found = costlab("report", "inception_v3(width=2)", "--depth", "0", "--format", "json")
    macs = json.loads(found.out)["total"]["macs"]
    assert round(macs / EVAL_MACS, 4) == 3.9926


def test_cross_check(costlab: Costlab, tmp_path: Path) -> None:
    """FlopCounterMode agrees to the integer; what fvcore adds is told term by term, and saved."""
    saved = f"{tmp_path}/a.json"
    found = costlab(
        *("report", "inception_v3", "--cross-check", "--depth", "0"),
        *("--format", "text", "--format", f"json:{saved}"),
    )
    kernels, fvcore = json.loads(Path(saved).read_text(encoding="utf-8"))["counters"]
    assert (kernels["name"], kernels["macs"]) == ("FlopCounterMode", EVAL_MACS)
    assert kernels["terms"] == []
    assert (fvcore["name"], fvcore["macs"]) == ("fvcore", 5_731_282_144)
    assert sorted(count for _, count in fvcore["terms"]) == [131_072, 17_934_976]
    assert fvcore["macs"] - EVAL_MACS == 131_072 + 17_934_976
    below = found.out.partition("\ncross-check\n")[2]
    assert re.search(r"FlopCounterMode \S+ +5,713,216,096 +0  agrees to the integer", below)
    assert re.search(r"fvcore \S+ +5,731,282,144 +18,066,048", below)
    assert re.search(r"17,934,976  batch norm", below)
    assert re.search(r"131,072  adaptive .*pool", below)
    assert costlab("show", saved, "--depth", "0").out == found.out
