"""Figures by the number of steps, on the terminal and as CSV."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from snn2chip.pipeline import CurvePoint
from snn2chip.report.curve import COLUMNS, MOST_ROWS, sentence, table, text


def points(count: int) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(k, min(1.0, k / 10), 0.5 / k, 20.0 * k, 5.0 * k, 15.0 * k, 1.5 * k)
        for k in range(1, count + 1)
    )


def rendered(found: tuple[CurvePoint, ...], width: int = 100) -> list[str]:
    from rich.console import Console

    console = Console(width=width, file=StringIO())
    with console.capture() as capture:
        console.print(table(found, width))
    return capture.get().splitlines()


def test_csv_has_every_point() -> None:
    rows = list(csv.DictReader(StringIO(text(points(20)))))
    assert list(rows[0]) == list(COLUMNS)
    assert [int(row["steps"]) for row in rows] == list(range(1, 21))
    assert float(rows[4]["energy_nj"]) == 100.0
    unknown = text([CurvePoint(3, None, None, None, None, None, None)])
    assert unknown.splitlines()[1] == "3,,,,,,"


@pytest.mark.parametrize("count", [1, 2, MOST_ROWS, 40])
def test_the_table_has_the_first_and_the_last(count: int) -> None:
    rows = [line.split()[0] for line in rendered(points(count))[3:] if line.strip()]
    assert len(rows) == min(count, MOST_ROWS)
    assert (rows[0], rows[-1]) == ("1", str(count))


def test_a_narrow_table_keeps_energy_and_accuracy() -> None:
    head = " ".join(rendered(points(5), 40)[:3])
    assert "accuracy" in head
    assert "energy" in head
    assert "dynamic" not in head
    assert all(len(line) <= 40 for line in rendered(points(5), 40))


def test_where_it_settles_in_words() -> None:
    assert sentence(points(20), 719) == (
        "From 10 steps on the accuracy is within 1 point of its last value (7 samples of 719), at "
        "50.0 % of the energy."
    )
    assert "(1 sample of 100)" in sentence(points(20), 100)
    assert sentence(points(3), 719) == ""
    assert sentence([CurvePoint(3, None, None, None, None, None, None)], 50) == ""


def test_few_samples_cannot_tell_a_point() -> None:
    said = sentence(points(20), 50)
    assert said.startswith("One of 50 samples is 2.00 points: ")
    assert "cannot be told" in said
    assert "cannot be told" in sentence(points(20), 99)
    assert "energy" not in said
