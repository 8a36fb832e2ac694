"""Quantities: exact, each with its unit, and refused with a remedy where it has none of its own."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.budgets.budget import METRICS, Metric
from costlab.budgets.quantities import LARGEST, amount, share, shown, units
from costlab.errors import UsageError


@pytest.mark.parametrize(
    ("text", "metric", "count"),
    [
        ("5G", "macs", 5 * 10**9),
        ("5.8 GMACs", "macs", 58 * 10**8),
        ("5.8GMAC", "macs", 58 * 10**8),
        ("25M", "params", 25 * 10**6),
        ("27.5 Mparams", "params_executed", 275 * 10**5),
        ("20 MiB", "bytes", 20 * 2**20),
        ("20 MB", "peak_activation_bytes", 20 * 10**6),
        ("1_000", "depth", 1000),
        (" 7 ", "flops", 7),
        ("0.1k", "activations", 100),
        (0, "macs", 0),
        (2**63, "macs", 2**63),
    ],
)
def test_a_quantity(text: object, metric: Metric, count: int) -> None:
    """What a text says is an integer, whatever decimals it has."""
    assert amount(text, metric) == count
    assert type(amount(text, metric)) is int


@pytest.mark.parametrize(
    ("text", "metric", "said"),
    [
        ("5 GFLOPs", "macs", "in FLOPs, and macs are counted in MACs.*limit flops"),
        ("5 GMACs", "flops", "in MACs, and flops are counted in FLOPs.*limit macs"),
        ("20M", "bytes", "Write 20 MB or 20 MiB: they differ"),
        ("20 KB", "bytes", "Did you mean KiB"),
        ("5B", "macs", "is in B"),
        ("5g", "macs", "Did you mean G"),
        ("2%", "macs", "is a percentage"),
        ("-5G", "macs", "is negative"),
        (-1, "macs", "is negative"),
        ("nan", "macs", "is no quantity"),
        ("inf", "macs", "is no quantity"),
        ("", "macs", "is empty"),
        ("1,000", "macs", "1_000"),
        ("1.5", "macs", "no whole number of MACs"),
        ("9999999999G", "macs", "more than any network has"),
        (2**63 + 1, "macs", "more than any network has"),
        pytest.param(16**9000, "macs", "a number of 36001 bits is more", id="bits"),
        ("1" * 9000, "macs", "too long"),
        (5.8e9, "macs", "is a float"),
        (True, "macs", "is a bool"),
        ([], "macs", "is a list"),
        ("٣G", "macs", "is no quantity"),
    ],
)
def test_what_is_no_quantity(text: object, metric: Metric, said: str) -> None:
    """A wrong unit, sign, size or type is told apart, with what would be right."""
    with pytest.raises(UsageError, match=said):
        amount(text, metric)


@pytest.mark.parametrize(
    ("text", "found"),
    [("2%", (2, 100)), ("0.5 %", (1, 200)), ("0", (0, 1)), (0, (0, 1)), ("150%", (3, 2))],
)
def test_a_share(text: object, found: tuple[int, int]) -> None:
    """A percentage is a fraction: a third of a per cent is not rounded."""
    assert share(text) == Fraction(*found)


@pytest.mark.parametrize(
    "text", ["2", 2, 0.05, "0.02", "2 percent", "-1%", "nan%", "", True, None, "%", "9" * 30 + "%"]
)
def test_what_is_no_share(text: object) -> None:
    """A number without its sign could be 5 % or 500 %: it is refused, whichever it looks like."""
    with pytest.raises(UsageError):
        share(text)


@given(st.text(max_size=80) | st.integers() | st.floats(), st.sampled_from(METRICS))
def test_anything_is_a_count_or_an_error(text: object, metric: Metric) -> None:
    """Whatever is given, there is a count in range or a message that says what to write."""
    for read in (lambda: amount(text, metric), lambda: share(text)):
        try:
            found = read()
        except UsageError:
            continue
        assert 0 <= found <= LARGEST


@given(st.integers(0, 2**40), st.sampled_from(METRICS), st.data())
def test_units_are_exact(count: int, metric: Metric, data: st.DataObject) -> None:
    """A count in any unit of its metric is that many times the unit."""
    unit = data.draw(st.sampled_from(sorted(units(metric))))
    if count * units(metric)[unit] <= LARGEST:
        assert amount(f"{count}{unit}", metric) == count * units(metric)[unit]


def test_a_value_is_shown_short() -> None:
    """A text of any length and a number that Python refuses to write are told in a line."""
    assert len(shown("x" * 10**6)) < 70
    assert shown(2**100_000) == "a number of 100001 bits"
