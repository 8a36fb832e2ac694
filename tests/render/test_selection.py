"""Which blocks are shown: globs, depth, order, and the rows for what is left out."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.blocks import Block
from costlab.cost import Cost
from costlab.errors import UsageError
from costlab.globs import matches, pattern
from costlab.render.selection import (
    Item,
    automatic_depth,
    matching,
    own_row,
    select,
)


def block(path: str, macs: int, *children: Block) -> Block:
    """A block with MACs of its own."""
    return Block(path, "Block", Cost(macs=macs), children, calls=1)


TREE = block(
    "",
    1,
    block("a", 10, block("a.b", 100, block("a.b.conv", 1_000)), block("a.conv", 2_000)),
    block("b", 30),
    block("conv", 4),
)


def macs(found: Block) -> int:
    """The measure of these tests."""
    return found.cost.macs


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*", ["a", "Mixed_7a", ""], ["a.b", "."]),
        ("?", ["a"], ["ab", ".", ""]),
        ("*.*", ["a.b"], ["a", "a.b.c"]),
        ("**", ["a", "a.b.c", ""], []),
        ("**.conv", ["conv", "a.conv", "a.b.conv"], ["aconv", "a.convs", "a.conv.b"]),
        ("a.**", ["a.b", "a.b.c"], ["a", "b.a"]),
        ("a.**.c", ["a.c", "a.b.c", "a.b.b.c"], ["a.bc", "ac"]),
        ("a**", ["a", "ab", "a.b.c"], ["b"]),
        ("Mixed_[56]?", ["Mixed_5b", "Mixed_6e"], ["Mixed_7a", "Mixed_5", "Mixed_5."]),
        ("[a-c]", ["a", "b", "c"], ["d", "-"]),
        ("[!a]", ["b"], ["a", "."]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[&&a]", ["&", "a"], ["b"]),
        ("[[a]", ["[", "a"], ["b"]),
        ("[\\]", ["\\"], ["a"]),
        ("[!]", ["!"], ["a"]),
        ("[]", ["[]"], ["", "a"]),
        ("[ab", ["[ab"], ["a"]),
        ("a+b", ["a+b"], ["aab"]),
        ("a|b", ["a|b"], ["a", "b"]),
        ("a\nb", ["a\nb"], ["a b"]),
    ],
)
def test_globs(glob: str, yes: list[str], no: list[str]) -> None:
    """`*` and `?` stop at dots, `**` crosses them, brackets list; all else means itself."""
    assert [path for path in yes if not matches(glob, path)] == []
    assert [path for path in no if matches(glob, path)] == []


@given(st.text("*?[]!-.^&|~\\ab", max_size=10), st.text("ab.[]", max_size=6))
def test_any_glob_is_read_or_refused(glob: str, path: str) -> None:
    """No glob raises anything but our own error, and a path always matches itself."""
    try:
        assert isinstance(pattern(glob), re.Pattern)
    except UsageError as error:
        assert "cannot read the module glob" in str(error)  # noqa: PT017 - most globs are read
    assert matches(path, path)


@pytest.mark.parametrize(
    ("globs", "paths"),
    [
        (("a",), ["a"]),
        (("*",), ["a", "b", "conv"]),
        (("**",), ["a", "b", "conv"]),
        (("**.conv",), ["a.b.conv", "a.conv", "conv"]),
        (("a.*",), ["a.b", "a.conv"]),
        (("a.b.conv", "a"), ["a"]),
        (("b", "a.conv"), ["a.conv", "b"]),
    ],
)
def test_the_outermost_matches(globs: tuple[str, ...], paths: list[str]) -> None:
    """What matches stands in the order of the model, and nothing is in it twice."""
    assert [found.path for found in matching(TREE, globs)] == paths


def test_a_glob_without_a_match() -> None:
    """Each glob must match something; the message offers the nearest path."""
    with pytest.raises(UsageError, match=r"no module matches 'a\.cnov'\. Did you mean a\.conv\?"):
        matching(TREE, ("b", "a.cnov"))


def levels(items: list[Item]) -> Iterator[tuple[int, int]]:
    """Each row with children, and what the rows below it add up to."""
    for index, item in enumerate(items):
        below = []
        for other in items[index + 1 :]:
            if other.depth <= item.depth:
                break
            if other.depth == item.depth + 1:
                below.append(macs(other.block))
        if below:
            yield macs(item.block), sum(below)


@pytest.mark.parametrize("top", [None, 1, 2, 99])
@pytest.mark.parametrize("order", [None, macs])
@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_rows_add_up(depth: int, order: None, top: int | None) -> None:
    """At every depth, in every order, whatever is left out is in a row of its own."""
    items = select(TREE.children, depth=depth, measure=macs, order=order, top=top)
    assert sum(macs(item.block) for item in items if item.depth == 0) == macs(TREE) - 1
    assert all(whole == parts for whole, parts in levels(items))
    assert max(item.depth for item in items) < depth


def test_the_remainder() -> None:
    """The largest are kept in the order of the model, and the others are one row at the end."""
    items = select(TREE.children, depth=1, measure=macs, top=2)
    assert [(item.label or item.block.path, item.hidden) for item in items] == [
        ("a", 0),
        ("b", 0),
        ("and 1 more", 1),
    ]


@pytest.mark.parametrize(("ascending", "paths"), [(False, "a b conv"), (True, "conv b a")])
def test_order(ascending: bool, paths: str) -> None:
    """Siblings are sorted among themselves, their children below them."""
    items = select(TREE.children, depth=1, measure=macs, order=macs, ascending=ascending)
    assert [item.block.path for item in items] == paths.split()


def test_what_a_block_does_itself() -> None:
    """Own operations get a row beside the children; without either there is none."""
    (row,) = own_row(TREE, 0)
    assert (row.label, macs(row.block)) == ("(itself)", 1)
    assert own_row(TREE.children[1], 0) == []
    assert own_row(block("", 0, block("a", 1)), 0) == []


def test_automatic_depth() -> None:
    """The first depth that shows enough blocks, or all there is."""
    assert automatic_depth(TREE) == 3
    assert automatic_depth(block("", 1)) == 1
    wide = block("", 0, *(block(str(n), 1) for n in range(8)))
    assert automatic_depth(wide) == 1
