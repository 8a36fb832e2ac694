"""The baseline: sorted text that git merges, strictly read; a merge that guesses nothing."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.blocks import Block
from costlab.budgets.baseline import Baseline, Key, Measured, drift, fingerprint, snapshot, update
from costlab.budgets.baselinefile import parse, read, text_of
from costlab.budgets.budget import METRICS
from costlab.budgets.merging import sides
from costlab.cost import Cost
from costlab.errors import UsageError
from tests.budgets.baselines import TEXT, net, two
from tests.budgets.made import UNKNOWN, VERSIONS, config, leaf, report


def test_what_is_recorded() -> None:
    """One line a model, module and metric: the totals, and what relative limits speak of."""
    kinds = [(key.kind, key.name, key.metric, value) for key, value in net().values.items()]
    assert kinds[: len(METRICS)] == [
        ("total", "", each, getattr(report(*net_blocks()).total, each)) for each in METRICS
    ]
    assert kinds[len(METRICS) :] == [
        ("module", "body.one", "macs", 1_000),
        ("module", "body.two", "macs", 2_000),
        ("sum", "body.*, stem", "macs", 3_100),
        ("op", "conv2d", "macs", 3_100),
    ]


def net_blocks() -> tuple[Block, ...]:
    """The blocks of that model."""
    body = Block("body", "Body", Cost(), (leaf("body.one", 1_000), leaf("body.two", 2_000)), 1)
    return leaf("stem", 100), body


def test_the_text() -> None:
    """The file says schema, convention, versions, mode and inputs, and its lines are sorted."""
    lines = text_of(net()).splitlines()
    assert lines[0] == "schema costlab.baseline/1"
    assert lines[1].startswith("convention ")
    assert lines[2:4] == ["version costlab 0.1.0", "version torch 2.13.0"]
    assert lines[4].startswith("model net eval ")
    assert lines[4].endswith(" f32[1,3,8,8]")
    assert lines[5:] == sorted(lines[5:])
    assert 'value net sum "body.*, stem" macs 3100' in lines
    assert 'value net total "" macs 3100' in lines


ODD = st.text(st.characters() | st.sampled_from(' "\\\n<=>|#'), max_size=8)


@given(
    st.dictionaries(ODD, st.tuples(st.sampled_from(["eval", "train"]), st.lists(ODD)), max_size=3),
    st.lists(st.tuples(st.sampled_from(["total", "module", "op", "sum"]), ODD), max_size=4),
    st.integers(0, 10**25),
)
def test_any_names_come_back(
    models: dict[str, tuple[str, list[str]]], parts: list[tuple[str, str]], value: int
) -> None:
    """Line breaks, quotes and conflict markers in names are no line breaks, quotes or markers."""
    made = Baseline(
        {name: Measured(mode, tuple(inputs), "f") for name, (mode, inputs) in models.items()},
        {Key(name, kind, part, "macs"): value for name in models for kind, part in parts},  # type: ignore[arg-type]  # drawn from the kinds
        {"torch": "2"},
        "c",
    )
    text = text_of(made)
    assert parse(text) == made
    assert sides(text) == (text, None, text)
    assert text.isascii()


def test_the_order_of_reports_does_not_matter() -> None:
    """The same values give the same text, whatever order they came in."""
    made = net()
    other = replace(made, values=dict(reversed(list(made.values.items()))))
    assert text_of(other) == text_of(made)
    assert parse(text_of(made).replace("\n", "\r\n")) == parse(text_of(made))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema costlab.baseline/1", "schema costlab.baseline/2", r"b:1: .*reads costlab.basel"),
        ("schema costlab.baseline/1\n", "", r"b:1: the baseline is of no schema"),
        ("convention", "konvention", r"b:2: a line begins with"),
        ("version costlab 0.1.0\n", "version costlab 0.1.0\n" * 2, r"b:4: this line is there twi"),
        ("macs 1000\n", "macs 1000\nvalue net module body.one macs 1000\n", "there twice"),
        ("macs 1000\n", "macs 1000\nvalue net module body.one macs 1001\n", "there twice"),
        ("value net module body.two macs 2000\n", "", ""),
        ("macs 1000", "macs -1", r"b:6: '-1' is no count"),
        ("macs 1000", "macs 1e3", r"b:6: '1e3' is no count"),
        ("macs 1000", "macs 01000", r"is no count"),
        ("macs 1000", "mcs 1000", r"b:6: there is no 'mcs' of a 'module'"),
        ("macs 1000", "macs", r"b:6: a line of a value has 5 fields, and this one 4"),
        ("macs 1000", "macs  1000", r"b:6: this is not as costlab writes it"),
        ('"body.*, stem"', '"body.*, stem', r"not as costlab|damaged|fields"),
        ("value net module body.one", "value nat module body.one", r"b:6: nat has no line"),
        ("value net module body.one", "<<<<<<< HEAD\nvalue net module body.one", r"b:6: git could"),
        ("value net module body.one", "\nvalue net module body.one", r"b:6: a line begins"),
    ],
)
def test_what_is_no_baseline(old: str, new: str, said: str) -> None:
    """A line that is damaged, twice there, out of order or of a conflict is named."""
    text = text_of(net())
    assert old in text
    if said:
        with pytest.raises(UsageError, match=said):
            parse(text.replace(old, new, 1), "b")
    else:
        assert len(parse(text.replace(old, new, 1)).values) == len(net().values) - 1


def test_unsorted_lines() -> None:
    """Lines in another order are an error: a file that tools reorder does not merge."""
    *head, one, two = text_of(net()).splitlines(keepends=True)
    with pytest.raises(UsageError, match=r"b:\d+: the lines are not sorted"):
        parse("".join([*head, two, one]), "b")


@given(st.text(st.characters() | st.sampled_from('\n "schema model value version'), max_size=60))
def test_any_text_is_a_baseline_or_an_error(text: str) -> None:
    """No text gives a traceback, with a good head or without one."""
    for given_text in (text, text_of(net()) + text):
        try:
            found = parse(given_text)
        except UsageError:
            continue
        assert text_of(found) == given_text.replace("\r\n", "\n").removesuffix("\n") + "\n"


def test_files(tmp_path: Path) -> None:
    """A file is read as it was written; none, or one of bytes, says what writes one."""
    (tmp_path / "b").write_text(text_of(net()), encoding="utf-8")
    assert read(tmp_path / "b") == net()
    (tmp_path / "b").write_bytes(b"\xff")
    for path in (tmp_path / "b", tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="`costlab baseline update` writes it"):
            read(path)


def test_an_update_keeps_what_is_within_the_slack() -> None:
    """Small moves stay unwritten and add up: what is kept is the file's value, so drift ends."""
    file, moved = net(), 1_000
    for _ in range(5):
        moved += 3
        file = update(file, net(one=moved), Fraction(1, 100))
    key = Key("net", "module", "body.one", "macs")
    assert file.values[key] == 1_012  # 3, 6 and 9 are within 1 % of 1000; 12 is not; 3 more is
    assert update(file, net(one=moved)).values[key] == 1_015
    assert key in drift(file, net(one=moved), Fraction(1, 1000))
    assert drift(file, net(one=moved), Fraction(1, 100)) == ()
    assert drift(file, file) == ()


