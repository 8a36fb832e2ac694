"""The page of the convention: what it derives by hand, costlab counts."""

import re
from typing import Any

from costlab.cost import METRICS
from costlab.onnx.reading import FEW
from costlab.report import Report
from docs import generate
from tests.docs.blocks import blocks

PAGE = (generate.DOCS / "convention.md").read_text(encoding="utf-8")
BLOCK_ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (.*) \| ([\d,]+) \|$", re.MULTILINE)
TOTAL_ROW = re.compile(r"^\| `(\w+)` \| ([^`|]*(?:`\w+`[^`|]*)*) \| ([\d,]+) \|$", re.MULTILINE)


def report() -> Report:
    """What costlab says of the network on the page."""
    (code,) = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(compile(code, "convention.md", "exec"), names)  # noqa: S102 - our own page
    found: Report = names["report"]
    return found


def test_each_count_by_hand() -> None:
    """Each row of the worked example is what costlab counts for that block."""
    found = report()
    rows = BLOCK_ROW.findall(PAGE)
    assert {name for name, *_ in rows} == {block.path for block in found.blocks}
    for name, metric, _, count in rows:
        assert getattr(found.block(name).cost, metric) == number(count), (name, metric)


def test_how_large_sizes_may_be() -> None:
    """The page says up to how many elements a graph of ONNX is taken to compute sizes."""
    assert f"of at most {FEW} elements along one axis" in PAGE


def test_what_is_not_told_is_nothing() -> None:
    """A count that the page does not derive for a block is 0."""
    found = report()
    told = {(name, metric) for name, metric, *_ in BLOCK_ROW.findall(PAGE)}
    for block in found.blocks:
        for metric in METRICS:
            if metric != "params_executed" and (block.path, metric) not in told:
                assert getattr(block.cost, metric) == 0, (block.path, metric)


def test_the_totals() -> None:
    """The totals are those of the report, and all of them are there."""
    found = report()
    rows = {metric: count for metric, _, count in TOTAL_ROW.findall(PAGE)}
    assert rows.keys() == set(type(found.total).__slots__)
    for metric, count in rows.items():
        assert getattr(found.total, metric) == number(count), metric
    assert (found.coverage.priced, found.coverage.free, found.coverage.unknown) == (5, 1, ())


def test_the_sums_add_up() -> None:
    """Each derivation that is a sum or a product of numbers comes to what stands beside it."""
    checked = 0
    rows = [(told, count) for _, _, told, count in BLOCK_ROW.findall(PAGE)]
    rows += [(told, count) for _, told, count in TOTAL_ROW.findall(PAGE)]
    for told, count in rows:
        plain = re.sub(r"`\w+`|[A-Za-z ]|,(?!\d{3})|:", "", told.replace(",", ""))
        plain = plain.replace("·", "*").rstrip("*")
        if re.fullmatch(r"[\d+*()]*\d\)?", plain) and re.search(r"[+*]", plain):
            assert evaluated(plain) == number(count), told
            checked += 1
    assert checked > 12


def evaluated(text: str) -> int:
    """The value of a sum of products, with at most one pair of brackets.

    >>> evaluated("4*(1+2)"), evaluated("8*3*3+8")
    (12, 80)
    """
    inner = re.search(r"\(([^()]*)\)", text)
    if inner is not None:
        return evaluated(text.replace(inner[0], str(evaluated(inner[1]))))
    total = 0
    for part in text.split("+"):
        product = 1
        for factor in part.split("*"):
            product *= int(factor)
        total += product
    return total


def number(text: str) -> int:
    """A number with its commas."""
    return int(text.replace(",", ""))


def test_every_count_is_defined() -> None:
    """Each total has a definition of its own, in bold."""
    for metric in type(report().total).__slots__:
        assert f"**`{metric}`**" in PAGE
