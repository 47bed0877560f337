"""The floorplan and the table of limits on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from snn2chip.report.build import build
from snn2chip.report.terminal.chip import FEWEST, MOST_LINES, floorplan, utilization_table
from snn2chip.report.types import Report
from snn2chip.targets.types import Mesh
from tests.report.synthetic_results import result


def text(report: Report, width: int = 80, ascii_only: bool = False, colours: bool = False) -> str:
    out = io.StringIO()
    system = "truecolor" if colours else None
    console = Console(file=out, width=width, color_system=system, force_terminal=colours)
    for part in floorplan(report, width, ascii_only=ascii_only, colours=colours):
        console.print(part, highlight=False, markup=False)
    return out.getvalue()


def test_letters_stand_where_the_layers_sit(report: Report) -> None:
    lines = text(report).splitlines()
    assert lines[:2] == ["Floorplan", "a input  b conv  c hidden  d output  · unused"]
    assert lines[2:] == [
        "aa bb d·",
        "ab cc ··",
        "not drawn: 3 rows and 5 columns of unused tiles",
    ]


def test_ascii_has_no_other_characters(report: Report) -> None:
    plain = text(report, ascii_only=True)
    assert plain.isascii()
    assert "aa bb d." in plain


def test_a_colour_terminal_has_shades(report: Report) -> None:
    coloured = text(report, colours=True)
    assert "\x1b[" in coloured
    assert "█" in coloured
    # hidden's second core holds 8 of 24 neurons
    assert "▒" in coloured


def test_every_used_core_is_drawn_once() -> None:
    report = build(result(neurons_per_core=1))
    lines = text(report).splitlines()[2:]
    assert [line for line in lines if "chip" in line] == ["the chip", "beyond the chip"]
    drawn = "".join(line for line in lines if "chip" not in line and "not drawn" not in line)
    assert [drawn.count(letter) for letter in "abcd"] == [row.cores for row in report.layers]


def test_a_few_cores_are_not_drawn() -> None:
    few = build(result(neurons_per_core=64))
    assert len(few.cores) == FEWEST
    assert text(few)
    assert text(replace(few, cores=few.cores[: FEWEST - 1])) == ""


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 130), st.sampled_from([1, 5, 24]), st.sampled_from([(8, 4), (40, 40)]))
def test_it_fits_any_terminal(width: int, neurons: int, mesh: tuple[int, int]) -> None:
    run = result(neurons_per_core=neurons)
    run = replace(run, target=replace(run.target, mesh=Mesh(*mesh, 4)))
    lines = text(build(run), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    if width >= 80:
        assert len(lines) <= 4 * (MOST_LINES + 2)


def test_many_tiles_have_a_character_each() -> None:
    run = result(neurons_per_core=1)
    wide = replace(run, target=replace(run.target, mesh=Mesh(60, 20, 4)))
    assert cell_len(text(build(wide), 80).splitlines()[2]) == 8 * 3 - 1
    lines = text(build(wide), 12).splitlines()
    row = next(k for k, line in enumerate(lines) if line.startswith("aaaaaaaa"))
    assert len(lines[row]) == 8
    assert " ".join(" ".join(lines).split()).endswith("columns of unused tiles")


def test_more_layers_than_letters() -> None:
    number = 40
    names = tuple(f"layer{k}" for k in range(number))
    shapes = ((4,),) * (number - 1) + ((10,),)
    report = build(result(names=names, shapes=shapes, rates=(0.1,) * number, drift=False))
    drawn = text(report)
    assert "and 28 more" in drawn
    assert "l layer11" in drawn.replace("\n", " ")


def test_limits_have_what_is_needed_and_used(report: Report) -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(utilization_table(report, 100))
    (row,) = [line for line in out.getvalue().splitlines() if line.startswith("neurons")]
    assert row.split() == ["neurons", "24", "170", "8", "100", "78.7"]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_the_table_of_limits_keeps_what_says_most(report: Report, width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(utilization_table(report, width))
    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= width
    assert "at least" in out.getvalue()