def test_an_update_of_something_else_keeps_nothing() -> None:
    """Values of another convention, mode or input are never kept; a lower bound never written."""
    other = {"net": Measured("train", (), "f")}
    for old in (replace(net(), convention="x"), replace(net(), models=other)):
        assert update(old, net(one=1_001), Fraction(1)) == net(one=1_001)
    assert update(None, net()) == net()
    unknown = snapshot(config(TEXT), {"net": report(coverage=UNKNOWN)})
    with pytest.raises(UsageError, match="a lower bound is no baseline"):
        update(net(), unknown)


def test_what_could_not_be_measured_stays() -> None:
    """A model that fails keeps its old values, but for those of another convention."""
    old, new = two(net(), net(one=5)), net(stem=101)
    found = update(old, new, unmeasured=["other", "never seen"])
    assert found.models == {**new.models, "other": old.models["other"]}
    kept = {key: value for key, value in old.values.items() if key.model == "other"}
    assert kept
    assert found.values == {**new.values, **kept}
    assert update(old, new) == new
    assert update(replace(old, convention="x"), new, unmeasured=["other"]) == new


def test_a_snapshot_of_two_conventions() -> None:
    """Reports that count differently are no one baseline."""
    text = '[models.other]\nmodel = "x"\n' + TEXT.replace('modules = ["**"]\n', "")
    reports = {"net": report(), "other": report(convention="x")}
    with pytest.raises(UsageError, match="different counting conventions"):
        snapshot(config(text), reports)


def test_the_fingerprint_is_of_every_block() -> None:
    """Costs that move between blocks keep the total and change the fingerprint."""
    assert fingerprint(report(leaf("a", 10), leaf("b", 20))) != fingerprint(
        report(leaf("a", 20), leaf("b", 10))
    )
    assert fingerprint(report()) == fingerprint(report(versions={**VERSIONS, "torch": "3"}))
