"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.report import numbers
from snn2chip.report.numbers import Unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1.00"),
        (12.345, "12.3"),
        (0.0123456, "0.0123"),
        (9.999, "10.0"),
        (99.96, "100"),
        (999.6, "1,000"),
        (1234.5, "1,234"),
        (1234567, "1,234,567"),
        (0.00001234, "1.2e-05"),
        (-2.5, "-2.50"),
    ],
)
def test_significant(value: float, text: str) -> None:
    assert numbers.significant(value) == text


@given(st.floats(1e-4, 1e9))
def test_significant_is_within_half_a_unit_of_the_third_digit(value: float) -> None:
    read = float(numbers.significant(value).replace(",", ""))
    assert math.isclose(read, value, rel_tol=5.1e-3)


@pytest.mark.parametrize(
    ("nj", "text"),
    [
        (None, "n/a"),
        (0.0, "0 nJ"),
        (0.5, "500 pJ"),
        (0.0002, "0.200 pJ"),
        (12.34, "12.3 nJ"),
        (999.4, "999 nJ"),
        (999.7, "1.00 uJ"),
        (2345.0, "2.35 uJ"),
        (5.5e6, "5.50 mJ"),
        (1.2e10, "12.0 J"),
    ],
)
def test_energy(nj: float | None, text: str) -> None:
    assert numbers.energy(nj) == text


@pytest.mark.parametrize(
    ("us", "text"), [(18.4, "18.4 us"), (0.5, "500 ns"), (1500.0, "1.50 ms"), (2.5e6, "2.50 s")]
)
def test_time(us: float, text: str) -> None:
    assert numbers.time(us) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (187, "187"),
        (35.4, "35.4"),
        (9999, "9999"),
        (1234.5, "1234"),
        (12_034, "12.0k"),
        (456_700, "457k"),
        (1_234_567, "1.23M"),
        (2.5e9, "2.50G"),
        (3e12, "3.00T"),
    ],
)
def test_count(value: float, text: str) -> None:
    assert numbers.count(value) == text


@given(st.floats(1e-6, 1e14))
def test_counts_stay_narrow(value: float) -> None:
    assert len(numbers.count(value)) <= 8


@pytest.mark.parametrize(
    ("name", "text"),
    [("fc1", "fc1"), ("a\nb", "a\\nb"), ("\x1b[0m", "\\x1b[0m"), ("\ud800", "\\ud800"), ("ä", "ä")],
)
def test_shown_escapes_what_cannot_be_seen(name: str, text: str) -> None:
    assert numbers.shown(name) == text


@given(st.text(st.characters(), max_size=50))
def test_shown_is_always_printable(name: str) -> None:
    assert numbers.shown(name).isprintable()


def test_a_unit_is_shared_by_a_column() -> None:
    unit = Unit("nJ", 1.0)
    assert [unit.number(v) for v in (325.0, 0.06, None)] == ["325", "0.0600", "n/a"]
    assert unit.quantity(2.0) == "2.00 nJ"


def test_shapes_shares_and_plurals() -> None:
    assert numbers.shape((8, 14, 14)) == "8x14x14"
    assert numbers.shape(()) == "1"
    assert numbers.percent(0.0825) == "8.25"
    assert numbers.accuracy(0.9639) == "96.39 %"
    assert numbers.accuracy(None) == "n/a"
    assert numbers.plural(1, "core") == "1 core"
    assert numbers.plural(1200, "core") == "1,200 cores"
