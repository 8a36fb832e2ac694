"""Numbers as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlab.units import binary_bytes, exact, percent, ratio, seconds, si


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (999_999, "1.00 M"),
        (1_005_000, "1.01 M"),
        (-999_999, "-1.00 M"),
        (-401_937_408, "-402 M"),
        (10**30, "1.00 Q"),
        (10**36, "1000000 Q"),
    ],
)
def test_si(n: int, text: str) -> None:
    """Three digits, rounded half away from zero, with the carry into the next prefix."""
    assert si(n) == text


@pytest.mark.parametrize(
    ("digits", "text"), [(1, "6 G"), (2, "5.7 G"), (5, "5.7132 G"), (10, "5.713216096 G")]
)
def test_si_digits(digits: int, text: str) -> None:
    """The digits asked for, and no others."""
    assert si(5_713_216_096, digits) == text


@given(st.integers(min_value=1000, max_value=10**33 - 1))
def test_si_is_within_half_a_unit_of_its_last_digit(n: int) -> None:
    """What is printed differs from the count by at most half of its last digit, in integers."""
    number, prefix = si(n).split()
    power = 3 * "kMGTPEZYRQ".index(prefix) + 3
    decimals = len(number.partition(".")[2])
    assert len(number.replace(".", "")) in {3, 4}
    shown = int(number.replace(".", "")) * 10 ** (power - decimals)
    assert 2 * abs(shown - n) <= 10 ** (power - decimals)


@given(st.integers())
def test_exact_keeps_every_digit(n: int) -> None:
    """An exact count reads back as itself, beyond what a float holds."""
    assert int(exact(n).replace(",", "")) == n
    assert int(exact(n + 2**70).replace(",", "")) == n + 2**70


def test_a_float_would_not_do() -> None:
    """The guard above can fail: a float loses the last digits of a large count."""
    assert int(f"{float(2**70 + 1):.0f}") != 2**70 + 1


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1024**2 - 1, "1020 KiB"),
        (1024**2, "1.00 MiB"),
        (-(1024**3), "-1.00 GiB"),
        (4 * 27_161_264, "104 MiB"),
    ],
)
def test_binary_bytes(n: int, text: str) -> None:
    """A prefix begins where the size reaches it."""
    assert binary_bytes(n) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (0.0004, "<0.1 %"),
        (-0.0004, ">-0.1 %"),
        (0.0005, "0.1 %"),
        (-0.124, "-12.4 %"),
        (0.9996, ">99.9 %"),
        (1, "100.0 %"),
        (12.5, "1,250.0 %"),
        (float("nan"), "nan %"),
        (float("-inf"), "-inf %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    """One decimal; 0 and 100 only for nothing and all."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.4, "1.40×"), (0.05, "0.0500×"), (123.0, "123×"), (0.0, "0×"), (float("inf"), "inf×")],
)
def test_ratio(value: float, text: str) -> None:
    """Three digits wherever the point is."""
    assert ratio(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 s"),
        (61.0, "61.0 s"),
        (12_345.0, "12300 s"),
        (0.9999, "1.00 s"),
        (3e-9, "3.00 ns"),
        (4e-14, "0.0400 ps"),
        (float("nan"), "nan s"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    """From picoseconds to seconds."""
    assert seconds(value) == text
